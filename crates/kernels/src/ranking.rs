//! How far the ranking of candidates by code is from that by embedding: the cross-entropy between the softmaxes of
//! their standardised similarities (ListNet: Cao, Qin, Liu, Tsai and Li 2007), and its derivative.
//!
//! Standardised is: less the mean of the candidates, over their standard deviation, in whose units sharpness is
//! therefore. A common direction of all vectors and their scale make no difference.

use crate::level::Level;
use crate::losses::sum;
use crate::real::Real;

/// Added to variances, so that similarities that are all alike have a standard deviation. Those of codes are large,
/// those of embeddings at most 1.
const CODES_FLOOR: f64 = 1e-6;
const TARGET_FLOOR: f64 = 1e-12;
const LANES: usize = 16;

/// What stands for one ranking of the candidates of one query, at least one.
#[derive(Debug)]
pub enum Ranking<'a, T> {
    /// Similarities by embedding become `q`, the softmax of `sharpness · standardised`.
    Target(&'a mut [T]),
    /// Similarities by code become `scale` times the derivative of `−Σ q ln p` by them.
    Codes {
        /// Similarities of the candidates.
        similarities: &'a mut [T],
        /// `q` of the same candidates.
        target: &'a [T],
        /// Room for as many values.
        scratch: &'a mut [T],
        /// Factor of the derivative.
        scale: f64,
    },
}

impl<T: Real> Ranking<'_, T> {
    /// Replaces the similarities; returns the cross-entropy `−Σ q ln p` of codes, 0 of a target.
    pub fn compare(self, sharpness: f64) -> f64 {
        T::compare(self, sharpness)
    }
}

pub(crate) fn compare<T: Real>(ranking: Ranking<'_, T>, sharpness: f64) -> f64 {
    Level::new().dispatch(Compare { ranking, sharpness })
}

/// The arguments of [`compare`]: see the losses for why this is no closure.
struct Compare<'a, T> {
    ranking: Ranking<'a, T>,
    sharpness: f64,
}

impl<T: Real> pulp::WithSimd for Compare<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> f64 {
        let Self { ranking, sharpness } = self;
        let sharp = T::from_f64(sharpness);
        match ranking {
            Ranking::Target(q) => {
                standardise(q, TARGET_FLOOR);
                let (_, total) = exponentials(q, sharp);
                let share = T::from_f64(1.0) / total;
                q.iter_mut().for_each(|q| *q *= share);
                0.0
            }
            Ranking::Codes { similarities, target, scratch, scale } => {
                let deviation = standardise(similarities, CODES_FLOOR);
                scratch.copy_from_slice(similarities);
                let (largest, total) = exponentials(scratch, sharp);
                let agreement = inner(target, similarities);
                let share = T::from_f64(1.0) / total;
                scratch.iter_mut().zip(target).for_each(|(g, q)| *g = *g * share - *q);
                // Of p − q, the derivative by what is standardised, standardising takes away what lies along it.
                let count = similarities.len() as f64;
                let along = T::from_f64(inner(scratch, similarities).into() / count);
                let factor = T::from_f64(scale * sharpness / deviation);
                let pairs = similarities.iter_mut().zip(scratch.iter());
                pairs.for_each(|(s, g)| *s = (*g - *s * along) * factor);
                T::ln(total).into() + sharpness * (largest.into() - agreement.into())
            }
        }
    }
}

/// Less the mean, over the standard deviation, which is returned.
#[inline(always)]
fn standardise<T: Real>(values: &mut [T], floor: f64) -> f64 {
    let count = values.len() as f64;
    let mean = T::from_f64(sum(values).into() / count);
    values.iter_mut().for_each(|value| *value -= mean);
    let deviation = (inner(values, values).into() / count + floor).sqrt();
    let factor = T::from_f64(1.0 / deviation);
    values.iter_mut().for_each(|value| *value *= factor);
    deviation
}

/// Each value becomes `exp(sharpness · (value − largest))`; returns the largest value and the sum.
#[inline(always)]
fn exponentials<T: Real>(values: &mut [T], sharpness: T) -> (T, T) {
    let larger = |best: T, value: T| if value > best { value } else { best };
    let mut lanes = [values[0]; LANES];
    let (chunks, tail) = values.as_chunks::<LANES>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane = larger(*lane, *value));
    }
    lanes.iter_mut().zip(tail).for_each(|(lane, value)| *lane = larger(*lane, *value));
    let largest = lanes.into_iter().fold(values[0], larger);
    values.iter_mut().for_each(|value| *value = T::exp((*value - largest) * sharpness));
    (largest, sum(values))
}

#[inline(always)]
fn inner<T: Real>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::default(); LANES];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += *a * *b);
    }
    let tail = a_tail.iter().zip(b_tail);
    lanes.iter_mut().zip(tail).for_each(|(lane, (a, b))| *lane += *a * *b);
    lanes.iter().fold(T::default(), |total, lane| total + *lane)
}
