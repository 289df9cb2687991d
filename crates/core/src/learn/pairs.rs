//! Losses over pairs of rows. Every one is a function of a single measure of the pair, so that its gradient
//! needs the matrix of the derivatives by that measure and two products.

use faer::{Mat, MatMut, MatRef};

use super::similarity::SimilarityLoss;
use crate::error::Result;
use crate::parallel::Cancel;
use crate::products::multiply;
use crate::real::Real;

/// Of two embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    InnerProduct,
    SquaredDistance,
    Cosine,
}

/// What the loss of a pair is made with.
#[derive(Debug, Clone, Copy)]
pub struct PairLoss {
    /// Of those with a part over pairs: all but [`SimilarityLoss::Cel`].
    pub loss: SimilarityLoss,
    /// Dimensions k of the embeddings.
    pub dimensions: usize,
    /// ζ, see [`super::similarity::separation`].
    pub separation: f64,
    /// Share of similar pairs among all of the training rows, within 0 and 1.
    pub similar_share: f64,
}

/// Weight of the pairs in HyP².
const HYP2_PAIRS: f64 = 0.75;
const CAUCHY_SCALE: f64 = 10.0;
const GAUSSIAN_SCALE: f64 = 0.1;
const HASHNET_SCALE: f64 = 10.0;
/// Keeps the cosine distance of [`SimilarityLoss::Dch`] away from 0, as in the code of H²Q.
const CAUCHY_MARGIN: f64 = 1e-5;
/// Embeddings count as at least so long where they are divided by their norm.
const SHORTEST: f64 = 1e-6;

impl PairLoss {
    fn measure(&self) -> Measure {
        use SimilarityLoss::*;
        match self.loss {
            Dpsh | Dhn | HashNet => Measure::InnerProduct,
            Dsh => Measure::SquaredDistance,
            Dch | Wglhh | Hyp2 | Cel | Cosine => Measure::Cosine,
        }
    }

    /// What a pair with this measure adds, and the derivative by the measure.
    fn term(&self, measure: f64, is_similar: bool) -> (f64, f64) {
        use SimilarityLoss::*;
        let k = self.dimensions as f64;
        match self.loss {
            Dpsh => logistic(measure, 0.5, is_similar),
            Dhn => logistic(measure, 1.0, is_similar),
            HashNet => {
                let (value, slope) = logistic(measure, HASHNET_SCALE / k, is_similar);
                let weight = self.balance(is_similar);
                (weight * value, weight * slope)
            }
            Dsh if is_similar => (0.5 * measure, 0.5),
            Dsh => hinge(-0.5 * measure + k, -0.5),
            Dch => {
                let slope = -k / 2.0 * (1.0 - 2.0 * CAUCHY_MARGIN);
                let d = k * CAUCHY_MARGIN + (measure - 1.0) * slope;
                let (value, by_distance) = match is_similar {
                    // ln(d/γ) + ln(1 + γ/d) = ln(1 + d/γ)
                    true => ((d / CAUCHY_SCALE).ln_1p(), 1.0 / (CAUCHY_SCALE + d)),
                    false => ((CAUCHY_SCALE / d).ln_1p(), -CAUCHY_SCALE / (d * (d + CAUCHY_SCALE))),
                };
                let weight = self.balance(is_similar);
                (weight * value, weight * by_distance * slope)
            }
            Wglhh => self.gaussian(measure, is_similar),
            Hyp2 if is_similar => (0.0, 0.0),
            Hyp2 => hinge(HYP2_PAIRS * (measure - self.separation), HYP2_PAIRS),
            Cosine if is_similar => (1.0 - measure, -1.0),
            Cosine => hinge(measure - self.separation, 1.0),
            Cel => (0.0, 0.0),
        }
    }

    fn gaussian(&self, cosine: f64, is_similar: bool) -> (f64, f64) {
        let k = self.dimensions as f64;
        let d = k * (1.0 - cosine) / 2.0;
        let x = GAUSSIAN_SCALE * d * d;
        let x_slope = -GAUSSIAN_SCALE * d * k;
        let e = (-x).exp();
        let log_sigma = -e.ln_1p();
        let (value, slope, attention, attention_slope) = if is_similar {
            let value = (1.0 + e) * log_sigma - x * e + 2.0 * std::f64::consts::LN_2;
            (value, e * (x - log_sigma), ((1.0 - cosine) / 2.0).exp(), -0.5)
        } else {
            (e, -e, ((1.0 + cosine) / 2.0).exp(), 0.5)
        };
        let weight = self.balance(is_similar) * attention;
        (weight * value, weight * (attention_slope * value + slope * x_slope))
    }

    /// Makes similar and dissimilar pairs weigh alike over the training rows.
    fn balance(&self, is_similar: bool) -> f64 {
        1.0 / if is_similar { self.similar_share } else { 1.0 - self.similar_share }
    }

