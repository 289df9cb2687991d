//! The four quantization losses with derivatives. `z` is one entry of Z; all are even in z.
//!
//! | loss | value | derivative | mean over |
//! |---|---|---|---|
//! | bit-variance | `σ(z)(1 − σ(z))` | `σ(z)(1 − σ(z))(1 − 2σ(z))` | entries |
//! | l2 | `(z − sgn z)²` | `2(z − sgn z)` | entries |
//! | l1 | `abs(z − sgn z)` | `sgn(z − sgn z)` | entries |
//! | min-entropy | `logsumexp_j(−z_j²)` | `−2 z_j softmax_j(−z²)` | rows |
//!
//! `sgn 0 = +1`, the rule of the codes. Schwengber et al. 2023, section 4 (arXiv 2311.04207).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::real::Real;

/// What the rotation minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The variance of a Bernoulli bit with probability σ(z); the paper's default.
    BitVariance,
    /// Squared distance to the sign, the objective of ITQ.
    L2,
    /// Absolute distance to the sign.
    L1,
    /// Log-sum-exp of −z² within a row.
    MinEntropy,
}

/// What replaces each entry while a loss is summed.
#[derive(Debug, Clone, Copy)]
pub enum Weight {
    /// `scale · ℓ'(z)`.
    Gradient {
        /// Factor on the derivative.
        scale: f64,
    },
    /// `curvature · z − ℓ'(z)`: the target of a majorisation step. With `smoothing > 0` the kink of l1
    /// at |z| = 1 is rounded to `tanh((|z| − 1)/smoothing)`.
    Majoriser {
        /// The constant c.
        curvature: f64,
        /// The width w, 0 for none.
        smoothing: f64,
    },
}

impl Loss {
    /// All losses.
    pub const ALL: [Loss; 4] = [Loss::BitVariance, Loss::L2, Loss::L1, Loss::MinEntropy];

    /// Parses `bit-variance`, `l2`, `l1` or `min-entropy`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|loss| loss.name() == name).ok_or(Error::InvalidOption {
            option: "loss",
            value: name.into(),
            expected: "one of bit-variance, l2, l1, min-entropy",
        })
    }

    /// The name that [`Loss::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::BitVariance => "bit-variance",
            Self::L2 => "l2",
            Self::L1 => "l1",
            Self::MinEntropy => "min-entropy",
        }
    }

    /// The number of terms the mean is taken over.
    pub fn terms(self, rows: usize, columns: usize) -> usize {
        if self == Self::MinEntropy { rows } else { rows * columns }
    }

    /// The loss of `z` (rows of `columns` values) and its gradient with respect to each entry.
    ///
    /// # Errors
    /// `Mismatch` when `z` is not made of whole rows, `Empty` without any.
    pub fn value_and_gradient<T: Real>(self, z: &[T], columns: usize) -> Result<(f64, Vec<T>)> {
        if z.is_empty() || columns == 0 {
            let axis = if columns == 0 { "columns" } else { "rows" };
            return Err(Error::Empty { what: "z".into(), axis });
        }
        if !z.len().is_multiple_of(columns) {
            return Err(Error::mismatch("length of z", z.len() / columns * columns, z.len()));
        }
        let scale = 1.0 / self.terms(z.len() / columns, columns) as f64;
        let mut gradient = z.to_vec();
        let sum = self.sum_and_weights(&mut gradient, columns, Weight::Gradient { scale });
        Ok((sum * scale, gradient))
    }

    /// Sum of the loss over all terms of `z`, whose entries are replaced by their [`Weight`].
    pub fn sum_and_weights<T: Real>(self, z: &mut [T], columns: usize, weight: Weight) -> f64 {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || match self {
                Self::BitVariance => entries(z, weight, bit_variance),
                Self::L2 => entries(z, weight, l2),
                Self::L1 => {
                    let smoothing = match weight {
                        Weight::Majoriser { smoothing, .. } if smoothing > 0.0 => smoothing,
                        _ => 0.0,
                    };
                    if smoothing == 0.0 {
                        entries(z, weight, l1)
                    } else {
                        let inverse = T::from_f64(1.0 / smoothing);
                        entries(z, weight, |z| smooth_l1(z, inverse))
                    }
                }
                Self::MinEntropy => z.chunks_mut(columns).map(|row| min_entropy(row, weight)).sum(),
            },
        )
    }
}

