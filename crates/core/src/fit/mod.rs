//! Fitting a model: prepare the rows, run a solver epoch by epoch, keep the rotation with the lowest
//! validation loss.

mod majorise;
mod options;
mod pass;
mod prepare;
mod random;
mod sgd;

use std::sync::Arc;
use std::time::Instant;

use faer::Mat;

pub use options::{FitOptions, Method, Solver as SolverName};
pub use sgd::HouseholderSgd;

use crate::error::{Error, Result};
use crate::linalg::orthogonality_error;
use crate::model::{Model, Summary, check_dimensions};
use crate::parallel::Cancel;
use crate::reflections::{Rotation, UtForm};
use crate::vectors::Vectors;
use options::Resolved;
use pass::Rows;
use prepare::{Prepared, prepare};

/// What one epoch reached. Losses are means over entries (over rows for min-entropy).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: usize,
    /// For `sgd` the mean over the batches as they came.
    pub train_loss: f64,
    /// At the end of the epoch.
    pub validation_loss: f64,
    /// max |UᵀU − I|.
    pub orthogonality_error: f64,
    /// Time spent in the fit so far.
    pub seconds: f64,
}

/// A fit in progress: [`FitSession::prepare`], [`FitSession::step`] until [`FitSession::done`],
/// [`FitSession::finish`]. The state between steps is whole, so a caller may stop after any of them.
pub struct FitSession {
    vectors: Arc<Vectors>,
    validation: Option<Arc<Vectors>>,
    options: Resolved,
    running: Option<Running>,
    seconds: f64,
}

struct Running {
    prepared: Prepared,
    solver: Option<Box<dyn Solver>>,
    epoch: usize,
    done: bool,
    best: Best,
}

/// The rotation with the lowest validation loss so far.
struct Best {
    snapshot: Snapshot,
    train_loss: f64,
    validation_loss: f64,
    orthogonality_error: f64,
}

/// An algorithm that improves a rotation pass by pass.
trait Solver: Send {
    /// One pass over the training rows.
    fn epoch(&mut self, rows: Rows<'_>) -> Result<Epoch>;
    /// Told the validation loss after each epoch, says whether to stop.
    fn judge(&mut self, _validation_loss: f64) -> bool {
        false
    }
    /// The rotation as it stands.
    fn snapshot(&self) -> Snapshot;
}

struct Epoch {
    train_loss: f64,
    /// Nothing more is to be gained.
    done: bool,
}

/// A rotation in the form that its solver works with.
#[derive(Debug, Clone)]
enum Snapshot {
    Matrix(Mat<f32>),
    Reflections(Vec<f32>),
}

impl FitSession {
    /// Checks the request; nothing is computed yet.
    ///
    /// # Errors
    /// `Bits`, `InvalidOption` (also for more than [`crate::model::MAX_DIMENSIONS`]), `Mismatch` for
    /// validation rows of other dimensions.
    pub fn new(
        vectors: Arc<Vectors>,
        validation: Option<Arc<Vectors>>,
        options: &FitOptions,
    ) -> Result<Self> {
        check_dimensions(vectors.columns())?;
        let options = options.resolve(vectors.columns())?;
        if let Some(validation) = &validation
            && validation.columns() != vectors.columns()
        {
            let what = "columns of the validation vectors";
            return Err(Error::mismatch(what, vectors.columns(), validation.columns()));
        }
        Ok(Self { vectors, validation, options, running: None, seconds: 0.0 })
    }

    /// The most epochs that will run; `random` and `identity` have none.
    pub fn planned_epochs(&self) -> usize {
        self.options.epochs
    }

    /// Whether further steps would change nothing.
    pub fn done(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.done)
    }

