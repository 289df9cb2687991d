//! The best rows seen so far, for scores that arrive block by block.

use crate::sorting;

/// Scores compared at once on the fast path, where none of them is good enough.
const LANES: usize = 16;

/// Keeps the `keep` rows with the highest similarity; of equal ones, those with the lowest row.
///
/// Candidates gather in a buffer of twice that size. When it is full, a selection halves it, and its
/// worst survivor becomes the bar for what follows: constant time per candidate, and soon there are
/// few.
#[derive(Debug)]
pub(super) struct Nearest {
    keep: usize,
    candidates: Vec<u64>,
    bar: f32,
}

impl Nearest {
    /// `keep` must be at least 1.
    pub fn new(keep: usize) -> Self {
        Self { keep, candidates: Vec::new(), bar: f32::NEG_INFINITY }
    }

    /// Bytes that one of these may hold for a database of `rows`.
    pub fn bytes(keep: usize, rows: usize) -> usize {
        Self::capacity(keep).min(rows).saturating_mul(size_of::<u64>())
    }

    fn capacity(keep: usize) -> usize {
        keep.saturating_mul(2).max(keep.saturating_add(LANES))
    }

    /// Offers the rows from `first` on. Calls must come in order of the rows: then a later row that
    /// only equals the bar has lost. No similarity may be NaN.
    pub fn offer(&mut self, first: u32, similarities: &[f32]) {
        let (chunks, rest) = similarities.as_chunks::<LANES>();
        for (i, chunk) in chunks.iter().enumerate() {
            // Without early exit, so that it vectorises.
            if chunk.iter().fold(false, |any, &similarity| any | (similarity > self.bar)) {
                self.take(first + (i * LANES) as u32, chunk);
            }
        }
        self.take(first + (chunks.len() * LANES) as u32, rest);
    }

    fn take(&mut self, first: u32, similarities: &[f32]) {
        for (&similarity, row) in similarities.iter().zip(first..) {
            if similarity > self.bar {
                self.candidates.push(to_key(similarity, row));
            }
        }
        if self.candidates.len() + LANES > Self::capacity(self.keep) {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.candidates.len() <= self.keep {
            return;
        }
        sorting::select(&mut self.candidates, self.keep, u64::cmp);
        self.candidates.truncate(self.keep);
        self.bar = self.candidates.last().map_or(self.bar, |worst| similarity_of(*worst));
    }

    /// Writes the rows kept, best first, to `ranking`, and starts afresh.
    pub fn finish(&mut self, ranking: &mut Vec<u32>) {
        self.shrink();
        sorting::sort(&mut self.candidates);
        ranking.clear();
        ranking.extend(self.candidates.iter().map(|&key| key as u32));
        self.candidates.clear();
        self.bar = f32::NEG_INFINITY;
    }
}

/// Orders as (similarity descending, row ascending).
fn to_key(similarity: f32, row: u32) -> u64 {
    // Adding 0 turns -0 into 0. Flipping all but the sign of positive floats, and nothing of
    // negative ones, makes their bits descend with the value.
    let bits = (similarity + 0.0).to_bits();
    let descending = if bits >> 31 == 0 { bits ^ 0x7fff_ffff } else { bits };
    u64::from(descending) << 32 | u64::from(row)
}

fn similarity_of(key: u64) -> f32 {
    let descending = (key >> 32) as u32;
    f32::from_bits(if descending >> 31 == 0 { descending ^ 0x7fff_ffff } else { descending })
}
