//! A fit from request to model, in steps that a caller drives.

use std::collections::VecDeque;
use std::sync::Arc;

use super::choices::Criterion;
use super::judge::{Candidate, Judge};
use super::neighbours::{self, BUILT_IN};
use super::options::{FitOptions, Resolved};
use super::prepare::{Prepared, Split, prepare};
use super::run::{EpochReport, Progress, Run, Turning};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::evaluate::Labels;
use crate::losses::Loss;
use crate::model::Model;
use crate::parallel::Cancel;
use crate::parts::{Parts, in_parts, whole};
use crate::vectors::Vectors;

/// Labels for [`Criterion::Labels`].
#[derive(Debug, Clone)]
pub struct FitLabels {
    /// One row per vector.
    pub vectors: Labels,
    /// One row per validation vector, of the same kind; with validation vectors alone.
    pub validation: Option<Labels>,
}

/// A fit in progress: [`FitSession::prepare`], [`FitSession::step`] until [`FitSession::done`],
/// [`FitSession::finish`]. The state between steps is whole, so a caller may stop after any of them. Each of the three
/// loops over its parts, which a caller who has other things to do on the same thread may ask for one by one.
pub struct FitSession {
    rows: usize,
    dimensions: usize,
    /// Until they are prepared: whoever shares them can then free them.
    input: Option<Arc<Input>>,
    preparation: Option<Parts<Result<Ready>>>,
    criterion: Option<Criterion>,
    /// The one asked for, which compares methods.
    loss: Loss,
    /// Epochs of the methods that are over.
    past_epochs: usize,
    /// Methods that have not begun.
    waiting: VecDeque<Resolved>,
    ready: Option<Ready>,
    run: Option<Box<dyn Run>>,
    candidates: Vec<Candidate>,
    winner: Option<(Candidate, Model)>,
    /// After an error.
    over: bool,
    seconds: f64,
}

struct Input {
    vectors: Arc<Vectors>,
    validation: Option<Arc<Vectors>>,
    labels: Option<FitLabels>,
}

