//! The objective `neighbours`: projection and rotation are learnt together, so that rankings by code are those by
//! cosine of the input.
//!
//! ```text
//! Split, Prepared → Start: a sample of the rows with the nearest of each, W = PCA turned to the least bit variance
//!                 → Descent, a Run: batches (sample.rs) → objective and derivative (objective.rs)
//!                   → a step of Adam → W orthonormal again → Model
//! ```

pub(super) mod objective;
mod sample;

use faer::{Mat, MatRef, Scale};

use objective::{NeighbourObjective, Surrogate};
use sample::{Drawn, Sample, View};

use super::majorise::Majorise;
use super::options::{Objective, ProjectionSource, Resolved};
use super::pass::Rows;
use super::prepare::{Prepared, Split, column_means, scale_to_root};
use super::random::{Stream, generator};
use super::run::{EpochReport, Progress, Run, Snapshot, Solver};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::learn::adam::Adam;
use crate::linalg::{multiply, orthogonality_error, product};
use crate::losses::{Loss, Weight};
use crate::model::{Model, Summary};
use crate::parallel::Cancel;
use crate::products::multiply_symmetric;
use crate::rotation::Rotation;

/// The twin of this module says no.
pub(super) const BUILT_IN: bool = true;
/// Epochs by default, and the steps of each.
pub(super) const EPOCHS: usize = 20;
const EPOCH_STEPS: usize = 20;
/// A projection is chosen within so many principal directions, or twice as many as there are bits.
const DIRECTIONS: usize = 512;
/// W begins with the rotation of the least bit variance, after at most so many epochs.
const START_EPOCHS: usize = 200;
/// Sharpness of the ranking by code, at 64 bits: it grows with their fourth root, as the noise of a code falls.
const SHARPNESS: f64 = 1.6;
/// Sharpness of the ranking by embedding is such that the last neighbour of an anchor weighs e to the minus this as
/// much as the first, within bounds.
const DECAY: f64 = 9.0;
const TARGET_SHARPNESS: [f64; 2] = [2.0, 1000.0];
/// Weight of the bit variance, times the bits. It keeps labels together. Embeddings that a network has drawn into clusters have none
/// of it, and no rotation that gives a cluster one code: that is where plain PCA finds so much more of the neighbours.
const BIT_VARIANCE: f64 = 1280.0;
const CLUSTERED: f64 = 0.05;
/// The first learning rate, times the bits.
const RATE_TIMES_BITS: f64 = 0.25;
/// WᵀW may be this far from I after a step, in the largest entry.
const TOLERANCE: f32 = 1e-5;
/// A step that needs more polar iterations has diverged.
const MAX_POLAR: usize = 20;

impl Resolved {
    /// How many principal directions the rows are seen in, where all would be too many.
    pub(super) fn basis(&self, dimensions: usize) -> Option<usize> {
        let most = (2 * self.bits).max(DIRECTIONS);
        let learnt = self.neighbours && self.projection == ProjectionSource::Learned;
        (learnt && self.bits < dimensions && most < dimensions).then_some(most)
    }
}

/// What a run begins with.
pub(super) struct Start {
    mean: Option<Vec<f32>>,
    /// d x k; none where k = d.
    basis: Option<Mat<f32>>,
    sample: Sample,
    w: Mat<f32>,
    /// Of the bit variance.
    weight: f64,
    /// What else may be kept: the best start by recall on held-out rows, and that recall.
    rival: (Mat<f32>, f64),
}

impl Start {
    pub fn new(
        split: &Split,
        prepared: &Prepared,
        options: &Resolved,
        cancel: &Cancel,
    ) -> Result<Self> {
        let Resolved { bits, threads, .. } = *options;
        let mean = match &prepared.mean {
            None if options.center => Some(column_means(&split.train, threads, cancel)?),
            mean => mean.clone(),
        };
        let learnt = options.projection == ProjectionSource::Learned;
        let basis = if learnt { prepared.basis.as_ref() } else { prepared.projection.as_ref() };
        // In principal directions PCA is the first of them; else the projection is what it is.
        let pca = match (basis, &prepared.projection) {
            (None, Some(projection)) => projection.clone(),
            (basis, _) => Mat::identity(basis.map_or(split.train.columns(), Mat::ncols), bits),
        };
        let view = View { mean: mean.as_deref(), basis: basis.map(Mat::as_ref) };
        let numbers = generator(options.seed, Stream::Neighbours);
        let parts = [&split.train, &split.held_out];
        let sample = Sample::new(parts, &view, pca.as_ref(), numbers, threads, cancel)?;
        let rotation = start_rotation(&sample, pca.as_ref(), options, cancel)?;
        let turned = product(pca.as_ref(), rotation.as_ref());
        let recalls = [
            sample.recall(pca.as_ref(), threads, cancel)?,
            sample.recall(turned.as_ref(), threads, cancel)?,
        ];
        let clustered = recalls[0] > recalls[1] + CLUSTERED;
        let weight = if clustered { 0.0 } else { BIT_VARIANCE / bits as f64 };
        let w = if clustered { pca.clone() } else { turned.clone() };
        let rival = if recalls[0] > recalls[1] { (pca, recalls[0]) } else { (turned, recalls[1]) };
        Ok(Self { basis: basis.cloned(), mean, sample, w, weight, rival })
    }

