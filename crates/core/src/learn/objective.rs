//! What a step of learning makes smaller: similarity, proxies and penalty of one batch.

use faer::{MatMut, MatRef};

use super::options::Resolved;
use super::pairs::PairLoss;
use super::penalty::Penalty;
use super::proxies::ProxyLoss;
use super::similarity::{SimilarityLoss, separation};
use crate::error::Result;
use crate::evaluate::Labels;
use crate::parallel::Cancel;
use crate::real::Real;

/// A loss with all that it depends on but the batch.
#[derive(Debug, Clone, Copy)]
pub struct Objective {
    loss: SimilarityLoss,
    dimensions: usize,
    classes: usize,
    similar_share: f64,
    penalty: Penalty,
    penalty_weight: f64,
}

impl Objective {
    /// `similar_share` is the share of pairs that share a label among all of the training rows, within 0 and
    /// 1; `classes` how many labels there are.
    pub fn new(
        loss: SimilarityLoss,
        dimensions: usize,
        classes: usize,
        similar_share: f64,
        (penalty, penalty_weight): (Penalty, f64),
    ) -> Self {
        Self { loss, dimensions, classes, similar_share, penalty, penalty_weight }
    }

    pub(super) fn of(options: &Resolved, classes: usize, similar_share: f64) -> Self {
        let penalty = (options.penalty, options.penalty_weight);
        Self::new(options.loss, options.bits, classes, similar_share, penalty)
    }

    /// The mean loss of a batch of embeddings, rows x k, row-major. Overwrites the gradients: `by_z` of the
    /// same shape and `by_proxies` of the shape of `proxies`, classes x k, empty where the loss has none.
    ///
    /// `labels` are those of the batch with classes numbered from 0. With `sharpness` β the loss is that of
    /// `tanh(β z)`.
    ///
    /// # Errors
    /// `Aborted`.
    #[allow(
        clippy::too_many_arguments,
        reason = "what a batch is, what it gives, and the way to stop"
    )]
    pub fn value_and_gradient<T: Real>(
        &self,
        z: &[T],
        proxies: &[T],
        labels: &Labels,
        sharpness: Option<f64>,
        by_z: &mut [T],
        by_proxies: &mut [T],
        cancel: &Cancel,
    ) -> Result<f64> {
        let k = self.dimensions;
        by_z.fill(T::default());
        by_proxies.fill(T::default());
        let squashed: Vec<T>;
        let values = match sharpness {
            None => z,
            Some(beta) => {
                let squash = |&z: &T| {
                    let z: f64 = z.into();
                    T::from_f64((beta * z).tanh())
                };
                squashed = z.iter().map(squash).collect();
                &squashed
            }
        };
        let rows = values.len() / k;
        let matrix = MatRef::from_row_major_slice(values, rows, k);
        let mut gradient = MatMut::from_row_major_slice_mut(by_z, rows, k);

        let zeta = separation(k, self.classes);
        let pairs = PairLoss {
            loss: self.loss,
            dimensions: k,
            separation: zeta,
            similar_share: self.similar_share,
        };
        let similar = |i: usize, j: usize| labels.is_relevant(i, labels, j);
        let mut value = pairs.add(matrix, &similar, gradient.as_mut(), cancel)?;
        if self.loss.has_proxies() {
            let proxy_loss = ProxyLoss { loss: self.loss, separation: zeta };
            let proxies = MatRef::from_row_major_slice(proxies, self.classes, k);
            let by_proxies = MatMut::from_row_major_slice_mut(by_proxies, self.classes, k);
            let belongs = |row: usize, class: usize| labels.belongs(row, class);
            let sides = (gradient.as_mut(), by_proxies);
            value += proxy_loss.add(matrix, proxies, &belongs, sides, cancel)?;
        }
        value += self.penalty.add(self.penalty_weight, matrix, gradient);

        if let Some(beta) = sharpness {
            for (by, &value) in by_z.iter_mut().zip(values) {
                let (slope, value): (f64, f64) = ((*by).into(), value.into());
                *by = T::from_f64(slope * beta * (1.0 - value * value));
            }
        }
        Ok(value)
    }
}