    /// The mean loss over the pairs i ≠ j of a batch, for HyP² over the dissimilar ones. `z` is rows x k;
    /// `similar` tells of two rows whether they share a label. Adds the gradient to `gradient`.
    ///
    /// Rows of norm below 1e-6 are taken as that long in cosines.
    ///
    /// # Errors
    /// `Aborted`.
    pub fn add<T: Real>(
        &self,
        z: MatRef<'_, T>,
        similar: &dyn Fn(usize, usize) -> bool,
        gradient: MatMut<'_, T>,
        cancel: &Cancel,
    ) -> Result<f64> {
        if self.loss == SimilarityLoss::Cel {
            return Ok(0.0);
        }
        match self.measure() {
            Measure::Cosine => {
                let (unit, norms) = normalised(z);
                let mut by_unit = Mat::zeros(z.nrows(), z.ncols());
                let value = self.add_by_gram(unit.as_ref(), similar, by_unit.as_mut(), cancel)?;
                add_through_norm(unit.as_ref(), &norms, by_unit.as_ref(), gradient);
                Ok(value)
            }
            _ => self.add_by_gram(z, similar, gradient, cancel),
        }
    }

    fn add_by_gram<T: Real>(
        &self,
        z: MatRef<'_, T>,
        similar: &dyn Fn(usize, usize) -> bool,
        mut gradient: MatMut<'_, T>,
        cancel: &Cancel,
    ) -> Result<f64> {
        let rows = z.nrows();
        let mut gram: Mat<T> = Mat::zeros(rows, rows);
        multiply(gram.as_mut(), z, z.transpose());
        let squared = |i: usize| -> f64 { gram[(i, i)].into() };
        let is_distance = self.measure() == Measure::SquaredDistance;

        let (mut sum, mut pairs) = (0.0, 0usize);
        let mut slopes: Mat<f64> = Mat::zeros(rows, rows);
        for j in 0..rows {
            cancel.check()?;
            for i in 0..j {
                let inner: f64 = gram[(i, j)].into();
                let is_similar = similar(i, j);
                if self.loss == SimilarityLoss::Hyp2 && is_similar {
                    continue;
                }
                let measure =
                    if is_distance { squared(i) + squared(j) - 2.0 * inner } else { inner };
                let (value, slope) = self.term(measure, is_similar);
                sum += value;
                pairs += 1;
                (slopes[(i, j)], slopes[(j, i)]) = (slope, slope);
            }
        }
        if pairs == 0 {
            return Ok(0.0);
        }
        // By z_i: Σ_j slope_ij z_j, of the squared distance 2 Σ_j slope_ij (z_i − z_j).
        let scale = if is_distance { -2.0 } else { 1.0 } / pairs as f64;
        if is_distance {
            for i in 0..rows {
                slopes[(i, i)] = -(0..rows).map(|j| slopes[(i, j)]).sum::<f64>();
            }
        }
        let slopes: Mat<T> = Mat::from_fn(rows, rows, |i, j| T::from_f64(slopes[(i, j)] * scale));
        let mut product = Mat::zeros(rows, z.ncols());
        multiply(product.as_mut(), slopes.as_ref(), z);
        add_matrix(gradient.as_mut(), product.as_ref());
        Ok(sum / pairs as f64)
    }
}

/// `ln(1 + e^x) − s x` for x = scale · θ, and its derivative by θ.
fn logistic(theta: f64, scale: f64, is_similar: bool) -> (f64, f64) {
    let x = scale * theta;
    let softplus = x.max(0.0) + (-x.abs()).exp().ln_1p();
    let sigma = 1.0 / (1.0 + (-x).exp());
    match is_similar {
        true => (softplus - x, scale * (sigma - 1.0)),
        false => (softplus, scale * sigma),
    }
}

/// `max(value, 0)`, whose derivative is `slope` where it is not 0.
fn hinge(value: f64, slope: f64) -> (f64, f64) {
    if value > 0.0 { (value, slope) } else { (0.0, 0.0) }
}

/// Rows at norm 1, and their norms before.
pub(super) fn normalised<T: Real>(z: MatRef<'_, T>) -> (Mat<T>, Vec<f64>) {
    let norm = |i: usize| {
        let square = |j: usize| -> f64 {
            let value: f64 = z[(i, j)].into();
            value * value
        };
        (0..z.ncols()).map(square).sum::<f64>().sqrt().max(SHORTEST)
    };
    let norms: Vec<f64> = (0..z.nrows()).map(norm).collect();
    let unit = Mat::from_fn(z.nrows(), z.ncols(), |i, j| {
        let value: f64 = z[(i, j)].into();
        T::from_f64(value / norms[i])
    });
    (unit, norms)
}

/// Adds to the gradient by z what that by z / ‖z‖ is: `(g − ⟨g, u⟩ u) / ‖z‖`.
pub(super) fn add_through_norm<T: Real>(
    unit: MatRef<'_, T>,
    norms: &[f64],
    by_unit: MatRef<'_, T>,
    mut gradient: MatMut<'_, T>,
) {
    for (i, norm) in norms.iter().enumerate() {
        let along: f64 = (0..unit.ncols())
            .map(|j| {
                let (g, u): (f64, f64) = (by_unit[(i, j)].into(), unit[(i, j)].into());
                g * u
            })
            .sum();
        for j in 0..unit.ncols() {
            let (g, u): (f64, f64) = (by_unit[(i, j)].into(), unit[(i, j)].into());
            gradient[(i, j)] += T::from_f64((g - along * u) / norm);
        }
    }
}

fn add_matrix<T: Real>(mut sum: MatMut<'_, T>, other: MatRef<'_, T>) {
    for j in 0..sum.ncols() {
        for i in 0..sum.nrows() {
            sum[(i, j)] += other[(i, j)];
        }
    }
}
