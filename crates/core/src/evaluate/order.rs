//! Hamming rankings in a settled order. None is written down by row: a row's place follows from how many
//! rows lie at smaller distances and how many came before it at its own.

use std::cmp::Ordering;

use super::expected::Group;
use super::ranked::Placed;
use crate::error::Result;
use crate::parallel::Cancel;
use crate::sorting;

/// Set in the key of a row that is relevant for the query.
pub(super) const RELEVANT: u32 = 1;
/// Set in the key of a row that is one of its neighbours.
pub(super) const NEIGHBOUR: u32 = 2;

/// What is kept of a row for a query: its distance, with room for the two flags below.
#[inline(always)]
pub(super) fn key(distance: u32) -> u32 {
    distance << 2
}

fn distance(key: u32) -> usize {
    (key >> 2) as usize
}

/// Per distance: the number of rows before it and of relevant ones among them.
fn starts(groups: &[Group]) -> Vec<[usize; 2]> {
    let mut before = [0; 2];
    let start = |group: &Group| {
        let start = before;
        before = [start[0] + group.total, start[1] + group.relevant];
        start
    };
    groups.iter().map(start).collect()
}

/// Places the rows in order of (distance, row). `groups` end with the last distance that is ranked.
// Inlined into one large function with its caller, the loop is a third slower.
#[inline(never)]
pub(super) fn by_row(keys: &[u32], groups: &[Group], placed: &mut Placed) {
    let mut before = starts(groups);
    for &key in keys {
        let Some([rows, relevant]) = before.get_mut(distance(key)) else { continue };
        *rows += 1;
        if key & (RELEVANT | NEIGHBOUR) != 0 {
            *relevant += (key & RELEVANT) as usize;
            place(key, *rows, *relevant, placed);
        }
    }
}

#[inline(always)]
fn place(key: u32, position: usize, relevant: usize, placed: &mut Placed) {
    if key & RELEVANT != 0 {
        placed.relevant(relevant, position);
    }
    if key & NEIGHBOUR != 0 {
        placed.neighbour(position);
    }
}

/// Rows on their way through a sort.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    sorted: Vec<u64>,
}

/// Places the rows in order of (distance, how far they are `apart`, row); the second is never negative. `groups`
/// end with the last distance that is ranked.
pub(super) fn by_distance(
    keys: &[u32],
    apart: &[f64],
    groups: &[Group],
    scratch: &mut Scratch,
    cancel: &Cancel,
    placed: &mut Placed,
) -> Result<()> {
    let before = starts(groups);
    let sorted = &mut scratch.sorted;
    sorted.clear();
    sorted.resize(groups.iter().map(|group| group.total).sum(), 0);
    let mut next: Vec<_> = before.iter().map(|[rows, _]| *rows).collect();
    for ((&key, &apart), row) in keys.iter().zip(apart).zip(0..) {
        if let Some(next) = next.get_mut(distance(key)) {
            // The bits of floats that are not negative ascend with the value.
            sorted[*next] = u64::from((apart as f32).to_bits()) << 32 | row;
            *next += 1;
        }
    }
    for (group, &[first, mut relevant]) in groups.iter().zip(&before) {
        cancel.check()?;
        let ties = &mut sorted[first..first + group.total];
        sort_halves(ties, &|&a, &b| apart[row_of(a)].total_cmp(&apart[row_of(b)]).then(a.cmp(&b)));
        for (&item, position) in ties.iter().zip(first + 1..) {
            let key = keys[row_of(item)];
            relevant += (key & RELEVANT) as usize;
            place(key, position, relevant, placed);
        }
    }
    Ok(())
}

/// The row of an item: the lower half, below what it is sorted by first.
pub(super) fn row_of(item: u64) -> usize {
    item as u32 as usize
}

/// Sorts by the upper halves of the items, then by `order`, which is asked only of items that these cannot tell
/// apart. Such items should be few, or equal.
pub(super) fn sort_halves(items: &mut [u64], order: &dyn Fn(&u64, &u64) -> Ordering) {
    sorting::sort(items);
    for alike in items.chunk_by_mut(|a, b| a >> 32 == b >> 32).filter(|alike| alike.len() > 1) {
        sorting::sort_by(alike, order);
    }
}
