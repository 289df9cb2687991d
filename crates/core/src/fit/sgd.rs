//! The paper's procedure: plain gradient descent on the reflection vectors over shuffled mini-batches,
//! starting from V = I (Schwengber et al. 2023, section 4).

use faer::{MatMut, MatRef};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::options::Resolved;
use super::pass::Rows;
use super::random::{Stream, generator};
use super::run::{Epoch, Snapshot, Solver};
use crate::error::{Error, Result};
use crate::linalg::{grown, grown_matrix, multiply};
use crate::losses::{Loss, Weight};
use crate::reflections::{GradientScratch, Input, UtForm};

/// Reflection vectors under plain gradient descent.
#[derive(Debug, Clone)]
pub struct HouseholderSgd {
    vectors: Vec<f32>,
    dimensions: usize,
    loss: Loss,
    learning_rate: f64,
    form: UtForm<f32>,
    workspace: Workspace,
}

/// What a step works in. It keeps its size, so that steps after the first allocate nothing.
#[derive(Debug, Clone, Default)]
struct Workspace {
    /// Z, then the derivative with respect to it: rows x d, row-major.
    z: Vec<f32>,
    c: Vec<f32>,
    u: Vec<f32>,
    gradient: Vec<f32>,
    scratch: GradientScratch<f32>,
}

impl HouseholderSgd {
    /// Starts from `vectors` (one after the other, each of `dimensions` values).
    pub fn new(vectors: Vec<f32>, dimensions: usize, loss: Loss, learning_rate: f64) -> Self {
        let (form, workspace) = (UtForm::identity(dimensions), Workspace::default());
        Self { vectors, dimensions, loss, learning_rate, form, workspace }
    }

    /// The paper's start, V = I with m = d, whose product is U = −I.
    pub fn from_identity(dimensions: usize, loss: Loss, learning_rate: f64) -> Self {
        Self::from_unit_vectors(dimensions, dimensions, loss, learning_rate)
    }

    /// Starts from the first `count <= dimensions` unit vectors, whose product is
    /// U = diag(−1, …, −1, 1, …, 1) with `count` times −1.
    pub fn from_unit_vectors(
        count: usize,
        dimensions: usize,
        loss: Loss,
        learning_rate: f64,
    ) -> Self {
        let mut vectors = vec![0.0; count * dimensions];
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
        let (rows, m) = (batch.len() / d, self.vectors.len() / d);
        let Workspace { z, c, u, gradient, scratch } = &mut self.workspace;
        self.form.update(&self.vectors)?;
        let x = MatRef::from_row_major_slice(batch, rows, d);
        let z = grown(z, batch.len());
        let z_matrix = MatMut::from_row_major_slice_mut(z, rows, d);
        // U and XᵀD stand for the rows where that is less work: 2 products of rows·d², 6 of d²·m
        // instead of 6 of rows·d·m.
        let dense = d * (rows + 3 * m) < 3 * rows * m;
        // Room for either way, so that a smaller batch allocates nothing.
        grown(c, rows.max(d) * m);
        scratch.reserve(rows.max(d), m);
        let mut c = grown_matrix(c, if dense { d } else { rows }, m);
        if dense {
            let mut u = grown_matrix(u, d, d);
            self.form.apply_into(Input::Identity, u.as_mut(), c.as_mut());
            multiply(z_matrix, x, u.as_ref());
        } else {
            self.form.apply_into(Input::Rows(x), z_matrix, c.as_mut());
        }
        let terms = self.loss.terms(rows, d) as f64;
        let weight = Weight::Gradient { scale: 1.0 / terms };
        let sum = self.loss.sum_and_weights(z, d, weight);
        let dz = MatMut::from_row_major_slice_mut(z, rows, d);
        let (c, v_gradient) = (c.as_ref(), grown_matrix(gradient, d, m));
        if dense {
            let mut du = grown_matrix(u, d, d);
            multiply(du.as_mut(), x.transpose(), dz.as_ref());
            self.form.gradient_into(Input::Identity, c, du, v_gradient, scratch);
        } else {
            self.form.gradient_into(Input::Rows(x), c, dz, v_gradient, scratch);
        }
        let rate = self.learning_rate as f32;
        for (v, g) in self.vectors.iter_mut().zip(gradient) {
            *v -= rate * *g;
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
        let Resolved { bits, reflections, loss, learning_rate, .. } = *options;
        Self {
            steps: HouseholderSgd::from_unit_vectors(reflections, bits, loss, learning_rate),
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
