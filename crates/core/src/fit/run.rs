//! One method on prepared rows: epoch by epoch, and the best that it has seen. Of the methods that turn the rows
//! as they were prepared, a solver does the epochs.

use faer::Mat;

use super::choices::{Method, Objective, Solver as SolverName};
use super::options::Resolved;
use super::pass::Rows;
use super::prepare::Prepared;
use super::random::{Stream, generator, random_rotation};
use super::{majorise, sgd};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::linalg::{copy, orthogonality_error};
use crate::losses::Loss;
use crate::model::{Model, Summary};
use crate::parallel::Cancel;
use crate::reflections::UtForm;
use crate::rotation::Rotation;

/// What one epoch reached. Losses are means over entries (over rows for min-entropy).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// The method that is being fitted.
    pub method: Method,
    /// What it minimises.
    pub objective: Objective,
    /// Counted from 1, for each method anew.
    pub epoch: usize,
    /// For `sgd` the mean over the batches as they came.
    pub train_loss: f64,
    /// At the end of the epoch.
    pub validation_loss: f64,
    /// max |UᵀU − I|.
    pub orthogonality_error: f64,
    /// Time spent in the fit so far.
    pub seconds: f64,
    /// Floating-point operations of the matrix products of this method so far, those of trials, of
    /// polar steps and of the validation among them; `None` for `sgd` and the objective `neighbours`.
    pub flops: Option<f64>,
}

/// An algorithm that improves a rotation pass by pass.
pub(super) trait Solver: Send {
    /// One pass over the training rows.
    fn epoch(&mut self, rows: Rows<'_>) -> Result<Epoch>;
    /// Told the validation loss after each epoch, says whether to stop.
    fn judge(&mut self, _validation_loss: f64) -> bool {
        false
    }
    /// Floating-point operations so far: see [`EpochReport::flops`].
    fn flops(&self) -> Option<f64> {
        None
    }
    /// The rotation as it stands.
    fn snapshot(&self) -> Snapshot;
}

pub(super) struct Epoch {
    pub train_loss: f64,
    /// Nothing more is to be gained.
    pub done: bool,
}

/// A rotation in the form that its solver works with.
#[derive(Debug, Clone)]
pub(super) enum Snapshot {
    Matrix(Mat<f32>),
    Reflections(Vec<f32>),
}

/// What is told of a rotation or projection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub train_loss: f64,
    pub validation_loss: f64,
    pub orthogonality_error: f64,
}

/// How far a method has come.
pub(super) struct Progress {
    pub options: Resolved,
    pub done: bool,
    /// Time spent on this method, its start included.
    pub seconds: f64,
    /// Epochs that have run.
    pub epochs: usize,
}

impl Progress {
    /// The most epochs that there will have been.
    pub fn planned_epochs(&self) -> usize {
        if self.done { self.epochs } else { self.options.epochs }
    }

    /// Of a fit of `rows` rows that has taken `seconds` and keeps what `reached` this.
    pub fn summary(
        &self,
        rows: usize,
        dimensions: usize,
        seconds: f64,
        reached: Reached,
    ) -> Summary {
        let options = &self.options;
        let Reached { train_loss, validation_loss, orthogonality_error } = reached;
        Summary {
            rows,
            dimensions,
            bits: options.bits,
            method: options.method,
            loss: options.objective(),
            solver: options.solver,
            seed: options.seed,
            epochs: self.epochs,
            seconds: Some(seconds),
            train_loss,
            validation_loss,
            orthogonality_error,
        }
    }
}

/// A method at work.
pub(super) trait Run: Send {
    fn progress(&self) -> &Progress;
    fn progress_mut(&mut self) -> &mut Progress;
    /// The next part of an epoch; with the last one a report, which says nothing yet of the time of the fit.
    fn part(&mut self, prepared: &Prepared, cancel: &Cancel) -> Result<Option<EpochReport>>;
    /// A part of what [`Run::report`] and [`Run::model`] need; true once they have all of it.
    fn settle(&mut self, _cancel: &Cancel) -> Result<bool> {
        Ok(true)
    }
    /// Once the epochs are over: the validation loss of the best by which methods are compared that minimise
    /// others. A quantization loss that was minimised instead is reported no more.
    fn report(&mut self, loss: Loss, prepared: &Prepared, cancel: &Cancel) -> Result<f64>;
    /// The best so far of a fit of `rows` rows that has taken `seconds`.
    fn model(
        &self,
        prepared: &Prepared,
        rows: usize,
        dimensions: usize,
        seconds: f64,
    ) -> Result<Model>;
}

/// A method that turns the prepared rows.
pub(super) struct Turning {
    progress: Progress,
    solver: Option<Box<dyn Solver>>,
    /// Floating-point operations beside those of the solver.
    flops: f64,
    best: Best,
}

/// The rotation with the lowest validation loss so far.
struct Best {
    snapshot: Snapshot,
    reached: Reached,
}

