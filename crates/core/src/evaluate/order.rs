//! Hamming rankings in a settled order, by a counting sort over the distances.

use std::ops::Range;

use crate::sorting;
use crate::vectors::Vectors;

/// Fills `ranking` with rows in order of (distance, row) and returns the range of each group of
/// equal distance. The ranking ends with the group that reaches `depth`, which is kept whole.
///
/// `counts` holds per distance how many rows have it, in two parts.
pub(super) fn by_row(
    distances: &[u32],
    counts: &[[u32; 2]],
    depth: usize,
    ranking: &mut Vec<u32>,
) -> Vec<Range<usize>> {
    let (mut groups, mut end) = (Vec::new(), 0);
    for [a, b] in counts {
        if end >= depth {
            break;
        }
        let start = end;
        end += (a + b) as usize;
        groups.push(start..end);
    }
    ranking.clear();
    ranking.resize(end, 0);
    let mut next: Vec<_> = groups.iter().map(|group| group.start).collect();
    for (&distance, row) in distances.iter().zip(0..) {
        if let Some(next) = next.get_mut(distance as usize) {
            ranking[*next] = row;
            *next += 1;
        }
    }
    groups
}

/// Writes to `out` the squared Euclidean distances of `query` to `rows` of the database where their
/// Hamming distance is at most `radius`, and leaves the others. For callers inside a SIMD dispatch.
#[inline(always)]
pub(super) fn squared_distances(
    query: &[f32],
    database: &Vectors,
    rows: Range<usize>,
    distances: &[u32],
    radius: u32,
    out: &mut [f64],
) {
    for row in rows {
        if distances[row] <= radius {
            out[row] = squared_distance(query, database.row(row));
        }
    }
}

/// Puts the rows of one group of ties in order of (`squared` distance, row). `keyed` is scratch.
pub(super) fn sort_ties(ties: &mut [u32], squared: &[f64], keyed: &mut Vec<(u64, u32)>) {
    keyed.clear();
    // The bits of floats that are not negative ascend with the value.
    keyed.extend(ties.iter().map(|&row| (squared[row as usize].to_bits(), row)));
    sorting::sort(keyed);
    ties.iter_mut().zip(keyed).for_each(|(row, keyed)| *row = keyed.1);
}

/// In float64 and a fixed order of summation, so that it is the same on every CPU; float32 values
/// cannot overflow it.
#[inline(always)]
fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 8;
    let square = |a: f32, b: f32| {
        let difference = f64::from(a) - f64::from(b);
        difference * difference
    };
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += square(a[lane], b[lane]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| square(a, b)).sum();
    sums.iter().sum::<f64>() + rest
}
