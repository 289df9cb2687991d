//! Learning from request to model, in steps that a caller drives.

use std::sync::Arc;

use super::adam::Adam;
use super::checkpoint::{self, Checkpoint};
use super::network::Architecture;
use super::objective::Objective;
use super::options::{LearnOptions, MAX_PARAMETERS, Resolved};
use super::ready::{Judge, Ready, epoch_steps, similar_share, spread};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::evaluate::Labels;
use crate::fit::random::{Stream, generator};
use crate::fit::{FitLabels, FitOptions, FitSession, Method, Split};
use crate::model::Model;
use crate::parallel::Cancel;
use crate::vectors::Vectors;

/// One epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnReport {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean over the batches of the loss before each step, penalty included.
    pub train_loss: f64,
    /// mAP@1000, over the relevant rows retrieved, of the float embeddings by cosine: up to 1,000 of the
    /// validation rows ask, up to 10,000 of the training rows are ranked.
    pub mean_average_precision: f64,
    /// Seconds of the work so far.
    pub seconds: f64,
}

/// Learning in progress: [`LearnSession::prepare`], [`LearnSession::step`] until [`LearnSession::done`],
/// [`LearnSession::finish`]. The state between steps is whole: a caller may stop after any of them, and keep
/// it ([`LearnSession::checkpoint`]).
pub struct LearnSession {
    pub(super) vectors: Arc<Vectors>,
    pub(super) labels: Labels,
    pub(super) validation: Option<(Arc<Vectors>, Labels)>,
    pub(super) options: Resolved,
    ready: Option<Ready>,
    state: Option<State>,
    /// A checkpoint to go on from, until it is compared with the request.
    pub(super) resumed: Option<Checkpoint>,
    seconds: f64,
}

/// What steps change.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub parameters: Vec<f32>,
    pub adam: Adam,
    pub epochs: usize,
    /// Of the best epoch so far.
    pub best: Vec<f32>,
    pub best_precision: f64,
    pub best_epoch: usize,
}

impl State {
    fn new(parameters: Vec<f32>) -> Self {
        Self {
            adam: Adam::new(parameters.len()),
            best: parameters.clone(),
            parameters,
            epochs: 0,
            best_precision: -1.0,
            best_epoch: 0,
        }
    }

    /// Neither a parameter nor a moment, with which a parameter would stand still, has left float32.
    fn is_finite(&self) -> bool {
        [&self.parameters, &self.adam.first, &self.adam.second]
            .iter()
            .all(|values| values.iter().all(|value| value.is_finite()))
    }
}

impl LearnSession {
    /// Checks the request; nothing is computed yet. `labels` has a row per vector. Validation rows only judge;
    /// without any, a seeded tenth of the vectors does, at most 10,000.
    ///
    /// # Errors
    /// `InvalidOption`, `Conflict`, `Mismatch` where dimensions, rows or classes do not fit.
    pub fn new(
        vectors: Arc<Vectors>,
        labels: Labels,
        validation: Option<(Arc<Vectors>, Labels)>,
        options: &LearnOptions,
    ) -> Result<Self> {
        let options = options.resolve(vectors.columns())?;
        labels.check(vectors.rows(), &labels, vectors.rows(), ["labels", "labels"])?;
        if let Some((rows, own)) = &validation {
            if rows.columns() != vectors.columns() {
                let what = "columns of the validation vectors";
                return Err(Error::mismatch(what, vectors.columns(), rows.columns()));
            }
            own.check(rows.rows(), &labels, vectors.rows(), ["validation labels", "labels"])?;
        }
        Ok(Self {
            vectors,
            labels,
            validation,
            options,
            ready: None,
            state: None,
            resumed: None,
            seconds: 0.0,
        })
    }

    /// The most epochs that there will be.
    pub fn planned_epochs(&self) -> usize {
        self.options.epochs
    }

    /// Whether further steps would change nothing.
    pub fn done(&self) -> bool {
        let Some(state) = self.state.as_ref().filter(|_| self.ready.is_some()) else {
            return false;
        };
        state.epochs >= self.options.epochs
            || state.epochs >= state.best_epoch.saturating_add(self.options.patience)
    }

