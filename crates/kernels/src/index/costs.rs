//! A rough model of what ways to search cost, in nanoseconds. It decides between them, never what is found.
//!
//! The constants were measured on one server CPU with AVX-512 (docs/kernels.md); on others their ratios are
//! similar enough.

use super::tables::{Work, bucket_count, substring_bits};
use crate::hamming::Kernel;
use crate::sizes::block;

/// A look into a bucket.
const BUCKET: f64 = 20.0;
/// A candidate and each of its words: cache misses that overlap with others.
const CANDIDATE: f64 = 20.0;
const CANDIDATE_WORD: f64 = 3.0;
/// A code in one table while it is built.
const BUILD: f64 = block(20, 0) as f64;
/// A word that a scan reads from memory, and from a cache of so many bytes.
const MEMORY_WORD: f64 = 0.3;
const CACHED_WORD: f64 = 0.12;
const CACHE: usize = 24 << 20;
/// How many times more codes lie in the buckets near a query than in others, for codes worth a search.
const CLUSTERING: f64 = 4.0;

/// The share of a scan that a query may spend in tables before it is scanned for after all, the share of all
/// scans that queries may waste so, and the share of what others have saved that they may waste as well.
const EACH_SHARE: f64 = 0.5;
const WASTED_SHARE: f64 = 0.033;
const SAVED_SHARE: f64 = 0.5;

/// A scan that nothing is faster than.
const SHORTEST_SCAN: f64 = block(20_000, 100) as f64;

/// Costs of a search of some codes for some queries.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    rows: usize,
    bits: usize,
    queries: usize,
    /// Of a scan, per query.
    scan: f64,
}

impl Costs {
    /// Of `queries` queries for `rows` codes of `bits` bits.
    pub fn new(rows: usize, bits: usize, queries: usize, kernel: Kernel) -> Self {
        let words = rows * bits.div_ceil(64);
        let read = if words * 8 > CACHE { MEMORY_WORD } else { CACHED_WORD };
        let word = kernel.word_nanoseconds().max(read / queries as f64);
        Self { rows, bits, queries, scan: words as f64 * word }
    }

    /// Whether the first step through the tables can be afforded.
    pub fn is_worth_a_try(&self) -> bool {
        let (each, wasted) = self.budgets();
        // Said first where even the question takes too long.
        self.scan > SHORTEST_SCAN
            && self.in_tables(substring_bits(self.bits, self.rows).len() as u32 - 1, 1.0)
                <= each.min(wasted)
    }

    /// What a query may spend in tables, and what all that give up may waste.
    pub fn budgets(&self) -> (f64, f64) {
        (EACH_SHARE * self.scan, WASTED_SHARE * self.scan * self.queries as f64)
    }

    /// What a query whose work was `work` has saved that others may waste.
    pub fn saved(&self, work: Work) -> f64 {
        let spent = self.step(work.buckets as f64, work.candidates as f64);
        (SAVED_SHARE * (self.scan - spent)).max(0.0)
    }

    /// Whether building tables saves more than twice what it takes, for queries like some whose last hits
    /// are at `distances`.
    pub fn pays(&self, distances: &[u32]) -> bool {
        if self.scan * self.queries as f64 <= SHORTEST_SCAN {
            return false;
        }
        let tables = substring_bits(self.bits, self.rows).len();
        let build = (self.rows * tables) as f64 * BUILD;
        let search = |distance: &u32| self.in_tables(*distance, CLUSTERING).min(self.scan);
        let mean = distances.iter().map(search).sum::<f64>() / distances.len() as f64;
        (self.scan - mean) * self.queries as f64 > 2.0 * build
    }

    /// What a query spends that must meet every code within `distance`.
    fn in_tables(&self, distance: u32, clustering: f64) -> f64 {
        let widths = substring_bits(self.bits, self.rows);
        let step = |step: usize| {
            let (near, width) = (step / widths.len(), widths[step % widths.len()]);
            let candidates = clustering * self.rows as f64 / (1u64 << width) as f64;
            bucket_count(width, near) * self.step(1.0, candidates)
        };
        (0..=distance as usize).map(step).sum()
    }

    fn step(&self, buckets: f64, candidates: f64) -> f64 {
        step_nanoseconds(buckets, candidates, self.bits)
    }
}

/// What looking into `buckets` and comparing `candidates` of `bits` bits costs.
pub fn step_nanoseconds(buckets: f64, candidates: f64, bits: usize) -> f64 {
    buckets * BUCKET + candidates * (CANDIDATE + CANDIDATE_WORD * bits.div_ceil(64) as f64)
}
