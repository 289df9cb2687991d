//! Losses with a learnt vector for each class: HyP²'s proxies and the centres of a classification.

use faer::{Mat, MatMut, MatRef};

use super::pairs::{add_through_norm, normalised};
use super::similarity::SimilarityLoss;
use crate::error::Result;
use crate::parallel::Cancel;
use crate::products::multiply;
use crate::real::Real;

/// What the loss of a row and a class is made with.
#[derive(Debug, Clone, Copy)]
pub struct ProxyLoss {
    /// [`SimilarityLoss::Hyp2`] or [`SimilarityLoss::Cel`].
    pub loss: SimilarityLoss,
    /// ζ, see [`super::similarity::separation`].
    pub separation: f64,
}

impl ProxyLoss {
    /// The loss of a batch. `z` is rows x k, `proxies` classes x k, `belongs` tells of a row and a class
    /// whether it is one of the row's. Adds the gradients by both.
    ///
    /// A row without any class adds nothing to a classification.
    ///
    /// # Errors
    /// `Aborted`.
    pub fn add<T: Real>(
        &self,
        z: MatRef<'_, T>,
        proxies: MatRef<'_, T>,
        belongs: &dyn Fn(usize, usize) -> bool,
        (by_z, by_proxies): (MatMut<'_, T>, MatMut<'_, T>),
        cancel: &Cancel,
    ) -> Result<f64> {
        let (unit, norms) = normalised(z);
        let (unit_proxies, proxy_norms) = normalised(proxies);
        let mut cosines: Mat<T> = Mat::zeros(z.nrows(), proxies.nrows());
        multiply(cosines.as_mut(), unit.as_ref(), unit_proxies.transpose());
        let (value, slopes) = match self.loss {
            SimilarityLoss::Hyp2 => self.hinges(cosines.as_ref(), belongs, cancel)?,
            _ => cross_entropy(cosines.as_ref(), belongs, cancel)?,
        };
        let mut by_unit = Mat::zeros(z.nrows(), z.ncols());
        multiply(by_unit.as_mut(), slopes.as_ref(), unit_proxies.as_ref());
        add_through_norm(unit.as_ref(), &norms, by_unit.as_ref(), by_z);
        let mut by_unit = Mat::zeros(proxies.nrows(), z.ncols());
        multiply(by_unit.as_mut(), slopes.transpose(), unit.as_ref());
        add_through_norm(unit_proxies.as_ref(), &proxy_norms, by_unit.as_ref(), by_proxies);
        Ok(value)
    }

    /// `−c` averaged over rows and their classes plus `max(c − ζ, 0)` averaged over the rest.
    fn hinges<T: Real>(
        &self,
        cosines: MatRef<'_, T>,
        belongs: &dyn Fn(usize, usize) -> bool,
        cancel: &Cancel,
    ) -> Result<(f64, Mat<T>)> {
        let (rows, classes) = (cosines.nrows(), cosines.ncols());
        let mut own = 0usize;
        for j in 0..classes {
            cancel.check()?;
            own += (0..rows).filter(|&i| belongs(i, j)).count();
        }
        let others = rows * classes - own;
        let mut value = 0.0;
        let mut slopes = Mat::zeros(rows, classes);
        for j in 0..classes {
            cancel.check()?;
            for i in 0..rows {
                let cosine: f64 = cosines[(i, j)].into();
                if belongs(i, j) {
                    value -= cosine / own as f64;
                    slopes[(i, j)] = T::from_f64(-1.0 / own as f64);
                } else if cosine > self.separation {
                    value += (cosine - self.separation) / others as f64;
                    slopes[(i, j)] = T::from_f64(1.0 / others as f64);
                }
            }
        }
        Ok((value, slopes))
    }
}

/// The mean over rows that have a class.
fn cross_entropy<T: Real>(
    cosines: MatRef<'_, T>,
    belongs: &dyn Fn(usize, usize) -> bool,
    cancel: &Cancel,
) -> Result<(f64, Mat<T>)> {
    let (rows, classes) = (cosines.nrows(), cosines.ncols());
    let scale = classification_scale(classes);
    let mut own = vec![0usize; rows];
    let mut totals = vec![0.0f64; rows];
    let mut slopes: Mat<T> = Mat::zeros(rows, classes);
    // Column by column, as matrices lie. |logit| is at most the scale: nothing overflows.
    for j in 0..classes {
        cancel.check()?;
        for i in 0..rows {
            let cosine: f64 = cosines[(i, j)].into();
            let exponential = (scale * cosine).exp();
            slopes[(i, j)] = T::from_f64(exponential);
            totals[i] += exponential;
            own[i] += usize::from(belongs(i, j));
        }
    }
    let counted = own.iter().filter(|&&count| count > 0).count().max(1) as f64;
    let mut value = 0.0;
    for j in 0..classes {
        cancel.check()?;
        for i in 0..rows {
            if own[i] == 0 {
                slopes[(i, j)] = T::default();
                continue;
            }
            let target = if belongs(i, j) { 1.0 / own[i] as f64 } else { 0.0 };
            let cosine: f64 = cosines[(i, j)].into();
            value += target * (totals[i].ln() - scale * cosine) / counted;
            let share: f64 = slopes[(i, j)].into();
            slopes[(i, j)] = T::from_f64(scale * (share / totals[i] - target) / counted);
        }
    }
    Ok((value, slopes))
}

fn classification_scale(classes: usize) -> f64 {
    (std::f64::consts::SQRT_2 * ((classes.max(2) - 1) as f64).ln()).max(4.0)
}