    pub fn run(self, options: Resolved, cancel: &Cancel) -> Result<Box<dyn Run>> {
        let started = Stopwatch::start();
        let Self { mean, basis, sample, w, weight, rival } = self;
        let [least, most] = TARGET_SHARPNESS;
        let objective = NeighbourObjective {
            sharpness: SHARPNESS * (options.bits as f64 / 64.0).sqrt().sqrt(),
            // A gap of 0 divides to infinity.
            target_sharpness: (DECAY / sample.gap()).clamp(least, most),
            weight,
            surrogate: Surrogate::Sign,
        };
        let (value, _) = objective.value_and_gradient(
            sample.validation(),
            w.as_ref(),
            options.threads,
            cancel,
        )?;
        let best = Best { w: w.clone(), train_loss: value, validation_loss: value };
        let done = options.epochs == 0;
        let progress = Progress { options, done, seconds: started.seconds(), epochs: 0 };
        let adam = Adam::new(w.nrows() * w.ncols());
        let drawn = Drawn::default();
        Ok(Box::new(Descent {
            progress,
            mean,
            basis,
            sample,
            objective,
            w,
            adam,
            drawn,
            best,
            rival,
        }))
    }
}

/// The rotation of the least bit variance of the sample's rows, within the columns of `pca`.
fn start_rotation(
    sample: &Sample,
    pca: MatRef<'_, f32>,
    options: &Resolved,
    cancel: &Cancel,
) -> Result<Mat<f32>> {
    let Resolved { bits, threads, .. } = *options;
    let x = sample.rows();
    let mut values = vec![0.0; x.nrows() * bits];
    let z = faer::MatMut::from_row_major_slice_mut(&mut values, x.nrows(), bits);
    multiply(z, x, pca);
    values.chunks_mut(bits).for_each(scale_to_root);
    let options = Resolved { loss: Loss::BitVariance, ..options.clone() };
    let mut solver = Majorise::auto(x.nrows(), &options);
    for _ in 0..START_EPOCHS {
        let rows = Rows { values: &values, columns: bits, stride: 1, threads, cancel };
        if solver.epoch(rows)?.done {
            break;
        }
    }
    match solver.snapshot() {
        Snapshot::Matrix(u) => Ok(u),
        Snapshot::Reflections(_) => {
            Err(Error::Internal { reason: "a majorisation has no reflections".into() }.into())
        }
    }
}

/// Adam on the projection.
struct Descent {
    progress: Progress,
    mean: Option<Vec<f32>>,
    basis: Option<Mat<f32>>,
    sample: Sample,
    objective: NeighbourObjective,
    /// k x b, orthonormal columns.
    w: Mat<f32>,
    adam: Adam,
    drawn: Drawn,
    best: Best,
    rival: (Mat<f32>, f64),
}

struct Best {
    w: Mat<f32>,
    train_loss: f64,
    validation_loss: f64,
}

impl Run for Descent {
    fn progress(&self) -> &Progress {
        &self.progress
    }

    fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    fn epoch(&mut self, _: &Prepared, cancel: &Cancel) -> Result<EpochReport> {
        let started = Stopwatch::start();
        let epoch = self.progress.epochs + 1;
        let mut sum = 0.0;
        for step in 0..EPOCH_STEPS {
            cancel.check()?;
            sum += self.step(self.progress.epochs * EPOCH_STEPS + step, cancel)?;
        }
        let train_loss = sum / EPOCH_STEPS as f64;
        let (batch, threads) = (self.sample.validation(), self.progress.options.threads);
        let (validation_loss, _) =
            self.objective.value_and_gradient(batch, self.w.as_ref(), threads, cancel)?;
        if !validation_loss.is_finite() {
            return Err(Error::Diverged { epoch }.into());
        }
        if validation_loss < self.best.validation_loss {
            self.best = Best { w: self.w.clone(), train_loss, validation_loss };
        }
        let Progress { options, done, seconds, epochs } = &mut self.progress;
        *epochs = epoch;
        *done = epoch >= options.epochs;
        if *done {
            // What was learnt may keep fewer neighbours than a start that it left.
            let (rival, recall) = &self.rival;
            if self.sample.recall(self.best.w.as_ref(), threads, cancel)? < *recall {
                let (value, _) =
                    self.objective.value_and_gradient(batch, rival.as_ref(), threads, cancel)?;
                let w = rival.clone();
                self.best = Best { w, train_loss: value, validation_loss: value };
            }
        }
        *seconds += started.seconds();
        Ok(EpochReport {
            method: options.method,
            objective: Objective::Neighbours,
            epoch,
            train_loss,
            validation_loss,
            orthogonality_error: orthogonality_error(self.w.as_ref()),
            seconds: 0.0,
            flops: None,
        })
    }

