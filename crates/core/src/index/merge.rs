//! One segment of several.

use super::bitmap::Bitmap;
use super::segment::{Beside, Segment};
use crate::error::{Error, Result};
use crate::hamming::Blocks;
use crate::sorting;

/// A segment, and which of its positions are left where some were removed.
pub(super) type Source<'a> = (&'a Segment, Option<&'a Bitmap>);

/// One segment of several in memory that follow each other in rows. With the alive positions of each it also gives
/// those of the whole.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn merge(parts: &[Source], bits: usize) -> Result<(Segment, Option<Bitmap>)> {
    let is_sorted = |pair: &[Source]| {
        let [(before, _), (after, _)] = pair else { return true };
        let last = (before.count() as u32).checked_sub(1).map(|last| before.id(last));
        // Equal ids are in the order of rows, which the later segment has the later ones of.
        after.count() == 0 || last.is_none_or(|last| last <= after.id(0))
    };
    let blocks = Blocks::zeros(count(parts), bits)?;
    match parts.windows(2).all(is_sorted) {
        true => concatenated(parts, blocks),
        false => interleaved(parts, blocks),
    }
}

fn count(parts: &[Source]) -> usize {
    parts.iter().map(|(part, _)| part.count()).sum()
}

fn first_row(parts: &[Source]) -> u32 {
    parts.first().map_or(0, |(part, _)| part.first_row)
}

/// The order of the whole is that of one part after the other.
fn concatenated(parts: &[Source], mut blocks: Blocks) -> Result<(Segment, Option<Bitmap>)> {
    let mut at = 0;
    for (part, _) in parts {
        blocks.copy_from(at, &part.blocks);
        at += part.count();
    }
    let first = first_row(parts);
    let has_rows = parts.iter().any(|(part, _)| part.rows.is_some());
    let rows = has_rows.then(|| {
        let mut rows = Vec::with_capacity(count(parts));
        for (part, _) in parts {
            rows.extend((0..part.count() as u32).map(|p| part.row(p) - first));
        }
        rows
    });
    let beside = Beside {
        ids: column(parts, |part| part.ids.as_deref()),
        factors: column(parts, |part| part.factors.as_deref()),
    };
    let positions = parts.iter().flat_map(|(part, alive)| {
        (0..part.count()).map(move |at| alive.is_none_or(|alive| alive.has(at)))
    });
    let alive = alive(parts, positions)?;
    Ok((Segment::of(blocks, first, rows, beside), alive))
}

/// A column of one part after the other, where they have it.
fn column<'a, T: Copy + 'a>(
    parts: &[Source<'a>],
    of: impl Fn(&'a Segment) -> Option<&'a [T]>,
) -> Option<Vec<T>> {
    let mut all = Vec::with_capacity(count(parts));
    for (part, _) in parts {
        all.extend_from_slice(of(part)?);
    }
    Some(all)
}

/// By id, equal ids by row.
fn interleaved(parts: &[Source], mut blocks: Blocks) -> Result<(Segment, Option<Bitmap>)> {
    let count = count(parts);
    let mut keys: Vec<(i64, u32)> = Vec::new();
    keys.try_reserve_exact(count).map_err(|_| Error::out_of_memory("a segment", 16 * count))?;
    let mut starts = Vec::with_capacity(parts.len());
    for (part, _) in parts {
        starts.push(keys.len() as u32);
        let first = keys.len() as u32;
        keys.extend((0..part.count() as u32).map(|at| (part.id(at), first + at)));
    }
    // Equal ids are in the order of rows within a part, and later parts have later rows.
    sorting::sort_runs(&mut keys);
    let place = |(_, at): &(i64, u32)| {
        let p = starts.partition_point(|start| start <= at) - 1;
        (p as u32, at - starts[p])
    };
    let order: Vec<(u32, u32)> = keys.iter().map(place).collect();
    let segment = |p: u32| parts[p as usize].0;
    let mut words = vec![0; blocks.words()];
    for (position, (p, at)) in order.iter().enumerate() {
        segment(*p).blocks.get(*at as usize, &mut words);
        blocks.set(position, &words);
    }
    let has_ids = parts.iter().any(|(part, _)| part.ids.is_some());
    let ids = has_ids.then(|| keys.iter().map(|(id, _)| *id).collect());
    let first = first_row(parts);
    let rows: Vec<u32> = order.iter().map(|(p, at)| segment(*p).row(*at) - first).collect();
    let before = column(parts, |part| part.factors.as_deref());
    let factors = before.map(|all| keys.iter().map(|(_, at)| all[*at as usize]).collect());
    let is_alive =
        |(p, at): &(u32, u32)| parts[*p as usize].1.is_none_or(|alive| alive.has(*at as usize));
    let alive = alive(parts, order.iter().map(is_alive))?;
    Ok((Segment::of(blocks, first, Some(rows), Beside { ids, factors }), alive))
}

/// The positions of the whole of which `is_alive` says yes, where some part has lost any.
fn alive(parts: &[Source], is_alive: impl Iterator<Item = bool>) -> Result<Option<Bitmap>> {
    if parts.iter().all(|(_, alive)| alive.is_none()) {
        return Ok(None);
    }
    let mut all = Bitmap::all(count(parts))?;
    for (position, _) in is_alive.enumerate().filter(|(_, is_alive)| !is_alive) {
        all.remove(position);
    }
    Ok(Some(all))
}