/// Entries summed in the working precision before they join the float64 total.
const BLOCK: usize = 4096;
/// Independent partial sums, so that the compiler can use SIMD without reordering anything.
const LANES: usize = 16;

#[inline(always)]
fn entries<T: Real>(z: &mut [T], weight: Weight, term: impl Fn(T) -> (T, T)) -> f64 {
    let (curvature, scale) = match weight {
        Weight::Gradient { scale } => (T::default(), T::from_f64(scale)),
        Weight::Majoriser { curvature, .. } => (T::from_f64(curvature), T::from_f64(-1.0)),
    };
    let mut total = 0.0f64;
    for block in z.chunks_mut(BLOCK) {
        let mut lanes = [T::default(); LANES];
        let (chunks, tail) = block.as_chunks_mut::<LANES>();
        for chunk in chunks {
            for (z, lane) in chunk.iter_mut().zip(&mut lanes) {
                let (value, derivative) = term(*z);
                *lane += value;
                *z = *z * curvature + derivative * scale;
            }
        }
        for (z, lane) in tail.iter_mut().zip(&mut lanes) {
            let (value, derivative) = term(*z);
            *lane += value;
            *z = *z * curvature + derivative * scale;
        }
        total += lanes.iter().map(|&lane| lane.into()).sum::<f64>();
    }
    total
}

#[inline(always)]
fn sign<T: Real>(z: T) -> T {
    if z >= T::default() { T::from_f64(1.0) } else { T::from_f64(-1.0) }
}

#[inline(always)]
fn bit_variance<T: Real>(z: T) -> (T, T) {
    let one = T::from_f64(1.0);
    let e = T::exp(-z.magnitude());
    let s = one / (one + e); // σ(|z|)
    let value = e * s * s;
    (value, sign(z) * value * (one - s - s))
}

#[inline(always)]
fn l2<T: Real>(z: T) -> (T, T) {
    let difference = z - sign(z);
    (difference * difference, difference + difference)
}

#[inline(always)]
fn l1<T: Real>(z: T) -> (T, T) {
    let difference = z - sign(z);
    (difference.magnitude(), sign(difference))
}

#[inline(always)]
fn smooth_l1<T: Real>(z: T, inverse_width: T) -> (T, T) {
    let outside = z.magnitude() - T::from_f64(1.0);
    (outside.magnitude(), sign(z) * T::tanh(outside * inverse_width))
}

#[inline(always)]
fn min_entropy<T: Real>(row: &mut [T], weight: Weight) -> f64 {
    let smallest = row.iter().fold(f64::INFINITY, |best, &z| {
        let square: f64 = z.into() * z.into();
        best.min(square)
    });
    let offset = T::from_f64(smallest);
    let mut sum = T::default();
    for &z in row.iter() {
        sum += T::exp(offset - z * z);
    }
    let two = T::from_f64(2.0);
    let (curvature, scale) = match weight {
        Weight::Gradient { scale } => (0.0, scale),
        Weight::Majoriser { curvature, .. } => (curvature, -1.0),
    };
    let (curvature, scale) = (T::from_f64(curvature), T::from_f64(scale));
    let normaliser = T::from_f64(1.0) / sum;
    for z in row.iter_mut() {
        let softmax = T::exp(offset - *z * *z) * normaliser;
        *z = *z * curvature - two * *z * softmax * scale;
    }
    T::ln(sum).into() - smallest
}
