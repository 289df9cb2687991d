//! A rotation as a model stores it: reflections and signs.

use faer::{Mat, MatRef};

use crate::decompositions::Qr;
use crate::error::Result;
use crate::linalg::convert;
use crate::reflections::UtForm;

/// An orthogonal matrix `U = H1 … Hm · diag(signs)`.
///
/// m ≤ d reflections have determinant (−1)^m, so half of all orthogonal matrices need the signs too.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// Dimensions d.
    pub dimensions: usize,
    /// m vectors of d values, one after the other; the identity has none.
    pub reflections: Vec<f32>,
    /// d values of +1 or −1.
    pub signs: Vec<i8>,
}

impl Rotation {
    /// The rotation that changes nothing.
    pub fn identity(dimensions: usize) -> Self {
        Self { dimensions, reflections: Vec::new(), signs: vec![1; dimensions] }
    }

    /// Factors an orthogonal matrix by Householder QR, whose R is then diag(±1).
    pub fn from_matrix(u: MatRef<'_, f32>) -> Self {
        let d = u.nrows();
        let u: Mat<f64> = convert(u);
        let qr = Qr::new(&u);
        let mut rotation = Self::identity(d);
        for j in 0..d {
            rotation.signs[j] = if qr.diagonal(j) < 0.0 { -1 } else { 1 };
            // A column that is already in place has no reflection (faer gives it an infinite tau).
            if (j + 1..d).any(|i| qr.vector(i, j) != 0.0) {
                let vector = (0..d).map(|i| match i.cmp(&j) {
                    std::cmp::Ordering::Less => 0.0,
                    std::cmp::Ordering::Equal => 1.0,
                    std::cmp::Ordering::Greater => qr.vector(i, j) as f32,
                });
                rotation.reflections.extend(vector);
            }
        }
        rotation
    }

    /// U, d x d, computed in float64.
    ///
    /// # Errors
    /// As [`UtForm::new`].
    pub fn matrix(&self) -> Result<Mat<f64>> {
        let vectors: Vec<f64> = self.reflections.iter().map(|&x| x.into()).collect();
        let mut u = UtForm::new(&vectors, self.dimensions)?.product();
        for (j, &sign) in self.signs.iter().enumerate() {
            u.col_mut(j).iter_mut().for_each(|entry| *entry *= f64::from(sign));
        }
        Ok(u)
    }
}
