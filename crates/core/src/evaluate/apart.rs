//! How far unquantized vectors are apart: what puts rows at equal Hamming distance in order.
//!
//! In float64 and a fixed order of summation, so that it is the same on every CPU; float32 values cannot overflow
//! it.

use std::ops::Range;

use crate::dot::dot;
use crate::error::Result;
use crate::parallel::{Cancel, fill_chunks};
use crate::vectors::Vectors;

/// Rows of one task that takes norms.
const ROWS: usize = 1024;
/// Partial sums side by side.
const LANES: usize = 8;

/// The vectors behind codes, and the measure by which they are near.
pub(super) struct Floats<'a> {
    pub database: &'a Vectors,
    queries: &'a Vectors,
    /// Norms of the database's rows, where cosines count; 1 for rows of zeros, which have cosine 0 with all.
    norms: Option<Vec<f64>>,
}

impl<'a> Floats<'a> {
    /// Nearness by Euclidean distance.
    pub fn by_distance(database: &'a Vectors, queries: &'a Vectors) -> Self {
        Self { database, queries, norms: None }
    }

    /// Nearness by cosine.
    pub fn by_cosine(
        database: &'a Vectors,
        queries: &'a Vectors,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut norms = vec![0.0; database.rows()];
        let take = |(): &mut (), chunk: usize, norms: &mut [f64]| {
            for (row, out) in (chunk * ROWS..).zip(norms) {
                *out = norm(database.row(row));
            }
            Ok(())
        };
        fill_chunks(threads, &mut norms, ROWS, cancel, || (), take)?;
        Ok(Self { database, queries, norms: Some(norms) })
    }

    /// What is compared with the rows for one query.
    pub fn asking(&self, query: usize) -> Asking {
        let row = self.queries.row(query);
        Asking { vector: row.iter().map(|&x| f64::from(x)).collect(), norm: norm(row) }
    }
}

/// One query.
pub(super) struct Asking {
    vector: Vec<f64>,
    norm: f64,
}

fn norm(row: &[f32]) -> f64 {
    let norm = dot(row, row).sqrt();
    if norm == 0.0 { 1.0 } else { norm }
}

/// Writes to `out` how far the query is from `rows` of the database where their key is below `limit`, and leaves
/// the others: the squared Euclidean distance, or one minus the cosine.
///
/// To be dispatched. It is no closure, since the compiler gives up inlining one of this size, and only what
/// is inlined is compiled for the CPU's SIMD level.
pub(super) struct Measure<'a> {
    pub asking: &'a Asking,
    pub floats: &'a Floats<'a>,
    pub rows: Range<usize>,
    pub keys: &'a [u32],
    pub limit: u32,
    pub out: &'a mut [f64],
}

impl pulp::WithSimd for Measure<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { asking, floats, rows, keys, limit, out } = self;
        let Asking { vector, norm } = asking;
        if let Some(norms) = &floats.norms {
            for row in rows {
                if keys[row] < limit {
                    let cosine = sum(vector, floats.database.row(row), |a, b| a * b);
                    // Divided one by one: where equal cosines are exact, as of whole numbers, they stay equal.
                    out[row] = (1.0 - cosine / norms[row] / norm).max(0.0);
                }
            }
        } else {
            for row in rows {
                if keys[row] < limit {
                    out[row] = sum(vector, floats.database.row(row), |a, b| (a - b) * (a - b));
                }
            }
        }
    }
}

#[inline(always)]
fn sum(a: &[f64], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += term(a[lane], f64::from(b[lane]));
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| term(a, f64::from(b))).sum();
    sums.iter().sum::<f64>() + rest
}
