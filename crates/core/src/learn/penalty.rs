//! Quantization penalties: what the baselines of the paper add to a similarity loss, and H²Q does without.

use faer::{MatMut, MatRef};

use crate::error::{Error, Result};
use crate::real::Real;

/// A term that draws the coordinates of embeddings to ±1, times a factor λ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Penalty {
    /// None: similarity alone.
    None,
    /// `Σ_j (z_j − sgn z_j)²`, mean over rows (Li et al. 2016, eq. 5, and most others).
    L2,
    /// The sliced Wasserstein distance along the axes of the cube, HSWD (Doan, Yang, Li, CVPR 2022, section 3.3):
    /// each coordinate's values over the batch, sorted, against −1 for the lower and +1 for the upper half,
    /// squared, mean over rows and coordinates. The authors draw the signs anew for each batch; halves
    /// are about what they expect, and leave nothing to chance.
    Hswd,
}

impl Penalty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::L2, Self::Hswd];

    /// The name that [`Penalty::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::L2 => "l2",
            Self::Hswd => "hswd",
        }
    }

    /// Parses a name.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|penalty| penalty.name() == name).ok_or_else(|| {
            let (option, value) = ("penalty", name.into());
            Error::InvalidOption { option, value, expected: "one of none, l2, hswd" }.into()
        })
    }

    /// λ where none is given: of those that the paper tries, 0.01 for l2 and 0.1 for hswd.
    pub fn default_weight(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::L2 => 0.01,
            Self::Hswd => 0.1,
        }
    }

    /// `weight` times the penalty of a batch, rows x k; adds the gradient.
    pub fn add<T: Real>(self, weight: f64, z: MatRef<'_, T>, gradient: MatMut<'_, T>) -> f64 {
        match self {
            Self::None => 0.0,
            Self::L2 => {
                let scale = weight / z.nrows() as f64;
                let targets = |column: &[f64], targets: &mut [f64]| {
                    for (target, &z) in targets.iter_mut().zip(column) {
                        *target = if z >= 0.0 { 1.0 } else { -1.0 };
                    }
                };
                add_squares(scale, z, gradient, targets)
            }
            Self::Hswd => {
                let scale = weight / (z.nrows() * z.ncols()) as f64;
                let mut order: Vec<usize> = Vec::new();
                let targets = |column: &[f64], targets: &mut [f64]| {
                    order.clear();
                    order.extend(0..column.len());
                    order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
                    for (rank, &row) in order.iter().enumerate() {
                        // The middle one of an odd number is drawn to 0.
                        let above = (2 * rank + 1).cmp(&column.len()) as i8;
                        targets[row] = f64::from(above);
                    }
                };
                add_squares(scale, z, gradient, targets)
            }
        }
    }
}

/// `scale · Σ (z − target)²`, where `targets` are set column by column.
fn add_squares<T: Real>(
    scale: f64,
    z: MatRef<'_, T>,
    mut gradient: MatMut<'_, T>,
    mut set_targets: impl FnMut(&[f64], &mut [f64]),
) -> f64 {
    let mut sum = 0.0;
    let mut targets = vec![0.0; z.nrows()];
    for j in 0..z.ncols() {
        let column: Vec<f64> = (0..z.nrows()).map(|i| z[(i, j)].into()).collect();
        set_targets(&column, &mut targets);
        for (i, (z, target)) in column.iter().zip(&targets).enumerate() {
            sum += (z - target) * (z - target);
            gradient[(i, j)] += T::from_f64(2.0 * scale * (z - target));
        }
    }
    scale * sum
}
