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

use crate::error::{Error, Result};
use crate::level::Level;
use crate::real::Real;

/// What the rotation minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loss {
    /// The variance of a Bernoulli bit with probability σ(z); the paper's default.
    #[default]
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

impl Weight {
    /// The factors of z and of ℓ'(z).
    #[inline(always)]
    fn factors<T: Real>(self) -> (T, T) {
        match self {
            Self::Gradient { scale } => (T::default(), T::from_f64(scale)),
            Self::Majoriser { curvature, .. } => (T::from_f64(curvature), T::from_f64(-1.0)),
        }
    }
}

impl Loss {
    /// All losses.
    pub const ALL: [Loss; 4] = [Loss::BitVariance, Loss::L2, Loss::L1, Loss::MinEntropy];

    /// Parses `bit-variance`, `l2`, `l1` or `min-entropy`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|loss| loss.name() == name).ok_or_else(|| {
            let expected = "one of bit-variance, l2, l1, min-entropy";
            Error::InvalidOption { option: "loss", value: name.into(), expected }.into()
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
    /// `Mismatch` when `z` is not made of whole rows, `Empty` without any, `NotFinite`.
    pub fn value_and_gradient<T: Real>(self, z: &[T], columns: usize) -> Result<(f64, Vec<T>)> {
        if z.is_empty() || columns == 0 {
            let axis = if columns == 0 { "columns" } else { "rows" };
            return Err(Error::Empty { what: "z".into(), axis }.into());
        }
        if !z.len().is_multiple_of(columns) {
            return Err(Error::mismatch("length of z", z.len() / columns * columns, z.len()));
        }
        if let Some(at) = z.iter().position(|&z| !z.into().is_finite()) {
            return Err(Error::not_finite(at / columns, at % columns, z[at].into()));
        }
        let scale = 1.0 / self.terms(z.len() / columns, columns) as f64;
        let mut gradient = z.to_vec();
        let sum = self.sum_and_weights(&mut gradient, columns, Weight::Gradient { scale });
        Ok((sum * scale, gradient))
    }

    /// Sum of the loss over all terms of `z`, whose entries are replaced by their [`Weight`].
    pub fn sum_and_weights<T: Real>(self, z: &mut [T], columns: usize, weight: Weight) -> f64 {
        T::sum_and_weights(self, z, columns, weight)
    }
}

pub(crate) fn sum_and_weights<T: Real>(
    loss: Loss,
    z: &mut [T],
    columns: usize,
    weight: Weight,
) -> f64 {
    Level::new().dispatch(Sum { loss, z, columns, weight })
}

/// The arguments of [`sum_and_weights`]. A type of its own and not a closure: the compiler gives
/// up inlining a closure of this size, and only what is inlined is compiled for the CPU's SIMD level.
struct Sum<'a, T> {
    loss: Loss,
    z: &'a mut [T],
    columns: usize,
    weight: Weight,
}

impl<T: Real> pulp::WithSimd for Sum<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> f64 {
        let Self { loss, z, columns, weight } = self;
        match loss {
            Loss::BitVariance => entries(z, weight, bit_variance),
            Loss::L2 => entries(z, weight, l2),
            Loss::L1 => match weight {
                Weight::Majoriser { smoothing, .. } if smoothing > 0.0 => {
                    let inverse = T::from_f64(1.0 / smoothing);
                    entries(z, weight, |z| smooth_l1(z, inverse))
                }
                _ => entries(z, weight, l1),
            },
            Loss::MinEntropy => {
                let (mut stack, mut heap) = ([T::default(); STACK_COLUMNS], Vec::new());
                let scratch = if columns <= STACK_COLUMNS {
                    &mut stack[..columns]
                } else {
                    heap.resize(columns, T::default());
                    &mut heap
                };
                z.chunks_mut(columns).map(|row| min_entropy(row, weight, scratch)).sum()
            }
        }
    }
}

/// Entries whose values are kept aside until they are summed. A loop that only maps, without a running
/// sum and longer than a vector register, is what the compiler turns into SIMD.
const BLOCK: usize = 256;
/// Rows up to this width have their exponentials on the stack: a step of `sgd` allocates nothing.
const STACK_COLUMNS: usize = 1024;
/// Independent partial sums, in a fixed order.
const LANES: usize = 16;

/// Replaces each entry by its weight and returns the sum of the values; `term` gives value and derivative.
#[inline(always)]
fn entries<T: Real>(z: &mut [T], weight: Weight, term: impl Fn(T) -> (T, T)) -> f64 {
    let (curvature, scale) = weight.factors::<T>();
    let mut values = [T::default(); BLOCK];
    let mut total = 0.0f64;
    for block in z.chunks_mut(BLOCK) {
        for (z, kept) in block.iter_mut().zip(&mut values) {
            let (value, derivative) = term(*z);
            *kept = value;
            *z = *z * curvature + derivative * scale;
        }
        total += sum(&values[..block.len()]).into();
    }
    total
}

/// The sum in the working precision, of at most a few thousand values.
#[inline(always)]
pub(crate) fn sum<T: Real>(values: &[T]) -> T {
    let mut lanes = [T::default(); LANES];
    let (chunks, tail) = values.as_chunks::<LANES>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += *value);
    }
    lanes.iter_mut().zip(tail).for_each(|(lane, value)| *lane += *value);
    lanes.iter().fold(T::default(), |total, lane| total + *lane)
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

/// One row; `e` has room for it.
#[inline(always)]
fn min_entropy<T: Real>(row: &mut [T], weight: Weight, e: &mut [T]) -> f64 {
    // The smallest square, by lanes as in `sum`, so that at least one exponential is 1.
    let mut lanes = [square(row[0]); LANES];
    let (chunks, tail) = row.as_chunks::<LANES>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, z)| *lane = smaller(*lane, square(*z)));
    }
    lanes.iter_mut().zip(tail).for_each(|(lane, z)| *lane = smaller(*lane, square(*z)));
    let smallest = lanes.into_iter().fold(lanes[0], smaller);

    for (e, z) in e.iter_mut().zip(row.iter()) {
        *e = T::exp(smallest - square(*z));
    }
    let sum = sum(e);
    let (curvature, scale) = weight.factors::<T>();
    let softmax = T::from_f64(2.0) * scale / sum;
    for (z, e) in row.iter_mut().zip(e.iter()) {
        *z = *z * curvature - *z * *e * softmax;
    }
    T::ln(sum).into() - smallest.into()
}

/// z², which stays finite.
#[inline(always)]
fn square<T: Real>(z: T) -> T {
    let z = smaller(z.magnitude(), T::from_f64(1e18));
    z * z
}

#[inline(always)]
fn smaller<T: Real>(a: T, b: T) -> T {
    if b < a { b } else { a }
}