    /// Splits, measures the spread of the vectors and draws the first parameters.
    ///
    /// # Errors
    /// `Conflict` for labels of which all or none are alike, for validation labels of which none is among the
    /// labels, for vectors all alike or too far apart; `ModelFormat` for a checkpoint of another request;
    /// `InvalidOption` for more classes than there is room for; `Aborted`.
    pub fn prepare(&mut self, cancel: &Cancel) -> Result<()> {
        if self.ready.is_some() {
            return Ok(());
        }
        let started = Stopwatch::start();
        let seed = self.options.seed;
        let (labels, classes) = self.labels.numbered();
        let validation = self.validation.as_ref();
        let split = Split::new(&self.vectors, validation.map(|(rows, _)| &**rows), seed);
        let train: Vec<usize> = (0..split.train.count()).map(|i| split.train.number(i)).collect();
        let similar_share = similar_share(&train, &labels, seed, cancel)?;
        let (mean, scale) = spread(&split.train, cancel)?;
        let judge = Judge::new(
            &split,
            &self.labels,
            validation.map_or(&self.labels, |(_, labels)| labels),
            seed,
        )?;
        let mut sizes = vec![self.vectors.columns()];
        sizes.extend_from_slice(&self.options.hidden);
        sizes.push(self.options.bits);
        let proxies = if self.options.loss.has_proxies() { classes } else { 0 };
        let architecture = Architecture::new(&sizes, proxies);
        let count = architecture.parameters();
        if count > MAX_PARAMETERS {
            return Err(Error::InvalidOption {
                option: "labels",
                value: format!("{classes} classes, {count} parameters with their vectors"),
                expected: "at most 67108864 parameters",
            }
            .into());
        }
        let request = self.request_hash(cancel)?;
        self.state = Some(match self.resumed.take() {
            Some(checkpoint) => {
                self.seconds = checkpoint.seconds;
                checkpoint.state_for(request, count, epoch_steps(train.len(), &self.options))?
            }
            None => State::new(architecture.initial(&mut generator(seed, Stream::Parameters))),
        });
        self.ready = Some(Ready {
            train,
            request,
            objective: Objective::of(&self.options, classes, similar_share),
            labels,
            mean,
            scale,
            architecture,
            judge,
        });
        self.seconds += started.seconds();
        Ok(())
    }

    /// Runs up to `epochs` more epochs.
    ///
    /// # Errors
    /// `Aborted`, which leaves the state as it was before the epoch; `Diverged`.
    pub fn step(&mut self, epochs: usize, cancel: &Cancel) -> Result<Vec<LearnReport>> {
        self.prepare(cancel)?;
        let mut reports = Vec::new();
        while reports.len() < epochs && !self.done() {
            let started = Stopwatch::start();
            let (Some(ready), Some(state)) = (&self.ready, &self.state) else { break };
            // An abort or a divergence within the epoch leaves the state as it is.
            let mut next = state.clone();
            let train_loss = ready.epoch(&self.vectors, &self.options, &mut next, cancel)?;
            let epoch = next.epochs;
            if !(train_loss.is_finite() && next.is_finite()) {
                return Err(Error::Diverged { epoch }.into());
            }
            let judged = ready.judge(&self.options, &next.parameters, cancel);
            let precision = judged.map_err(|error| match *error {
                // Embeddings that have left float32.
                Error::NotFinite { .. } => Error::Diverged { epoch }.into(),
                _ => error,
            })?;
            if precision > next.best_precision {
                next.best_precision = precision;
                next.best_epoch = next.epochs;
                next.best.copy_from_slice(&next.parameters);
            }
            self.state = Some(next);
            self.seconds += started.seconds();
            let seconds = self.seconds;
            let mean_average_precision = precision;
            reports.push(LearnReport { epoch, train_loss, mean_average_precision, seconds });
        }
        Ok(reports)
    }

    /// All that a later session needs to go on after the last whole epoch; `None` before the preparation.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let (ready, state) = (self.ready.as_ref()?, self.state.as_ref()?);
        Some(checkpoint::to_bytes(state, ready.request, self.seconds))
    }

    /// Lets go of vectors and state; nothing else may be done with the session then.
    pub fn release(&mut self) {
        self.ready = None;
        self.state = None;
        self.resumed = None;
        if let Ok(nothing) = Vectors::new(vec![0.0], 1) {
            self.vectors = Arc::new(nothing);
        }
        self.labels = Labels::unknown(1);
        self.validation = None;
    }

    /// The model of the best epoch so far: the signs of its embeddings.
    ///
    /// # Errors
    /// `Internal` when nothing was prepared, `OutOfRange` for a row whose embedding leaves float32, `Aborted`.
    pub fn finish(&self, cancel: &Cancel) -> Result<Model> {
        let (Some(ready), Some(state)) = (&self.ready, &self.state) else {
            let reason = "learning was finished before its start".into();
            return Err(Error::Internal { reason }.into());
        };
        let head = Arc::new(ready.head(&self.options, state, self.vectors.rows())?);
        let (threads, seed) = (Some(self.options.threads), Some(self.options.seed));
        let embeddings = Arc::new(head.embed(&self.vectors, self.options.threads, cancel)?);
        let method = Some(Method::Identity);
        let options = FitOptions { method, threads, seed, ..FitOptions::default() };
        let no_labels: Option<FitLabels> = None;
        let mut signs = FitSession::labelled(embeddings, None, no_labels, &options)?;
        while !signs.done() {
            signs.step(1, cancel)?;
        }
        Ok(signs.finish()?.with_head(head)?.taking(self.seconds))
    }
}
