//! Learning from request to model, in steps that a caller drives.

use std::hash::Hash;
use std::sync::Arc;

use rand::seq::SliceRandom;
use xxhash_rust::xxh3::Xxh3Default;

use super::adam::Adam;
use super::network::{Architecture, Pass};
use super::objective::Objective;
use super::options::{LearnOptions, Resolved};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::evaluate::{CosineEvaluation, Labels, evaluate_cosine};
use crate::fit::part::Part;
use crate::fit::random::{Stream, generator, numbered_generator};
use crate::fit::{FitLabels, FitOptions, FitSession, Method, Split};
use crate::head::{Head, HeadSummary, Layer};
use crate::model::Model;
use crate::parallel::Cancel;
use crate::vectors::Vectors;

/// The most rows whose pairs stand for all pairs.
const PAIR_ROWS: usize = 2_000;
/// The most rows that a judgement ranks, and the most that ask.
const JUDGE_ROWS: [usize; 2] = [10_000, 1_000];
/// The cut-off of the mean average precision that decides which epoch is kept.
const JUDGE_AT: usize = 1_000;
/// Rows that are embedded at once.
const BLOCK_ROWS: usize = 512;
/// Steps of HashNet's continuation at one sharpness.
const CONTINUATION_STEPS: usize = 200;

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
    vectors: Arc<Vectors>,
    labels: Labels,
    validation: Option<(Arc<Vectors>, Labels)>,
    pub(super) options: Resolved,
    ready: Option<Ready>,
    pub(super) state: Option<State>,
    seconds: f64,
}

/// What no step changes.
struct Ready {
    /// Numbers of the rows that teach.
    train: Vec<usize>,
    /// Of all rows, numbered.
    labels: Labels,
    mean: Vec<f32>,
    /// One over the standard deviation of all values.
    scale: f32,
    objective: Objective,
    architecture: Architecture,
    judge: Judge,
}

