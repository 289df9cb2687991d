//! The factor of a row: 4 bytes that turn its asymmetric score into an estimate.
//!
//! With s = s(c), the signs of the transformed row z, the estimator of RaBitQ (Gao & Long 2024,
//! arXiv 2405.12497) is `⟨q, z⟩ ≈ ⟨q, s⟩ · ‖z‖² / ⟨z, s⟩`, exact for q = z, and `⟨z, s⟩ = ‖z‖₁`. Without
//! a factor all rows count as equally well represented by their signs, which they are not.
//!
//! The other number that a score lacks is the length of the row. [`Metric::Euclidean`] keeps that one, and
//! marks it by its sign, so that an index tells by its factors alone what they are for.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::parallel::Cancel;
use crate::vectors::{Vectors, zeros};

/// What an asymmetric score with the factor estimates. Where all transformed rows have norm 1 (rows of
/// norm 1, not centred, as many bits as dimensions) the first two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The inner product with the query: `‖z‖² / ‖z‖₁`.
    InnerProduct,
    /// The cosine, times the norm of the query: `‖z‖ / ‖z‖₁`.
    Cosine,
    /// Minus half the squared Euclidean distance to the query: `−‖x − mean‖`, so −0 for a row at the mean. For
    /// rows of norm 1 it ranks as the cosine does, also where they are centred and the others do not.
    Euclidean,
}

impl Metric {
    /// Parses `inner-product`, `cosine` or `euclidean`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "inner-product" => Ok(Self::InnerProduct),
            "cosine" => Ok(Self::Cosine),
            "euclidean" => Ok(Self::Euclidean),
            _ => Err(Error::InvalidOption {
                option: "metric",
                value: name.into(),
                expected: "inner-product, cosine or euclidean",
            }
            .into()),
        }
    }

    /// The factor of the row `x`, which is transformed to `z`. Finite. Of a row of zeros the first two are 0,
    /// and so are its scores; else no more than the largest |z_j|, or than 1.
    fn factor(self, x: &[f32], mean: &[f32], z: &[f32], values: &mut Vec<f64>) -> f32 {
        let (row, mean) = if self == Self::Euclidean { (x, mean) } else { (z, &[][..]) };
        let mean = |j| f64::from(mean.get(j).copied().unwrap_or_default());
        values.clear();
        values.extend(row.iter().enumerate().map(|(j, &value)| f64::from(value) - mean(j)));
        let (squares, spread) = lengths(values);
        let factor = match self {
            Self::InnerProduct => squares.sqrt() * spread,
            Self::Cosine => spread,
            Self::Euclidean => -squares.sqrt(),
        };
        factor.max(f64::from(f32::MIN)) as f32
    }
}

/// ‖z‖² and ‖z‖ / ‖z‖₁, of which the second is 0 where all are.
pub(super) fn lengths(z: &[f64]) -> (f64, f64) {
    let add = |(squares, absolute), z: &f64| (squares + z * z, absolute + z.abs());
    let (squares, absolute) = z.iter().fold((0.0, 0.0), add);
    (squares, if absolute == 0.0 { 0.0 } else { f64::sqrt(squares) / absolute })
}

impl Model {
    /// The factors of `vectors`, one per row in their order, for a re-ranking of their codes.
    ///
    /// # Errors
    /// As [`Model::transform`].
    pub fn factors(
        &self,
        vectors: &Vectors,
        metric: Metric,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        let mut factors = zeros(vectors.rows(), "factors")?;
        self.map_rows(vectors, &mut factors, threads, cancel, &|x, z, factors| {
            let mut values = Vec::new();
            let rows = x.chunks(self.embedding_dimensions()).zip(z.chunks(self.bits()));
            for ((x, z), factor) in rows.zip(factors) {
                *factor = metric.factor(x, self.mean().unwrap_or_default(), z, &mut values);
            }
        })?;
        Ok(factors)
    }
}
