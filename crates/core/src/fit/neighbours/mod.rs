//! The objective `neighbours`: projection and rotation are learnt together, so that rankings by code are those by
//! cosine of the input.
//!
//! ```text
//! Split, Prepared → Start: a sample of the rows with the nearest of each, W = PCA turned to the least bit variance
//!                 → Descent, a Run: batches (sample.rs) → objective and derivative (objective.rs)
//!                   → a step of Adam → W orthonormal again → Choice → Model
//! ```
//!
//! All of it comes in parts of some milliseconds where there is one thread (parts.rs): what begins and what ends are `async`,
//! a step is a part.

mod choice;
pub(super) mod objective;
mod orthonormal;
mod products;
mod sample;
mod seen;
mod start;

use std::sync::Arc;

use faer::{Mat, MatRef};

use choice::{Choice, Kept, Rivals};
use objective::{NeighbourObjective, Surrogate};
use orthonormal::orthonormal;
use products::{product, project};
use sample::{Drawn, Order, Sample};
use seen::View;
use start::{coordinates, least_variance, mean_of};

use super::choices::Objective;
use super::options::Resolved;
use super::prepare::{Prepared, Split, scale_to_root};
use super::random::{Stream, generator, random_rotation};
use super::run::{EpochReport, Progress, Reached, Run};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::learn::adam::Adam;
use crate::linalg::orthogonality_error;
use crate::losses::{Loss, Weight};
use crate::model::Model;
use crate::parallel::Cancel;
use crate::parts::{Parts, timed};
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
/// The most that the rate turns a column by, in all.
const MAX_TURN: f64 = 0.1;
/// The most numbers of a projection: a fit holds some twenty of them.
const MAX_NUMBERS: usize = 1 << 24;

impl Resolved {
    /// How many principal directions the rows are seen in, where all would be too many.
    pub(super) fn basis(&self, dimensions: usize) -> Option<usize> {
        let most = directions(self.bits, dimensions);
        (self.bits < dimensions && most < dimensions).then_some(most)
    }
}

fn directions(bits: usize, dimensions: usize) -> usize {
    (2 * bits).max(DIRECTIONS).min(dimensions)
}

/// Whether a projection of so many dimensions to bits is small enough.
pub(super) fn has_room(bits: usize, dimensions: usize) -> bool {
    bits.saturating_mul(directions(bits, dimensions)) <= MAX_NUMBERS
}

/// What a run begins with.
pub(super) struct Start {
    mean: Option<Vec<f32>>,
    /// d x k; none where k = d.
    basis: Option<Mat<f32>>,
    sample: Sample,
    order: Order,
    w: Mat<f32>,
    /// Of the bit variance.
    weight: f64,
    rivals: Rivals,
    seconds: f64,
}

impl Start {
    pub async fn new(
        split: &Split<'_>,
        prepared: &Prepared,
        options: &Resolved,
        cancel: &Cancel,
    ) -> Result<Self> {
        let (start, seconds) = timed(Self::found(split, prepared, options, cancel)).await;
        Ok(Self { seconds, ..start? })
    }

    async fn found(
        split: &Split<'_>,
        prepared: &Prepared,
        options: &Resolved,
        cancel: &Cancel,
    ) -> Result<Self> {
        let Resolved { bits, threads, .. } = *options;
        let mut mean = mean_of(split, prepared, options, cancel).await?;
        let (basis, pca) = coordinates(prepared, options, split.train.columns());
        let units = prepared.basis.as_ref().map(Mat::as_ref);
        let view = View { mean: mean.as_deref(), basis: basis.as_ref().map(Mat::as_ref), units };
        let numbers = generator(options.seed, Stream::Neighbours);
        let parts = [&split.train, &split.held_out];
        let (mut sample, order) =
            Sample::new(parts, &view, pca.as_ref(), numbers, threads, cancel).await?;
        let rotation = random_rotation(bits, generator(options.seed, Stream::Rotation));
        let random = product(pca.as_ref(), rotation.as_ref(), threads, cancel)?;
        if options.may_keep_mean && sample.needs_no_mean(random.as_ref(), threads, cancel).await? {
            (mean, sample) = (None, sample.without_mean()?);
        }
        let turned = least_variance(&sample, pca.as_ref(), options, cancel).await?;
        let recalls = [
            sample.recall(pca.as_ref(), threads, cancel).await?,
            sample.recall(turned.as_ref(), threads, cancel).await?,
        ];
        let clustered = recalls[0] > recalls[1] + CLUSTERED;
        let weight = if clustered { 0.0 } else { BIT_VARIANCE / bits as f64 };
        let w = if clustered { pca.clone() } else { turned.clone() };
        let start = if recalls[0] > recalls[1] { pca } else { turned };
        let rivals = Rivals { start, random };
        Ok(Self { basis, mean, sample, order, w, weight, rivals, seconds: 0.0 })
    }