/// Rows and labels of the judgement.
struct Judge {
    database: Vectors,
    database_labels: Labels,
    queries: Vectors,
    query_labels: Labels,
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
        Ok(Self { vectors, labels, validation, options, ready: None, state: None, seconds: 0.0 })
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
    /// `Conflict` for labels of which all or none are alike, `OutOfRange` for vectors all alike or too far
    /// apart, `Aborted`.
    pub fn prepare(&mut self, cancel: &Cancel) -> Result<()> {
        if self.ready.is_some() {
            return Ok(());
        }
        let started = Stopwatch::start();
        let seed = self.options.seed;
        let (labels, classes) = self.labels.numbered();
        let validation = self.validation.as_ref();
        let split = Split::new(&self.vectors, validation.map(|(rows, _)| &**rows), seed);
        let similar_share = similar_share(&split.train, &labels, seed, cancel)?;
        let (mean, scale) = spread(&split.train, cancel)?;

        let mut sampled = generator(seed, Stream::Sample);
        let database = split.train.sample(JUDGE_ROWS[0], &mut sampled);
        let queries = split.held_out.sample(JUDGE_ROWS[1], &mut sampled);
        let judge = Judge {
            database_labels: database.labels(&self.labels),
            query_labels: queries.labels(validation.map_or(&self.labels, |(_, labels)| labels)),
            database: database.copied(),
            queries: queries.copied(),
        };
        let mut sizes = vec![self.vectors.columns()];
        sizes.extend_from_slice(&self.options.hidden);
        sizes.push(self.options.bits);
        let proxies = if self.options.loss.has_proxies() { classes } else { 0 };
        let architecture = Architecture::new(&sizes, proxies);
        if let Some(state) = &self.state
            && state.parameters.len() != architecture.parameters()
        {
            return Err(Error::ModelFormat { reason: "its parameters do not fit the head".into() });
        }
        if self.state.is_none() {
            let parameters = architecture.initial(&mut generator(seed, Stream::Parameters));
            self.state = Some(State {
                adam: Adam::new(parameters.len()),
                best: parameters.clone(),
                parameters,
                epochs: 0,
                best_precision: -1.0,
                best_epoch: 0,
            });
        }
        self.ready = Some(Ready {
            train: (0..split.train.count()).map(|i| split.train.number(i)).collect(),
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
            let mut next = state.clone();
            let train_loss = ready.epoch(&self.vectors, &self.options, &mut next, cancel)?;
            if !train_loss.is_finite() || next.parameters.iter().any(|value| !value.is_finite()) {
                return Err(Error::Diverged { epoch: next.epochs });
            }
            let precision = ready.judge(&self.options, &next.parameters, cancel)?;
            if precision > next.best_precision {
                next.best_precision = precision;
                next.best_epoch = next.epochs;
                next.best.copy_from_slice(&next.parameters);
            }
            let epoch = next.epochs;
            self.state = Some(next);
            self.seconds += started.seconds();
            let seconds = self.seconds;
            let mean_average_precision = precision;
            reports.push(LearnReport { epoch, train_loss, mean_average_precision, seconds });
        }
        Ok(reports)
    }

    /// Tells vectors, labels and options apart, but for those that change no result.
    pub(super) fn request_hash(&self) -> u64 {
        let mut hasher = Xxh3Default::new();
        let options = Resolved { threads: 0, patience: 0, ..self.options.clone() };
        hasher.update(format!("{options:?}").as_bytes());
        let mut add = |vectors: &Vectors, labels: &Labels| {
            vectors.columns().hash(&mut hasher);
            for row in vectors.as_slice().chunks(1 << 16) {
                hasher.update(bytemuck::cast_slice(row));
            }
            labels.hash(&mut hasher);
        };
        add(&self.vectors, &self.labels);
        if let Some((vectors, labels)) = &self.validation {
            add(vectors, labels);
        }
        hasher.digest()
    }

    /// The model of the best epoch so far: the signs of its embeddings.
    ///
    /// # Errors
    /// `Internal` when nothing was prepared, `OutOfRange` for a row whose embedding leaves float32, `Aborted`.
    pub fn finish(&self, cancel: &Cancel) -> Result<Model> {
        let (Some(ready), Some(state)) = (&self.ready, &self.state) else {
            let reason = "learning was finished before its start".into();
            return Err(Error::Internal { reason });
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

impl Ready {
    /// The mean loss of the batches of one epoch.
    fn epoch(
        &self,
        vectors: &Vectors,
        options: &Resolved,
        state: &mut State,
        cancel: &Cancel,
    ) -> Result<f64> {
        let mut generator = numbered_generator(options.seed, Stream::Epochs, state.epochs as u32);
        let mut order = self.train.clone();
        order.shuffle(&mut generator);
        // A single row has no pairs.
        let batches: Vec<&[usize]> =
            order.chunks(options.batch_size).filter(|batch| batch.len() > 1).collect();
        let architecture = &self.architecture;
        let decayed: Vec<_> =
            architecture.layers.iter().map(|layer| layer.weights.clone()).collect();
        let mut pass = Pass::new(options.threads);
        let mut gradient = vec![0.0; state.parameters.len()];
        let (mut input, mut z, mut by_z) = (Vec::new(), Vec::new(), Vec::new());
        let mut sum = 0.0;
        for (number, batch) in batches.iter().enumerate() {
            cancel.check()?;
            input.clear();
            batch.iter().for_each(|&row| self.standardise(vectors.row(row), &mut input));
            let parameters = &state.parameters;
            let dropout = Some((options.dropout, &mut generator)).filter(|(share, _)| *share > 0.0);
            z.clear();
            z.extend_from_slice(pass.forward(architecture, parameters, &input, dropout, cancel)?);
            by_z.resize(z.len(), 0.0);
            let step = state.epochs * batches.len() + number;
            let sharpness =
                options.continuation.then(|| (1.0 + (step / CONTINUATION_STEPS) as f64).sqrt());
            let labels = self.labels.select(batch);
            let proxies = architecture.proxies.clone();
            let (layers, by_proxies) = gradient.split_at_mut(proxies.start);
            sum += self.objective.value_and_gradient(
                &z,
                &parameters[proxies],
                &labels,
                sharpness,
                &mut by_z,
                by_proxies,
            );
            pass.backward(architecture, parameters, &input, &by_z, layers, cancel)?;
            let progress = step as f64 / (options.epochs * batches.len()) as f64;
            let rate =
                options.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
            let decay = options.weight_decay;
            state.adam.step(&mut state.parameters, &gradient, rate, decay, &decayed);
        }
        state.epochs += 1;
        Ok(sum / batches.len().max(1) as f64)
    }

    fn standardise(&self, row: &[f32], out: &mut Vec<f32>) {
        out.extend(row.iter().zip(&self.mean).map(|(x, mean)| (x - mean) * self.scale));
    }

    fn judge(&self, options: &Resolved, parameters: &[f32], cancel: &Cancel) -> Result<f64> {
        let Judge { database, database_labels, queries, query_labels } = &self.judge;
        let database = self.embed(database, options.threads, parameters, cancel)?;
        let queries = self.embed(queries, options.threads, parameters, cancel)?;
        let (queries, database) = (&queries, &database);
        let at = &[JUDGE_AT];
        let evaluation = CosineEvaluation {
            database,
            queries,
            database_labels,
            query_labels,
            at,
            neighbours: 0,
        };
        let (metrics, _) = evaluate_cosine(&evaluation, options.threads, cancel)?;
        Ok(metrics[0].mean_average_precision)
    }

    /// By the products of training, which round otherwise than the head that is kept, and are faster.
    fn embed(
        &self,
        vectors: &Vectors,
        threads: usize,
        parameters: &[f32],
        cancel: &Cancel,
    ) -> Result<Vectors> {
        let mut pass = Pass::new(threads);
        let (mut input, mut out) = (Vec::new(), Vec::new());
        for first in (0..vectors.rows()).step_by(BLOCK_ROWS) {
            cancel.check()?;
            input.clear();
            for row in first..(first + BLOCK_ROWS).min(vectors.rows()) {
                self.standardise(vectors.row(row), &mut input);
            }
            let z = pass.forward(&self.architecture, parameters, &input, None, cancel)?;
            out.extend_from_slice(z);
        }
        Vectors::new(out, self.architecture.outputs())
    }

    fn head(&self, options: &Resolved, state: &State, rows: usize) -> Result<Head> {
        let layer = |(number, range): (usize, &super::network::LayerRange)| {
            let mut weights = state.best[range.weights.clone()].to_vec();
            if number == 0 {
                weights.iter_mut().for_each(|weight| *weight *= self.scale);
            }
            Layer { weights, bias: state.best[range.bias.clone()].to_vec() }
        };
        let summary = HeadSummary {
            rows,
            loss: options.loss.name().into(),
            penalty: options.penalty.name().into(),
            penalty_weight: options.penalty_weight,
            seed: options.seed,
            epochs: state.epochs,
            mean_average_precision: state.best_precision.max(0.0),
        };
        let layers = self.architecture.layers.iter().enumerate().map(layer).collect();
        Head::new(self.mean.clone(), layers, summary)
    }
}

/// The share of similar pairs, of a sample where there are many rows.
fn similar_share(train: &Part, labels: &Labels, seed: u64, cancel: &Cancel) -> Result<f64> {
    let sample = train.sample(PAIR_ROWS, &mut generator(seed, Stream::Sample));
    let rows = sample.count();
    let mut similar = 0usize;
    for i in 0..rows {
        cancel.check()?;
        let own = sample.number(i);
        similar += (0..i).filter(|&j| labels.is_relevant(own, labels, sample.number(j))).count();
    }
    let pairs = rows * rows.saturating_sub(1) / 2;
    let problem = match similar {
        0 => "no two rows share a label; there is no similarity to learn",
        all if all == pairs => "all rows share a label; there is no similarity to learn",
        _ => return Ok(similar as f64 / pairs as f64),
    };
    Err(Error::Conflict { option: "labels", problem })
}

/// The mean of each column, and one over the standard deviation of all values from it.
fn spread(train: &Part, cancel: &Cancel) -> Result<(Vec<f32>, f32)> {
    let (rows, columns) = (train.count(), train.columns());
    let mut sums = vec![0.0f64; columns];
    for i in 0..rows {
        sums.iter_mut().zip(train.row(i)).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / rows as f64) as f32).collect();
    cancel.check()?;
    let mut squares = 0.0f64;
    for i in 0..rows {
        let square = |(x, mean): (&f32, &f32)| f64::from(x - mean).powi(2);
        squares += train.row(i).iter().zip(&mean).map(square).sum::<f64>();
    }
    let scale = (squares / (rows * columns) as f64).sqrt().recip() as f32;
    if !(scale.is_finite() && scale > 0.0) {
        let problem = "all rows are alike, or too far apart for float32; there is nothing to learn";
        return Err(Error::Conflict { option: "vectors", problem });
    }
    Ok((mean, scale))
}