/// What all methods share.
struct Ready {
    prepared: Prepared,
    /// For the objective `neighbours`, until it begins.
    neighbours: Option<neighbours::Start>,
    /// Where there is something to compare.
    judge: Option<Judge>,
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
        Self::labelled(vectors, validation, None, options)
    }

    /// The same with labels, by which a criterion can choose.
    ///
    /// # Errors
    /// As [`FitSession::new`]; `InvalidOption` for labels that nothing needs or that are missing,
    /// `Mismatch` where their rows or classes do not fit.
    pub fn labelled(
        vectors: Arc<Vectors>,
        validation: Option<Arc<Vectors>>,
        labels: Option<FitLabels>,
        options: &FitOptions,
    ) -> Result<Self> {
        options.check(vectors.columns())?;
        let waiting: VecDeque<_> = options.candidates(vectors.columns())?.into();
        if let Some(validation) = &validation
            && validation.columns() != vectors.columns()
        {
            let what = "columns of the validation vectors";
            return Err(Error::mismatch(what, vectors.columns(), validation.columns()));
        }
        check_labels(labels.as_ref(), &vectors, validation.as_deref(), options.criterion)?;
        Ok(Self {
            rows: vectors.rows(),
            dimensions: vectors.columns(),
            input: Some(Arc::new(Input { vectors, validation, labels })),
            preparation: None,
            criterion: options.criterion,
            loss: waiting.back().map_or(Loss::default(), |last| last.loss),
            past_epochs: 0,
            waiting,
            ready: None,
            run: None,
            candidates: Vec::new(),
            winner: None,
            over: false,
            seconds: 0.0,
        })
    }

    /// The most epochs that there will have been, of all methods together; `random` and `identity` have
    /// none. Falls when a method ends before it had to.
    pub fn planned_epochs(&self) -> usize {
        let running = self.run.as_ref().map_or(0, |run| run.progress().planned_epochs());
        self.past_epochs
            + running
            + self.waiting.iter().map(|options| options.epochs).sum::<usize>()
    }

    /// Whether further steps would change nothing.
    pub fn done(&self) -> bool {
        // With a criterion, a method that has ended is still to be judged.
        let run_done =
            self.run.as_ref().is_none_or(|run| run.progress().done && self.criterion.is_none());
        self.over || (self.ready.is_some() && self.waiting.is_empty() && run_done)
    }

    /// The methods that have been judged so far, in order; none without a criterion.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Centres, projects and scales the rows and evaluates the start.
    ///
    /// # Errors
    /// `Aborted`, `OutOfMemory`, `OutOfRange`, `Internal`.
    pub fn prepare(&mut self, cancel: &Cancel) -> Result<()> {
        while !self.prepare_part(cancel)? {}
        Ok(())
    }

    /// The next part of [`FitSession::prepare`]; true once there is none left. Within parts the `cancel` of the first one
    /// is heeded.
    ///
    /// # Errors
    /// As [`FitSession::prepare`], which then begins anew.
    pub fn prepare_part(&mut self, cancel: &Cancel) -> Result<bool> {
        let (Some(input), Some(first)) = (&self.input, self.waiting.front()) else {
            return Ok(true);
        };
        let started = Stopwatch::start();
        let preparation = self.preparation.get_or_insert_with(|| {
            let neighbours = self.waiting.iter().find(|options| BUILT_IN && options.neighbours);
            let (first, neighbours) = (first.clone(), neighbours.cloned());
            let is_judged = self.criterion.is_some();
            Parts::new(input.clone().prepared(first, neighbours, is_judged, cancel.clone()))
        });
        let state = preparation.next();
        if let Some(ready) = state {
            self.preparation = None;
            let mut ready = ready?;
            self.run = Some(ready.start(first.clone(), cancel)?);
            self.waiting.pop_front();
            self.ready = Some(ready);
            self.input = None;
        }
        self.seconds += started.seconds();
        Ok(self.ready.is_some())
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
            reports.extend(self.step_part(cancel)?);
        }
        Ok(reports)
    }

    /// The next part of an epoch, or of what is between methods; a report at the end of an epoch. Before the
    /// preparation is over, a part of that; nothing once [`FitSession::done`].
    ///
    /// # Errors
    /// As [`FitSession::step`].
    pub fn step_part(&mut self, cancel: &Cancel) -> Result<Option<EpochReport>> {
        if !self.prepare_part(cancel)? || self.done() {
            return Ok(None);
        }
        let started = Stopwatch::start();
        let result = self.advance(cancel);
        self.seconds += started.seconds();
        self.over |= result.is_err();
        Ok(result?.map(|report| EpochReport { seconds: self.seconds, ..report }))
    }

    /// Ends the epochs of the method that is running, as if it had converged.
    pub fn end_method(&mut self) {
        if let Some(run) = &mut self.run {
            run.progress_mut().done = true;
        }
    }

    /// The model with the lowest validation loss seen; with a criterion, of the best method so far.
    ///
    /// # Errors
    /// `Internal` when nothing was prepared.
    pub fn finish(&mut self) -> Result<Model> {
        loop {
            if let Some(model) = self.finish_part()? {
                return Ok(model);
            }
        }
    }

    /// The next part of [`FitSession::finish`]; the model at the end.
    ///
    /// # Errors
    /// As [`FitSession::finish`].
    pub fn finish_part(&mut self) -> Result<Option<Model>> {
        if let Some((_, model)) = &self.winner {
            return Ok(Some(model.clone().taking(self.seconds)));
        }
        let (Some(ready), Some(run)) = (&self.ready, &mut self.run) else {
            return Err(
                Error::Internal { reason: "a fit was finished before its start".into() }.into()
            );
        };
        if !run.settle(&Cancel::default())? {
            return Ok(None);
        }
        run.model(&ready.prepared, self.rows, self.dimensions, self.seconds).map(Some)
    }

    /// A part of an epoch of the running method, or of its end and the next method's start.
    fn advance(&mut self, cancel: &Cancel) -> Result<Option<EpochReport>> {
        let (Some(ready), Some(run)) = (&mut self.ready, &mut self.run) else { return Ok(None) };
        if !run.progress().done {
            return run.part(&ready.prepared, cancel);
        }
        if !run.settle(cancel)? {
            return Ok(None);
        }
        if let (Some(judge), Some(criterion)) = (&ready.judge, self.criterion) {
            let Progress { options, seconds, .. } = run.progress();
            let (seconds, threads) = (*seconds, options.threads);
            let loss = run.report(self.loss, &ready.prepared, cancel)?;
            let model = run.model(&ready.prepared, self.rows, self.dimensions, self.seconds)?;
            let candidate = judge.score(&model, loss, seconds, threads, cancel)?;
            self.candidates.push(candidate);
            if self.winner.as_ref().is_none_or(|(best, _)| candidate.beats(best, criterion)) {
                self.winner = Some((candidate, model));
            }
        }
        self.past_epochs += run.progress().epochs;
        self.run = None;
        self.run = match self.waiting.pop_front() {
            Some(options) => Some(ready.start(options, cancel)?),
            None => None,
        };
        Ok(None)
    }
}

