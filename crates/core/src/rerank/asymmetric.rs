//! The asymmetric score: the float query against the codes.
//!
//! A code c stands for the signs `s(c)` in {−1, +1}^b, and the score of its row for the transformed
//! query z is `⟨z, s(c)⟩ = Σ_j ±z_j`: the query keeps its lengths along every coordinate, only the
//! row is quantized (asymmetric distances: Gordo, Perronnin, Gong, Lazebnik 2014). With a factor per
//! row (see [`super::Metric`]) it estimates the inner product or the cosine of the float vectors, or their distance.
//!
//! ```text
//! for each word w of the code, each group of LANES bits, each lane l:
//!     sum[l] += z with its sign flipped where the bit is 0
//! score = factor · (sum[0] + sum[1] + … )
//! ```
//!
//! Negative factors are the norms n of the rows (`Metric::Euclidean`). What RaBitQ divides by, `⟨z, s⟩ = ‖z‖₁` of
//! the row, differs little between vectors of one norm, so that of the query stands in for it:
//!
//! ```text
//! ⟨row, z⟩ ≈ n · ‖z‖ / ‖z‖₁ · ⟨z, s⟩
//! score = ⟨row, z⟩ − n²/2 − ‖z‖²/2, minus half the squared distance
//! ```
//!
//! With fewer bits than dimensions n is the norm before the projection: as if the row lay in what is projected
//! to. That ranks better than the norm of the projection (docs/reranking.md).
//!
//! The flip is an exclusive or with the sign bit, so a step is a shift, an exclusive or and an
//! addition. Coordinates past the last bit are 0 and so are their bits. Look-up tables of partial
//! sums (256 per byte) would cost more to fill than the few hundred hits of a query save.

use super::factors::lengths;
use super::{Reranked, Scorer, check_count, rescore};
use crate::codes::{Codes, Layout, pack_signs};
use crate::dot::signed_sum;
use crate::error::{Error, Result};
use crate::index::{Hits, Index, RowReader};
use crate::parallel::Cancel;
use crate::text;
use crate::vectors::Vectors;

/// Queries as [`by_codes`] needs them.
#[derive(Debug, Clone, Copy)]
pub struct AsymmetricQueries<'a> {
    /// What the hits were searched with.
    pub codes: &'a Codes,
    /// The same queries before the sign, as [`Model::transform`](crate::model::Model::transform) gives
    /// them: one row per code, one column per bit.
    pub vectors: &'a Vectors,
}

/// Scores `hits` of `index` by [the asymmetric score](self) and keeps the best `k` of each query.
///
/// The factors of the index refine the scores, if it has any. It may have grown
/// since the search. A query is at odds with its code when more than an eighth of the signs
/// differ; then it was not transformed, or not by the same model.
///
/// # Errors
/// Before any work: `Mismatch` for other bits or rows than the index and the hits have,
/// `InvalidOption` for k = 0, rows that the index does not have or vectors at odds with their codes.
/// Then `OutOfMemory`, `Aborted`.
pub fn by_codes(
    index: &Index,
    queries: AsymmetricQueries,
    hits: &Hits,
    k: usize,
    threads: usize,
    cancel: &Cancel,
) -> Result<Reranked> {
    let AsymmetricQueries { codes, vectors } = queries;
    check_count("bits of the queries", index.bits(), codes.bits())?;
    check_count("columns of the vectors", index.bits(), vectors.columns())?;
    check_count("rows of the vectors", codes.rows(), vectors.rows())?;
    check_signs(codes, vectors)?;
    let rows = index.reader();
    let scorer = Asymmetric { has_norms: rows.has_norms()?, rows, vectors };
    rescore(&scorer, hits, (codes.rows(), index.rows()), k, threads, cancel)
}

/// Equal up to rounding at coordinates near 0: an eighth is far more than that and far less than chance.
fn check_signs(codes: &Codes, vectors: &Vectors) -> Result<()> {
    let bits = codes.bits();
    let mut signs = vec![0; bits / 8];
    for row in 0..codes.rows() {
        pack_signs(vectors.row(row), Layout::Lsb, &mut signs);
        let pairs = signs.iter().zip(codes.row(row));
        let differing: u32 = pairs.map(|(a, b)| (a ^ b).count_ones()).sum();
        if differing as usize * 8 > bits {
            return Err(Error::InvalidOption {
                option: "vectors",
                value: text![
                    "row ",
                    row,
                    ", with ",
                    differing,
                    " of ",
                    bits,
                    " signs unlike its code,"
                ],
                expected: "what the transform of the same model gives",
            }
            .into());
        }
    }
    Ok(())
}

struct Asymmetric<'a> {
    rows: RowReader,
    /// What the factors are, as one of them tells for all.
    has_norms: bool,
    vectors: &'a Vectors,
}

struct Workspace {
    /// The present query, zero-padded to whole words.
    query: Vec<f64>,
    /// ‖z‖²/2 of it, and ‖z‖/‖z‖₁, which is 0 for a query of zeros.
    half_squares: f64,
    spread: f64,
    words: Vec<u64>,
}

impl Scorer for Asymmetric<'_> {
    type Workspace = Workspace;

    fn workspace(&self) -> Workspace {
        let words = self.vectors.columns().div_ceil(64);
        let query = vec![0.0; words * 64];
        Workspace { query, half_squares: 0.0, spread: 0.0, words: vec![0; words] }
    }

    fn prepare(&self, query: usize, work: &mut Workspace) {
        let values = self.vectors.row(query).iter().map(|&z| f64::from(z));
        work.query.iter_mut().zip(values).for_each(|(slot, z)| *slot = z);
        let (squares, spread) = lengths(&work.query);
        (work.half_squares, work.spread) = (squares / 2.0, spread);
    }

    fn score(&self, row: u32, work: &mut Workspace) -> Result<f64> {
        let Workspace { query, half_squares, spread, words } = work;
        let factor = self.rows.read(row, words)?;
        let sum = signed_sum(query, words);
        Ok(match factor.map(f64::from) {
            None => sum,
            Some(norm) if self.has_norms => -norm * (*spread * sum + norm / 2.0) - *half_squares,
            Some(factor) => sum * factor,
        })
    }
}