    pub fn run(self, options: Resolved) -> Result<Box<dyn Run>> {
        let started = Stopwatch::start();
        let Self { mean, basis, sample, order, w, weight, rivals, seconds } = self;
        let [least, most] = TARGET_SHARPNESS;
        let objective = NeighbourObjective {
            sharpness: SHARPNESS * (options.bits as f64 / 64.0).sqrt().sqrt(),
            // A gap of 0 divides to infinity.
            target_sharpness: (DECAY / sample.gap()).clamp(least, most),
            weight,
            surrogate: Surrogate::Sign,
        };
        let done = options.epochs == 0;
        let seconds = seconds + started.seconds();
        let progress = Progress { options, done, seconds, epochs: 0 };
        let adam = Adam::new(w.nrows() * w.ncols());
        let drawn = Drawn::default();
        Ok(Box::new(Descent {
            progress,
            mean,
            basis,
            sample: Arc::new(sample),
            order,
            objective,
            start: w.clone(),
            w,
            adam,
            drawn,
            rivals,
            steps: 0,
            sum: 0.0,
            train_loss: None,
            choosing: None,
            kept: None,
        }))
    }
}

/// Adam on the projection.
struct Descent {
    progress: Progress,
    mean: Option<Vec<f32>>,
    basis: Option<Mat<f32>>,
    sample: Arc<Sample>,
    order: Order,
    objective: NeighbourObjective,
    /// Where the descent began.
    start: Mat<f32>,
    /// k x b, orthonormal columns.
    w: Mat<f32>,
    adam: Adam,
    drawn: Drawn,
    rivals: Rivals,
    /// Of the epoch that is under way: how many, and the sum of their objectives.
    steps: usize,
    sum: f64,
    /// Of the last epoch.
    train_loss: Option<f64>,
    /// Of the projection as it stands, while it is under way and once it is made.
    choosing: Option<Parts<Result<Kept>>>,
    kept: Option<Kept>,
}

impl Run for Descent {
    fn progress(&self) -> &Progress {
        &self.progress
    }

    fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// A step; after the last one what the epoch has come to, or a part of the choice.
    fn part(&mut self, _: &Prepared, cancel: &Cancel) -> Result<Option<EpochReport>> {
        let started = Stopwatch::start();
        let report = self.next(cancel);
        self.progress.seconds += started.seconds();
        report
    }

    fn settle(&mut self, cancel: &Cancel) -> Result<bool> {
        if self.kept.is_none() {
            let choosing = self.choosing.take();
            let mut choosing = choosing.unwrap_or_else(|| Parts::new(self.choice(cancel)));
            match choosing.next() {
                None => self.choosing = Some(choosing),
                Some(kept) => self.kept = Some(kept?),
            }
        }
        Ok(self.kept.is_some())
    }

