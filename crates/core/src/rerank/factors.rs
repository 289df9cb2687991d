//! The factor of a row: 4 bytes that turn its asymmetric score into an estimate.
//!
//! With s = s(c), the signs of the transformed row z, the estimator of RaBitQ (Gao & Long 2024,
//! arXiv 2405.12497) is `⟨q, z⟩ ≈ ⟨q, s⟩ · ‖z‖² / ⟨z, s⟩`, exact for q = z, and `⟨z, s⟩ = ‖z‖₁`. Without
//! a factor all rows count as equally well represented by their signs, which they are not.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::parallel::Cancel;
use crate::vectors::{Vectors, zeros};

/// What an asymmetric score times the factor estimates. Where all transformed rows have norm 1 (rows of
/// norm 1, not centred, as many bits as dimensions) the two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The inner product with the query: `‖z‖² / ‖z‖₁`.
    InnerProduct,
    /// The cosine, times the norm of the query: `‖z‖ / ‖z‖₁`.
    Cosine,
}

impl Metric {
    /// Parses `inner-product` or `cosine`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "inner-product" => Ok(Self::InnerProduct),
            "cosine" => Ok(Self::Cosine),
            _ => Err(Error::InvalidOption {
                option: "metric",
                value: name.into(),
                expected: "inner-product or cosine",
            }
            .into()),
        }
    }

    /// The factor of a transformed row; 0 for a row of zeros, whose scores then are 0 too. Finite: no
    /// more than the largest |z_j|, or than 1.
    fn factor(self, z: &[f32]) -> f32 {
        let (mut squares, mut absolute) = (0.0, 0.0);
        for z in z.iter().map(|&z| f64::from(z)) {
            squares += z * z;
            absolute += z.abs();
        }
        if absolute == 0.0 {
            return 0.0;
        }
        let factor = match self {
            Self::InnerProduct => squares / absolute,
            Self::Cosine => squares.sqrt() / absolute,
        };
        factor as f32
    }
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
        self.map_rows(vectors, &mut factors, threads, cancel, &|z, factors| {
            for (z, factor) in z.chunks(self.bits()).zip(factors) {
                *factor = metric.factor(z);
            }
        })?;
        Ok(factors)
    }
}
