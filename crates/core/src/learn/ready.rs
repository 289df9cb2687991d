//! What learning has ready: how an epoch runs and how it is judged.

use rand::seq::{SliceRandom, index};

use super::network::{Architecture, LayerRange, Pass};
use super::objective::Objective;
use super::options::Resolved;
use super::session::State;
use crate::error::{Error, Result};
use crate::evaluate::{AveragePrecision, CosineEvaluation, Labels, evaluate_cosine};
use crate::fit::Split;
use crate::fit::part::Part;
use crate::fit::random::{Stream, generator, numbered_generator};
use crate::head::{Head, HeadSummary, Layer};
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

/// What no step changes.
pub(super) struct Ready {
    /// Numbers of the rows that teach.
    pub train: Vec<usize>,
    /// Tells vectors, labels and options from others.
    pub request: u64,
    /// Of all rows, numbered.
    pub labels: Labels,
    pub mean: Vec<f32>,
    /// One over the standard deviation of all values.
    pub scale: f32,
    pub objective: Objective,
    pub architecture: Architecture,
    pub judge: Judge,
}

/// Rows and labels of the judgement.
pub(super) struct Judge {
    database: Vectors,
    database_labels: Labels,
    queries: Vectors,
    query_labels: Labels,
}

impl Judge {
    /// # Errors
    /// `Conflict` where no query has anything to find.
    pub fn new(split: &Split, labels: &Labels, own: &Labels, seed: u64) -> Result<Self> {
        let mut sampled = generator(seed, Stream::Sample);
        let database = split.train.sample(JUDGE_ROWS[0], &mut sampled);
        let queries = split.held_out.sample(JUDGE_ROWS[1], &mut sampled);
        let judge = Self {
            database_labels: database.labels(labels),
            query_labels: queries.labels(own),
            database: database.copied(),
            queries: queries.copied(),
        };
        let rows = judge.database.rows();
        let finds = |query| {
            (0..rows).any(|row| judge.query_labels.is_relevant(query, &judge.database_labels, row))
        };
        if (0..judge.queries.rows()).any(finds) {
            return Ok(judge);
        }
        let problem =
            "no row shares a label with the rows that teach; there is nothing to judge by";
        Err(Error::Conflict { option: "validationLabels", problem }.into())
    }
}

impl Ready {
    /// The mean loss of the batches of one epoch.
    pub fn epoch(
        &self,
        vectors: &Vectors,
        options: &Resolved,
        state: &mut State,
        cancel: &Cancel,
    ) -> Result<f64> {
        let mut generator = numbered_generator(options.seed, Stream::Epochs, state.epochs as u32);
        let mut order = self.train.clone();
        order.shuffle(&mut generator);
        let batches: Vec<&[usize]> =
            order.chunks(options.batch_size).take(epoch_steps(order.len(), options)).collect();
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
                cancel,
            )?;
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

    pub fn judge(&self, options: &Resolved, parameters: &[f32], cancel: &Cancel) -> Result<f64> {
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
            average_precision: AveragePrecision::Retrieved,
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

    pub fn head(&self, options: &Resolved, state: &State, rows: usize) -> Result<Head> {
        let layer = |(number, range): (usize, &LayerRange)| {
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

/// Steps that `rows` rows make in an epoch. A single row that is left over has no pairs.
pub(super) fn epoch_steps(rows: usize, options: &Resolved) -> usize {
    rows.div_ceil(options.batch_size) - usize::from(rows % options.batch_size == 1)
}

/// The share of similar pairs: of single labels exactly, of sets of classes by a sample where there are many rows.
pub(super) fn similar_share(
    train: &[usize],
    labels: &Labels,
    seed: u64,
    cancel: &Cancel,
) -> Result<f64> {
    if let Some(share) = labels.similar_share(train) {
        return check_share(share);
    }
    let mut generator = generator(seed, Stream::Sample);
    let sample: Vec<usize> = match train.len() <= PAIR_ROWS {
        true => train.to_vec(),
        false => {
            index::sample(&mut generator, train.len(), PAIR_ROWS).iter().map(|i| train[i]).collect()
        }
    };
    let rows = sample.len();
    let mut similar = 0usize;
    for i in 0..rows {
        cancel.check()?;
        similar += (0..i).filter(|&j| labels.is_relevant(sample[i], labels, sample[j])).count();
    }
    let pairs = (rows * rows.saturating_sub(1) / 2) as f64;
    let share = similar as f64 / pairs;
    if rows == train.len() {
        return check_share(share);
    }
    // A sample proves nothing of rare pairs: as if half a pair more were seen of each kind.
    Ok((similar as f64 + 0.5) / (pairs + 1.0))
}

fn check_share(share: f64) -> Result<f64> {
    let problem = match share {
        0.0 => "no two rows share a label; there is no similarity to learn",
        1.0 => "all rows share a label; there is no similarity to learn",
        share if share.is_nan() => "a single row; there is no similarity to learn",
        _ => return Ok(share),
    };
    Err(Error::Conflict { option: "labels", problem }.into())
}

/// The mean of each column, and one over the standard deviation of all values from it.
pub(super) fn spread(train: &Part, cancel: &Cancel) -> Result<(Vec<f32>, f32)> {
    let (rows, columns) = (train.count(), train.columns());
    let mut sums = vec![0.0f64; columns];
    for i in 0..rows {
        if i % BLOCK_ROWS == 0 {
            cancel.check()?;
        }
        sums.iter_mut().zip(train.row(i)).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / rows as f64) as f32).collect();
    let mut squares = 0.0f64;
    for i in 0..rows {
        if i % BLOCK_ROWS == 0 {
            cancel.check()?;
        }
        let square = |(x, mean): (&f32, &f32)| f64::from(x - mean).powi(2);
        squares += train.row(i).iter().zip(&mean).map(square).sum::<f64>();
    }
    let scale = (squares / (rows * columns) as f64).sqrt().recip() as f32;
    if !(scale.is_finite() && scale > 0.0) {
        let problem = "all rows are alike, or too far apart for float32; there is nothing to learn";
        return Err(Error::Conflict { option: "vectors", problem }.into());
    }
    Ok((mean, scale))
}