impl Turning {
    /// Evaluates the start; `random` and `identity` are done with that.
    pub fn start(options: Resolved, prepared: &Prepared, cancel: &Cancel) -> Result<Self> {
        let started = Stopwatch::start();
        let rows = prepared.train.len() / prepared.bits;
        let mut solver: Option<Box<dyn Solver>> = match (options.method, options.solver) {
            (Method::H2q, SolverName::Sgd) => Some(Box::new(sgd::Sgd::new(rows, &options))),
            (Method::H2q, SolverName::Auto) => {
                Some(Box::new(majorise::Majorise::auto(rows, &options)))
            }
            (Method::Itq, _) => Some(Box::new(majorise::Majorise::itq(&options))),
            (Method::Random | Method::Identity, _) => None,
        };
        let snapshot = match (&solver, options.method) {
            (Some(solver), _) => solver.snapshot(),
            (None, Method::Random) => {
                let generator = generator(options.seed, Stream::Rotation);
                Snapshot::Matrix(random_rotation(options.bits, generator))
            }
            (None, _) => Snapshot::Matrix(Mat::identity(options.bits, options.bits)),
        };
        let u = snapshot.matrix(options.bits)?;
        let (train, held_out) =
            (prepared.rows(&options, cancel), prepared.held_out(&options, cancel));
        let flops = train.flops(1) + held_out.flops(1);
        let reached = Reached {
            train_loss: train.loss(options.loss, u.as_ref())?,
            validation_loss: held_out.loss(options.loss, u.as_ref())?,
            orthogonality_error: orthogonality_error(u.as_ref()),
        };
        let best = Best { snapshot, reached };
        if options.epochs == 0 {
            solver = None;
        }
        let (done, seconds) = (solver.is_none(), started.seconds());
        Ok(Self { progress: Progress { options, done, seconds, epochs: 0 }, solver, flops, best })
    }
}

impl Run for Turning {
    fn progress(&self) -> &Progress {
        &self.progress
    }

    fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// A whole epoch.
    fn part(&mut self, prepared: &Prepared, cancel: &Cancel) -> Result<Option<EpochReport>> {
        let started = Stopwatch::start();
        let Progress { options, epochs, done, seconds } = &mut self.progress;
        let not_running = || Error::Internal { reason: "an epoch without a solver".into() };
        let solver = self.solver.as_mut().ok_or_else(not_running)?;
        let number = *epochs + 1;
        let diverged = |error: Box<Error>| match *error {
            Error::NotFinite { .. } | Error::ZeroReflection { .. } => {
                Error::Diverged { epoch: number }.into()
            }
            other => Box::new(other),
        };
        let epoch = solver.epoch(prepared.rows(options, cancel)).map_err(diverged)?;
        let snapshot = solver.snapshot();
        let u = snapshot.matrix(options.bits).map_err(diverged)?;
        let held_out = prepared.held_out(options, cancel);
        let validation_loss = held_out.loss(options.loss, u.as_ref())?;
        self.flops += held_out.flops(1);
        let orthogonality_error = orthogonality_error(u.as_ref());
        if !(validation_loss.is_finite() && orthogonality_error.is_finite()) {
            return Err(Error::Diverged { epoch: number }.into());
        }
        *epochs = number;
        let stop = solver.judge(validation_loss);
        let flops = solver.flops().map(|flops| flops + self.flops);
        *done = epoch.done || stop || number >= options.epochs;
        let train_loss = epoch.train_loss;
        if validation_loss < self.best.reached.validation_loss {
            let reached = Reached { train_loss, validation_loss, orthogonality_error };
            self.best = Best { snapshot, reached };
        }
        let (method, objective) = (options.method, options.objective());
        *seconds += started.seconds();
        Ok(Some(EpochReport {
            method,
            objective,
            epoch: number,
            train_loss,
            validation_loss,
            orthogonality_error,
            seconds: 0.0,
            flops,
        }))
    }

    fn report(&mut self, loss: Loss, prepared: &Prepared, cancel: &Cancel) -> Result<f64> {
        let (options, Best { snapshot, reached }) = (&mut self.progress.options, &mut self.best);
        if options.loss != loss {
            let u = snapshot.matrix(options.bits)?;
            reached.train_loss = prepared.rows(options, cancel).loss(loss, u.as_ref())?;
            reached.validation_loss = prepared.held_out(options, cancel).loss(loss, u.as_ref())?;
            options.loss = loss;
        }
        Ok(reached.validation_loss)
    }

    fn model(
        &self,
        prepared: &Prepared,
        rows: usize,
        dimensions: usize,
        seconds: f64,
    ) -> Result<Model> {
        let Best { snapshot, reached } = &self.best;
        let summary = self.progress.summary(rows, dimensions, seconds, *reached);
        let rotation = snapshot.rotation(summary.bits);
        Model::new(prepared.mean.clone(), prepared.projection.clone(), rotation, summary)
    }
}

impl Prepared {
    fn rows<'a>(&'a self, options: &Resolved, cancel: &'a Cancel) -> Rows<'a> {
        Rows {
            values: &self.train,
            columns: self.bits,
            stride: 1,
            threads: options.threads,
            cancel,
        }
    }

    fn held_out<'a>(&'a self, options: &Resolved, cancel: &'a Cancel) -> Rows<'a> {
        Rows { values: &self.validation, ..self.rows(options, cancel) }
    }
}

impl Snapshot {
    fn matrix(&self, dimensions: usize) -> Result<Mat<f32>> {
        match self {
            Self::Matrix(u) => Ok(copy(u)),
            Self::Reflections(vectors) => Ok(UtForm::new(vectors, dimensions)?.product()),
        }
    }

    fn rotation(&self, dimensions: usize) -> Rotation {
        match self {
            Self::Matrix(u) => Rotation::from_matrix(u.as_ref()),
            Self::Reflections(vectors) => {
                Rotation { reflections: vectors.clone(), ..Rotation::identity(dimensions) }
            }
        }
    }
}