    fn report(&mut self, loss: Loss, _: &Prepared, cancel: &Cancel) -> Result<f64> {
        let (kept, batch) = (self.kept()?, self.sample.validation());
        let w = kept.w.as_ref();
        let bits = w.ncols();
        // The anchors are the held-out rows.
        let held_out = &batch.rows[..batch.anchors * w.nrows()];
        let mut z = project(held_out, w, self.progress.options.threads, cancel)?;
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
        let Resolved { bits, threads, .. } = self.progress.options;
        let cancel = &Cancel::default();
        let Kept { w, loss } = self.kept()?;
        let reached = Reached {
            train_loss: self.train_loss.unwrap_or(*loss),
            validation_loss: *loss,
            orthogonality_error: orthogonality_error(w.as_ref()),
        };
        let summary = self.progress.summary(rows, dimensions, seconds, reached);
        let (projection, rotation) = if w.nrows() == w.ncols() {
            (prepared.projection.clone(), Rotation::from_matrix(w.as_ref()))
        } else {
            let whole = match &self.basis {
                Some(basis) => product(basis.as_ref(), w.as_ref(), threads, cancel)?,
                None => w.clone(),
            };
            (Some(whole), Rotation::identity(bits))
        };
        Model::new(self.mean.clone(), projection, rotation, summary)
    }
}

impl Descent {
    fn next(&mut self, cancel: &Cancel) -> Result<Option<EpochReport>> {
        let Resolved { method, epochs, threads, .. } = self.progress.options;
        if self.steps < EPOCH_STEPS {
            cancel.check()?;
            self.sum += self.step(self.progress.epochs * EPOCH_STEPS + self.steps, cancel)?;
            self.steps += 1;
            return Ok(None);
        }
        let epoch = self.progress.epochs + 1;
        if epoch >= epochs && !self.settle(cancel)? {
            return Ok(None);
        }
        let train_loss = self.sum / EPOCH_STEPS as f64;
        let batch = self.sample.validation();
        let validation_loss = self.objective.value(batch, self.w.as_ref(), threads, cancel)?;
        (self.steps, self.sum, self.train_loss) = (0, 0.0, Some(train_loss));
        (self.progress.epochs, self.progress.done) = (epoch, epoch >= epochs);
        Ok(Some(EpochReport {
            method,
            objective: Objective::Neighbours,
            epoch,
            train_loss,
            validation_loss,
            orthogonality_error: orthogonality_error(self.w.as_ref()),
            seconds: 0.0,
            flops: None,
        }))
    }

    /// Once it is settled.
    fn kept(&self) -> Result<&Kept> {
        let unsettled = || Error::Internal { reason: "a projection that is not chosen yet".into() };
        Ok(self.kept.as_ref().ok_or_else(unsettled)?)
    }

    fn choice(&self, cancel: &Cancel) -> impl Future<Output = Result<Kept>> + use<> {
        let choice = Choice {
            sample: self.sample.clone(),
            objective: self.objective,
            start: self.start.clone(),
            w: self.w.clone(),
            rivals: self.rivals.clone(),
            threads: self.progress.options.threads,
        };
        choice.choose(cancel.clone())
    }

    /// One batch; returns its objective before the step.
    fn step(&mut self, step: usize, cancel: &Cancel) -> Result<f64> {
        let Resolved { bits, epochs, threads, .. } = self.progress.options;
        (self.choosing, self.kept) = (None, None);
        self.sample.draw(&mut self.order, &mut self.drawn);
        let (batch, w) = (self.drawn.batch(), self.w.as_ref());
        let (value, by_w) = self.objective.value_and_gradient(batch, w, threads, cancel)?;
        let share = step as f64 / (epochs * EPOCH_STEPS) as f64;
        // From 1 to 0 as half a period of the cosine does, within 0.01.
        let decay = (1.0 - share).powi(2) * (1.0 + 2.0 * share);
        let most = MAX_TURN / (w.nrows() as f64).sqrt();
        let rate = (RATE_TIMES_BITS / bits as f64).min(most) * decay;
        let mut values = column_by_column(w);
        self.adam.step(&mut values, &column_by_column(by_w.as_ref()), rate, 0.0, &[]);
        let moved = MatRef::from_column_major_slice(&values, w.nrows(), bits);
        // A step that no orthonormal columns are near to is left out.
        if let Some(w) = orthonormal(moved.to_owned(), threads, cancel)? {
            self.w = w;
        }
        Ok(value)
    }
}

fn column_by_column(a: MatRef<'_, f32>) -> Vec<f32> {
    (0..a.ncols()).flat_map(|j| a.col(j).iter().copied()).collect()
}
