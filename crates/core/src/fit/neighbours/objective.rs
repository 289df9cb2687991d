//! What is minimised, and its derivative with respect to the projection.
//!
//! With W (k x b, orthonormal columns), `z = Wᵀx` and the code `h = sgn z`, each anchor a of a batch ranks the
//! candidates c by `⟨h_a, h_c⟩` (the Hamming distance) and by `⟨z_a, h_c⟩` (the asymmetric score), and should as the
//! embeddings do:
//!
//! ```text
//! L = mean over a of −Σ_c q ln ((p_Hamming p_asymmetric)^½)  +  weight · mean over c and bits of σ(z)(1 − σ(z))
//! ```
//!
//! with the softmaxes p and q of [`crate::ranking`]. The last term is the bit variance. sgn has no derivative; in its
//! place stands that of tanh, "straight through" (Bengio, Léonard and Courville 2013). With G = ∂L/∂⟨h_a, h_c⟩ and
//! F = ∂L/∂⟨z_a, h_c⟩, both anchors x candidates:
//!
//! ```text
//! ∂L/∂Z_a = (G H_c) ∘ (1 − tanh² Z_a) + F H_c
//! ∂L/∂Z_c = (Gᵀ H_a + Fᵀ Z_a) ∘ (1 − tanh² Z_c) + weight/(candidates · b) · (bit variance)'
//! ∂L/∂W   = Xᵀ ∂L/∂Z
//! ```
//!
//! W is the first b columns of a product of reflections, which Householder QR finds; the derivative by the
//! reflections would be that of docs/math.md with the other columns of ∂L/∂U zero.

use std::ops::Range;

use faer::{Mat, MatRef};

use super::products::{TASK_ROWS, matrix, matrix_mut, project};
use crate::error::Result;
use crate::linalg::{multiply, multiply_add};
use crate::losses::{Loss, Weight};
use crate::parallel::{Cancel, map_tasks};
use crate::ranking::Ranking;
use crate::real::Real;

/// Anchors of one task. Sums are cut by these and by rows alone, so that they do not depend on the threads.
const TASK_ANCHORS: usize = 32;
/// At most this many partial sums of the derivative.
const MAX_STRIPS: usize = 8;

/// What stands for an entry of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surrogate {
    /// Its sign, straight through.
    Sign,
    /// tanh z, of which the derivative is the true one.
    Tanh,
}

/// What the objective weighs.
#[derive(Debug, Clone, Copy)]
pub struct NeighbourObjective {
    /// Of the ranking by code, per standard deviation of its similarities.
    pub sharpness: f64,
    /// Of the ranking by embedding.
    pub target_sharpness: f64,
    /// Of the bit variance.
    pub weight: f64,
    /// Sign in use, tanh where the derivative is compared with differences.
    pub surrogate: Surrogate,
}

/// Rows of a step, row-major: the anchors, then the candidates. No row is both.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a, T> {
    /// rows x k: what is projected.
    pub rows: &'a [T],
    /// rows x any: inner products of these are the similarities by embedding.
    pub units: &'a [T],
    /// All rows.
    pub count: usize,
    /// Of them, anchors: at least one, and fewer than all.
    pub anchors: usize,
}

impl NeighbourObjective {
    /// The value at the projection `w` (k x b), and its derivative.
    ///
    /// # Errors
    /// `Aborted`.
    pub fn value_and_gradient<T: Real>(
        &self,
        batch: Batch<'_, T>,
        w: MatRef<'_, T>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<(f64, Mat<T>)> {
        let projected = self.projected(batch, w, threads, cancel)?;
        let (entropy, derivatives) = self.rank(batch, &projected, threads, cancel)?;
        let (k, b) = (w.nrows(), w.ncols());
        let strips = batch.count.div_ceil(TASK_ROWS).min(MAX_STRIPS);
        let parts = map_tasks(threads, strips, cancel, Buffers::default, |buffers, strip| {
            let (mut by_w, mut variance) = (Mat::<T>::zeros(k, b), 0.0);
            for first in (strip * TASK_ROWS..batch.count).step_by(strips * TASK_ROWS) {
                let rows = first..batch.count.min(first + TASK_ROWS);
                variance += self.by_z(rows.clone(), &projected, &derivatives, buffers);
                let x = matrix(&batch.rows[rows.start * k..rows.end * k], rows.len());
                multiply_add(by_w.as_mut(), 1.0, x.transpose(), matrix(&buffers.by_z, rows.len()));
            }
            Ok((by_w, variance))
        })?;
        let start = (Mat::zeros(k, b), 0.0);
        let (by_w, variance) = parts
            .into_iter()
            .fold(start, |(sum, variance), part| (sum + part.0, variance + part.1));
        let entries = ((batch.count - batch.anchors) * b) as f64;
        Ok((entropy + self.weight * variance / entries, by_w))
    }

    /// The value alone, in half the time.
    ///
    /// # Errors
    /// `Aborted`.
    pub fn value<T: Real>(
        &self,
        batch: Batch<'_, T>,
        w: MatRef<'_, T>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<f64> {
        let mut projected = self.projected(batch, w, threads, cancel)?;
        let (entropy, _) = self.rank(batch, &projected, threads, cancel)?;
        let candidates = &mut projected.z[batch.anchors * w.ncols()..];
        let unused = Weight::Gradient { scale: 0.0 };
        let entries = candidates.len() as f64;
        let variance = Loss::BitVariance.sum_and_weights(candidates, w.ncols(), unused);
        Ok(entropy + self.weight * variance / entries)
    }

    fn projected<T: Real>(
        &self,
        batch: Batch<'_, T>,
        w: MatRef<'_, T>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Projected<T>> {
        let z = project(batch.rows, w, threads, cancel)?;
        let h = z.iter().map(|&z| self.code(z)).collect();
        Ok(Projected { z, h, bits: w.ncols(), anchors: batch.anchors })
    }