    /// Centres, projects and scales the rows and evaluates the start.
    ///
    /// # Errors
    /// `Aborted`, `Internal`.
    pub fn prepare(&mut self, cancel: &Cancel) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let started = Instant::now();
        let options = &self.options;
        let prepared = prepare(&self.vectors, self.validation.as_deref(), options, cancel)?;
        let rows = prepared.train.len() / prepared.bits;
        let mut solver: Option<Box<dyn Solver>> = match (options.method, options.solver) {
            (Method::H2q, SolverName::Sgd) => Some(Box::new(sgd::Sgd::new(rows, options))),
            (Method::H2q, SolverName::Auto) => {
                Some(Box::new(majorise::Majorise::auto(rows, options)))
            }
            (Method::Itq, _) => Some(Box::new(majorise::Majorise::itq(options))),
            (Method::Random | Method::Identity, _) => None,
        };
        let snapshot = match (&solver, options.method) {
            (Some(solver), _) => solver.snapshot(),
            (None, Method::Random) => {
                Snapshot::Matrix(random::random_rotation(options.bits, options.seed))
            }
            (None, _) => Snapshot::Matrix(Mat::identity(options.bits, options.bits)),
        };
        let u = snapshot.matrix(options.bits)?;
        let best = Best {
            train_loss: prepared.rows(options, cancel).loss(options.loss, u.as_ref())?,
            validation_loss: prepared.held_out(options, cancel).loss(options.loss, u.as_ref())?,
            orthogonality_error: orthogonality_error(u.as_ref()),
            snapshot,
        };
        if options.epochs == 0 {
            solver = None;
        }
        let done = solver.is_none();
        self.running = Some(Running { prepared, solver, epoch: 0, done, best });
        self.seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    /// Runs up to `epochs` more epochs.
    ///
    /// # Errors
    /// `Aborted`; `Diverged`, which only `sgd` can be. The session is then done, and
    /// [`FitSession::finish`] still gives the best rotation before.
    pub fn step(&mut self, epochs: usize, cancel: &Cancel) -> Result<Vec<EpochReport>> {
        self.prepare(cancel)?;
        let mut reports = Vec::new();
        while reports.len() < epochs && !self.done() {
            let started = Instant::now();
            let epoch = self.epoch(cancel);
            self.seconds += started.elapsed().as_secs_f64();
            match epoch {
                Ok(mut report) => {
                    report.seconds = self.seconds;
                    reports.push(report);
                }
                Err(error) => {
                    if let Some(running) = &mut self.running {
                        running.done = true;
                    }
                    return Err(error);
                }
            }
        }
        Ok(reports)
    }

    fn epoch(&mut self, cancel: &Cancel) -> Result<EpochReport> {
        let not_running = || Error::Internal { reason: "an epoch before its preparation".into() };
        let options = &self.options;
        let running = self.running.as_mut().ok_or_else(not_running)?;
        let solver = running.solver.as_mut().ok_or_else(not_running)?;
        let number = running.epoch + 1;
        let diverged = |error| match error {
            Error::NotFinite { .. } | Error::ZeroReflection { .. } => {
                Error::Diverged { epoch: number }
            }
            other => other,
        };
        let epoch = solver.epoch(running.prepared.rows(options, cancel)).map_err(diverged)?;
        let snapshot = solver.snapshot();
        let u = snapshot.matrix(options.bits).map_err(diverged)?;
        let held_out = running.prepared.held_out(options, cancel);
        let validation_loss = held_out.loss(options.loss, u.as_ref())?;
        let orthogonality_error = orthogonality_error(u.as_ref());
        if !(validation_loss.is_finite() && orthogonality_error.is_finite()) {
            return Err(Error::Diverged { epoch: number });
        }
        running.epoch = number;
        let stop = solver.judge(validation_loss);
        running.done = epoch.done || stop || running.epoch >= options.epochs;
        if validation_loss < running.best.validation_loss {
            let train_loss = epoch.train_loss;
            running.best = Best { snapshot, train_loss, validation_loss, orthogonality_error };
        }
        Ok(EpochReport {
            epoch: number,
            train_loss: epoch.train_loss,
            validation_loss,
            orthogonality_error,
            seconds: 0.0,
        })
    }

    /// The model with the lowest validation loss seen.
    ///
    /// # Errors
    /// `Internal` when nothing was prepared.
    pub fn finish(&self) -> Result<Model> {
        let options = &self.options;
        let running = self.running.as_ref().ok_or_else(|| Error::Internal {
            reason: "a fit was finished before its preparation".into(),
        })?;
        let summary = Summary {
            rows: self.vectors.rows(),
            dimensions: self.vectors.columns(),
            bits: options.bits,
            method: options.method,
            loss: options.loss,
            solver: options.solver,
            seed: options.seed,
            epochs: running.epoch,
            seconds: Some(self.seconds),
            train_loss: running.best.train_loss,
            validation_loss: running.best.validation_loss,
            orthogonality_error: running.best.orthogonality_error,
        };
        Model::new(
            running.prepared.mean.clone(),
            running.prepared.projection.clone(),
            running.best.snapshot.rotation(options.bits),
            summary,
        )
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
            Self::Matrix(u) => Ok(u.clone()),
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