impl Input {
    in_parts! {
        /// Of the first method and of the one that needs more than the others.
        fn prepared(
            self: Arc<Self>,
            first: Resolved,
            neighbours: Option<Resolved>,
            is_judged: bool,
            cancel: Cancel,
        ) -> Result<Ready> {
            let split = Split::new(&self.vectors, self.validation.as_deref(), first.seed);
            let basis = neighbours.as_ref().and_then(|all| all.basis(self.vectors.columns()));
            let prepared = whole!(prepare(&split, &first, basis, &cancel))?;
            let judge = if is_judged {
                let labels = self.labels.as_ref();
                let labels = labels
                    .map(|all| (&all.vectors, all.validation.as_ref().unwrap_or(&all.vectors)));
                Some(whole!(Judge::new(&split, labels, first.seed, first.threads, &cancel))?)
            } else {
                None
            };
            let neighbours = match neighbours {
                Some(options) => {
                    Some(whole!(neighbours::Start::new(&split, &prepared, &options, &cancel))?)
                }
                None => None,
            };
            Ok(Ready { prepared, neighbours, judge })
        }
    }
}

impl Ready {
    fn start(&mut self, options: Resolved, cancel: &Cancel) -> Result<Box<dyn Run>> {
        if BUILT_IN
            && options.neighbours
            && let Some(start) = self.neighbours.take()
        {
            return start.run(options);
        }
        Ok(Box::new(Turning::start(options, &self.prepared, cancel)?))
    }
}

fn check_labels(
    labels: Option<&FitLabels>,
    vectors: &Vectors,
    validation: Option<&Vectors>,
    criterion: Option<Criterion>,
) -> Result<()> {
    let Some(FitLabels { vectors: labels, validation: held_out }) = labels else {
        return match criterion {
            Some(Criterion::Labels) => Err(Error::Conflict {
                option: "criterion",
                problem: "labels were chosen but none are given; give them, or choose another",
            }
            .into()),
            _ => Ok(()),
        };
    };
    let conflict = |option, problem| Err(Error::Conflict { option, problem }.into());
    if criterion.is_none() {
        return conflict("labels", "only a criterion uses them; set one, or leave the labels out");
    }
    let names = ["validationLabels", "labels"];
    match (validation, held_out) {
        (Some(validation), Some(held_out)) => {
            held_out.check(validation.rows(), labels, vectors.rows(), names)
        }
        (None, None) => labels.check(vectors.rows(), labels, vectors.rows(), names),
        (Some(_), None) => {
            conflict("validationLabels", "needed where both labels and validation are given")
        }
        (None, Some(_)) => {
            conflict("validationLabels", "only validation vectors use them; give both or neither")
        }
    }
}
