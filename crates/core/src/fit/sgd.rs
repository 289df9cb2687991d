//! The paper's procedure: plain gradient descent on the reflection vectors over shuffled mini-batches,
//! starting from V = I (Schwengber et al. 2023, section 4).

use faer::{Mat, MatMut, MatRef};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::options::Resolved;
use super::pass::Rows;
use super::random::{Stream, generator};
use super::run::{Epoch, Snapshot, Solver};
use crate::error::{Error, Result};
use crate::losses::{Loss, Weight};
use crate::reflections::UtForm;

/// Reflection vectors under plain gradient descent.
#[derive(Debug, Clone)]
pub struct HouseholderSgd {
    vectors: Vec<f32>,
    dimensions: usize,
    loss: Loss,
    learning_rate: f64,
}

impl HouseholderSgd {
    /// Starts from `vectors` (one after the other, each of `dimensions` values).
    pub fn new(vectors: Vec<f32>, dimensions: usize, loss: Loss, learning_rate: f64) -> Self {
        Self { vectors, dimensions, loss, learning_rate }
    }

    /// The paper's start, V = I with m = d, whose product is U = −I.
    pub fn from_identity(dimensions: usize, loss: Loss, learning_rate: f64) -> Self {
        let mut vectors = vec![0.0; dimensions * dimensions];
        vectors.iter_mut().step_by(dimensions + 1).for_each(|x| *x = 1.0);
        Self::new(vectors, dimensions, loss, learning_rate)
    }

    /// The vectors, one after the other.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// One step on a batch of rows; returns the batch's mean loss before the step.
    ///
    /// # Errors
    /// `NotFinite` or `ZeroReflection` when an earlier step diverged, `Mismatch` for a broken row.
    pub fn step(&mut self, batch: &[f32]) -> Result<f64> {
        let d = self.dimensions;
        if batch.is_empty() || !batch.len().is_multiple_of(d) {
            return Err(Error::mismatch("values of the batch", batch.len() / d * d, batch.len()));
        }
        let rows = batch.len() / d;
        let form = UtForm::new(&self.vectors, d)?;
        let x = MatRef::from_row_major_slice(batch, rows, d);
        let mut z = vec![0.0; batch.len()];
        let c = form.apply(x, MatMut::from_row_major_slice_mut(&mut z, rows, d));
        let terms = self.loss.terms(rows, d) as f64;
        let gradient = Weight::Gradient { scale: 1.0 / terms };
        let sum = self.loss.sum_and_weights(&mut z, d, gradient);
        let gradient: Mat<f32> =
            form.gradient(x, c.as_ref(), MatRef::from_row_major_slice(&z, rows, d));
        let rate = self.learning_rate as f32;
        for (j, vector) in self.vectors.chunks_mut(d).enumerate() {
            for (v, g) in vector.iter_mut().zip(gradient.col(j).iter()) {
                *v -= rate * g;
            }
        }
        Ok(sum / terms)
    }
}

/// [`HouseholderSgd`] over shuffled epochs.
pub(super) struct Sgd {
    steps: HouseholderSgd,
    order: Vec<usize>,
    batch_size: usize,
    generator: ChaCha8Rng,
    batch: Vec<f32>,
}

impl Sgd {
    pub fn new(rows: usize, options: &Resolved) -> Self {
        let (bits, loss) = (options.bits, options.loss);
        Self {
            steps: HouseholderSgd::from_identity(bits, loss, options.learning_rate),
            order: (0..rows).collect(),
            batch_size: options.batch_size,
            generator: generator(options.seed, Stream::Batches),
            batch: Vec::new(),
        }
    }
}

impl Solver for Sgd {
    fn epoch(&mut self, rows: Rows<'_>) -> Result<Epoch> {
        self.order.shuffle(&mut self.generator);
        let (mut sum, mut count) = (0.0, 0);
        for batch in self.order.chunks(self.batch_size) {
            rows.cancel.check()?;
            self.batch.clear();
            for row in batch {
                self.batch.extend_from_slice(&rows.values[row * rows.columns..][..rows.columns]);
            }
            sum += self.steps.step(&self.batch)? * batch.len() as f64;
            count += batch.len();
        }
        Ok(Epoch { train_loss: sum / count as f64, done: false })
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::Reflections(self.steps.vectors.clone())
    }
}