    fn report(&mut self, loss: Loss, _: &Prepared, cancel: &Cancel) -> Result<f64> {
        let (w, batch) = (self.best.w.as_ref(), self.sample.validation());
        let bits = w.ncols();
        let x = MatRef::from_row_major_slice(batch.rows, batch.count, w.nrows());
        // The anchors are the held-out rows.
        let mut z = vec![0.0; batch.anchors * bits];
        cancel.check()?;
        let held_out = faer::MatMut::from_row_major_slice_mut(&mut z, batch.anchors, bits);
        multiply(held_out, x.subrows(0, batch.anchors), w);
        z.chunks_mut(bits).for_each(scale_to_root);
        let sum = loss.sum_and_weights(&mut z, bits, Weight::Gradient { scale: 1.0 });
        Ok(sum / loss.terms(batch.anchors, bits) as f64)
    }

    fn model(
        &self,
        prepared: &Prepared,
        rows: usize,
        dimensions: usize,
        seconds: f64,
    ) -> Result<Model> {
        let options = &self.progress.options;
        let Best { w, train_loss, validation_loss } = &self.best;
        let summary = Summary {
            rows,
            dimensions,
            bits: options.bits,
            method: options.method,
            loss: Objective::Neighbours,
            solver: options.solver,
            seed: options.seed,
            epochs: self.progress.epochs,
            seconds: Some(seconds),
            train_loss: *train_loss,
            validation_loss: *validation_loss,
            orthogonality_error: orthogonality_error(w.as_ref()),
        };
        let (projection, rotation) = if w.nrows() == w.ncols() {
            (prepared.projection.clone(), Rotation::from_matrix(w.as_ref()))
        } else {
            let whole = match &self.basis {
                Some(basis) => product(basis.as_ref(), w.as_ref()),
                None => w.clone(),
            };
            (Some(whole), Rotation::identity(options.bits))
        };
        Model::new(self.mean.clone(), projection, rotation, summary)
    }
}

impl Descent {
    /// One batch; returns its objective before the step.
    fn step(&mut self, step: usize, cancel: &Cancel) -> Result<f64> {
        let Resolved { bits, epochs, threads, .. } = self.progress.options;
        self.sample.draw(&mut self.drawn);
        let (batch, w) = (self.drawn.batch(), self.w.as_ref());
        let (value, by_w) = self.objective.value_and_gradient(batch, w, threads, cancel)?;
        let share = step as f64 / (epochs * EPOCH_STEPS) as f64;
        // From 1 to 0 as half a period of the cosine does, within 0.01.
        let decay = (1.0 - share).powi(2) * (1.0 + 2.0 * share);
        let rate = RATE_TIMES_BITS / bits as f64 * decay;
        let mut values = column_by_column(w);
        self.adam.step(&mut values, &column_by_column(by_w.as_ref()), rate, 0.0, &[]);
        let moved = MatRef::from_column_major_slice(&values, w.nrows(), bits);
        self.w = orthonormal(moved.to_owned(), cancel)?;
        Ok(value)
    }
}

fn column_by_column(a: MatRef<'_, f32>) -> Vec<f32> {
    (0..a.ncols()).flat_map(|j| a.col(j).iter().copied()).collect()
}

/// The polar factor of a matrix whose columns are nearly orthonormal, by Newton's and Schulz's iteration
/// `W ← W (3 − WᵀW)/2`.
fn orthonormal(mut w: Mat<f32>, cancel: &Cancel) -> Result<Mat<f32>> {
    let b = w.ncols();
    let mut gram = Mat::zeros(b, b);
    for _ in 0..MAX_POLAR {
        cancel.check()?;
        multiply_symmetric(gram.as_mut(), w.transpose(), w.as_ref());
        let mut error = 0.0f32;
        for j in 0..b {
            for (i, entry) in gram.col(j).iter().enumerate() {
                error = error.max((entry - f32::from(u8::from(i == j))).abs());
            }
        }
        if error < TOLERANCE {
            return Ok(w);
        }
        gram *= Scale(-0.5);
        (0..b).for_each(|j| gram[(j, j)] += 1.5);
        w = product(w.as_ref(), gram.as_ref());
    }
    Err(Error::Internal { reason: "a step left the projections".into() }.into())
}