    /// The mean cross-entropy, and its derivatives by the similarities of codes.
    fn rank<T: Real>(
        &self,
        batch: Batch<'_, T>,
        projected: &Projected<T>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<(f64, Derivatives<T>)> {
        let Batch { units, anchors, count, .. } = batch;
        let (candidates, unit, b) = (count - anchors, units.len() / count, projected.bits);
        let others = matrix(&units[anchors * unit..], candidates);
        let codes = matrix(projected.candidate_codes(), candidates);
        let scale = 0.5 / anchors as f64;
        let tasks = anchors.div_ceil(TASK_ANCHORS);
        let blocks = map_tasks(
            threads,
            tasks,
            cancel,
            || (),
            |(), task| {
                let first = task * TASK_ANCHORS;
                let rows = TASK_ANCHORS.min(anchors - first);
                let times = |of: &[T], columns: usize, others: MatRef<'_, T>| {
                    let mut out = vec![T::default(); rows * candidates];
                    let of = matrix(&of[first * columns..][..rows * columns], rows);
                    multiply(matrix_mut(&mut out, rows), of, others.transpose());
                    out
                };
                let mut targets = times(units, unit, others);
                let mut hamming = times(&projected.h, b, codes);
                let mut asymmetric = times(&projected.z, b, codes);
                let mut scratch = vec![T::default(); candidates];
                let mut sum = 0.0;
                for (row, target) in targets.chunks_mut(candidates).enumerate() {
                    Ranking::Target(target).compare(self.target_sharpness);
                    for similarities in [&mut hamming, &mut asymmetric] {
                        let similarities = &mut similarities[row * candidates..][..candidates];
                        let scratch = &mut scratch[..];
                        let ranking = Ranking::Codes { similarities, target, scratch, scale };
                        sum += ranking.compare(self.sharpness);
                    }
                }
                Ok((sum, hamming, asymmetric))
            },
        )?;
        let mut derivatives =
            Derivatives { hamming: Vec::new(), asymmetric: Vec::new(), candidates };
        let mut sum = 0.0;
        for (part, hamming, asymmetric) in blocks {
            sum += part;
            derivatives.hamming.extend(hamming);
            derivatives.asymmetric.extend(asymmetric);
        }
        Ok((sum * scale, derivatives))
    }

    /// Fills `buffers.by_z` with the derivatives by the entries of some rows; returns the sum of their bit variance.
    fn by_z<T: Real>(
        &self,
        rows: Range<usize>,
        projected: &Projected<T>,
        derivatives: &Derivatives<T>,
        buffers: &mut Buffers<T>,
    ) -> f64 {
        let Projected { z, h, bits: b, anchors } = projected;
        let candidates = derivatives.candidates;
        let z_rows = &z[rows.start * b..rows.end * b];
        let split = (*anchors).clamp(rows.start, rows.end) - rows.start;
        let (by_z, other) = buffers.of(z_rows.len());
        let codes = matrix(projected.candidate_codes(), candidates);
        if split > 0 {
            let of = |g| matrix(g, *anchors).subrows(rows.start, split);
            multiply(matrix_mut(&mut by_z[..split * b], split), of(&derivatives.hamming), codes);
            multiply(
                matrix_mut(&mut other[..split * b], split),
                of(&derivatives.asymmetric),
                codes,
            );
        }
        let (first, count) = ((rows.start + split).saturating_sub(*anchors), rows.len() - split);
        if count > 0 {
            let of = |g| matrix(g, *anchors).subcols(first, count).transpose();
            let mut by_h = matrix_mut(&mut by_z[split * b..], count);
            multiply(by_h.as_mut(), of(&derivatives.hamming), matrix(&h[..anchors * b], *anchors));
            multiply_add(
                by_h,
                1.0,
                of(&derivatives.asymmetric),
                matrix(&z[..anchors * b], *anchors),
            );
            other[split * b..].copy_from_slice(&z_rows[split * b..]);
        }
        for (by_z, &z) in by_z.iter_mut().zip(z_rows) {
            let tanh = T::tanh(z);
            *by_z *= T::from_f64(1.0) - tanh * tanh;
        }
        let scale = self.weight / (candidates * b) as f64;
        let variance = match count {
            0 => 0.0,
            _ => Loss::BitVariance.sum_and_weights(
                &mut other[split * b..],
                *b,
                Weight::Gradient { scale },
            ),
        };
        by_z.iter_mut().zip(other.iter()).for_each(|(by_z, other)| *by_z += *other);
        variance
    }

    fn code<T: Real>(&self, z: T) -> T {
        match self.surrogate {
            Surrogate::Sign => T::from_f64(if z >= T::default() { 1.0 } else { -1.0 }),
            Surrogate::Tanh => T::tanh(z),
        }
    }
}

/// Rows of the batch, projected and as codes.
struct Projected<T> {
    z: Vec<T>,
    h: Vec<T>,
    bits: usize,
    anchors: usize,
}

impl<T> Projected<T> {
    fn candidate_codes(&self) -> &[T] {
        &self.h[self.anchors * self.bits..]
    }
}

/// G and F: anchors x candidates, row-major.
struct Derivatives<T> {
    hamming: Vec<T>,
    asymmetric: Vec<T>,
    candidates: usize,
}

#[derive(Default)]
struct Buffers<T> {
    by_z: Vec<T>,
    other: Vec<T>,
}

impl<T: Real> Buffers<T> {
    fn of(&mut self, count: usize) -> (&mut [T], &mut [T]) {
        self.by_z.resize(count, T::default());
        self.other.resize(count, T::default());
        (&mut self.by_z, &mut self.other)
    }
}
