//! What a user can ask of learning.

use super::penalty::Penalty;
use super::similarity::SimilarityLoss;
use crate::error::{Error, Result};
use crate::head::MAX_LAYERS;
use crate::model::{MAX_DIMENSIONS, check_dimensions};

/// The most rows of a step: a loss of pairs holds a few matrices of rows x rows.
const MAX_BATCH: usize = 4_096;
/// The most parameters: learning holds nine float32 values for each.
pub(super) const MAX_PARAMETERS: usize = 1 << 26;

/// The request; `None` leaves the choice to the defaults named at each field.
#[derive(Debug, Clone, Default)]
pub struct LearnOptions {
    /// Dimensions of the embedding and length of the codes, a multiple of 8. Default 64.
    pub bits: Option<usize>,
    /// Default `cel`.
    pub loss: Option<SimilarityLoss>,
    /// Dimensions of the hidden layers, at most 7 of them; none for a linear head. All layers together have at most
    /// 67 million weights. Default two of 512.
    pub hidden: Option<Vec<usize>>,
    /// The most epochs; the learning rate falls to 0 over them by half a cosine. Default 60.
    pub epochs: Option<usize>,
    /// Rows of a step, 2 to 4,096. Default 128.
    pub batch_size: Option<usize>,
    /// Of Adam, at the start. Default 0.001.
    pub learning_rate: Option<f64>,
    /// Decoupled decay of the weights. Default 0.0005.
    pub weight_decay: Option<f64>,
    /// Share of hidden values that a step leaves out, from 0 to 0.9, rounded to 1/256. Default 0.
    pub dropout: Option<f64>,
    /// Default `none`.
    pub penalty: Option<Penalty>,
    /// λ. Default 0.01 for l2, 0.1 for hswd.
    pub penalty_weight: Option<f64>,
    /// HashNet alone: train on `tanh(β z)`, `β = √(1 + ⌊step / 200⌋)`. Default false.
    pub continuation: Option<bool>,
    /// Ends after so many epochs without a better mean average precision on the validation rows. Default 20.
    pub patience: Option<usize>,
    /// Decides the validation split, the start, the batches and dropout. Default 0.
    pub seed: Option<u64>,
    /// Threads; 0, the default, for all. The result does not depend on it.
    pub threads: Option<usize>,
}

/// The request with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved {
    pub bits: usize,
    pub loss: SimilarityLoss,
    pub hidden: Vec<usize>,
    pub epochs: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub dropout: f64,
    pub penalty: Penalty,
    pub penalty_weight: f64,
    pub continuation: bool,
    pub patience: usize,
    pub seed: u64,
    pub threads: usize,
}

impl LearnOptions {
    /// Whether a head over `dimensions` values can be learnt with these options.
    ///
    /// # Errors
    /// `InvalidOption`, `Conflict` for options that do not go together.
    pub fn check(&self, dimensions: usize) -> Result<()> {
        self.resolve(dimensions).map(|_| ())
    }

    pub(crate) fn resolve(&self, dimensions: usize) -> Result<Resolved> {
        check_dimensions(dimensions)?;
        let bits = self.bits.unwrap_or(64);
        if bits == 0 || !bits.is_multiple_of(8) || bits > MAX_DIMENSIONS {
            return Err(invalid("bits", bits, "a multiple of 8 from 8 to 16384"));
        }
        let hidden = self.hidden.clone().unwrap_or_else(|| vec![512, 512]);
        if hidden.len() >= MAX_LAYERS {
            return Err(invalid("hidden", hidden.len(), "at most 7 layers"));
        }
        if let Some(&size) = hidden.iter().find(|size| !(1..=MAX_DIMENSIONS).contains(*size)) {
            return Err(invalid("hidden", size, "layers of 1 to 16384 dimensions"));
        }
        let sizes: Vec<usize> =
            [dimensions].iter().chain(&hidden).chain(&[bits]).copied().collect();
        let weights: usize = sizes.windows(2).map(|pair| pair[0] * pair[1]).sum();
        if weights > MAX_PARAMETERS {
            let expected = "layers of at most 67108864 weights together";
            return Err(invalid("hidden", format!("{hidden:?} of {weights} weights"), expected));
        }
        let loss = self.loss.unwrap_or(SimilarityLoss::Cel);
        let penalty = self.penalty.unwrap_or(Penalty::None);
        if penalty == Penalty::None && self.penalty_weight.is_some() {
            return Err(conflict("penaltyWeight", "of use beside a penalty alone; name one"));
        }
        let continuation = self.continuation.unwrap_or(false);
        if continuation && loss != SimilarityLoss::HashNet {
            return Err(conflict("continuation", "only the loss hashnet uses it"));
        }
        let dropout = self.dropout.unwrap_or(0.0);
        if !(0.0..=0.9).contains(&dropout) {
            return Err(invalid("dropout", dropout, "a number from 0 to 0.9"));
        }
        Ok(Resolved {
            bits,
            loss,
            hidden,
            epochs: at_least_one("epochs", self.epochs.unwrap_or(60))?,
            batch_size: batch_size(self.batch_size.unwrap_or(128))?,
            learning_rate: positive("learningRate", self.learning_rate.unwrap_or(1e-3))?,
            weight_decay: not_negative("weightDecay", self.weight_decay.unwrap_or(5e-4))?,
            // What a byte of a random number can decide.
            dropout: (dropout * 256.0).round() / 256.0,
            penalty,
            penalty_weight: not_negative(
                "penaltyWeight",
                self.penalty_weight.unwrap_or(penalty.default_weight()),
            )?,
            continuation,
            patience: at_least_one("patience", self.patience.unwrap_or(20))?,
            seed: self.seed.unwrap_or(0),
            threads: self.threads.unwrap_or(0),
        })
    }
}

fn at_least_one(option: &'static str, value: usize) -> Result<usize> {
    if value == 0 {
        return Err(invalid(option, value, "at least 1"));
    }
    Ok(value)
}

fn batch_size(rows: usize) -> Result<usize> {
    if !(2..=MAX_BATCH).contains(&rows) {
        return Err(invalid("batchSize", rows, "from 2 to 4096"));
    }
    Ok(rows)
}

fn positive(option: &'static str, value: f64) -> Result<f64> {
    if value > 0.0 && value <= f64::from(f32::MAX) {
        return Ok(value);
    }
    Err(invalid(option, value, "a positive float32"))
}

fn not_negative(option: &'static str, value: f64) -> Result<f64> {
    if value >= 0.0 && value <= f64::from(f32::MAX) {
        return Ok(value);
    }
    Err(invalid(option, value, "a float32 of at least 0"))
}

fn invalid(option: &'static str, value: impl ToString, expected: &'static str) -> Box<Error> {
    Box::new(Error::InvalidOption { option, value: value.to_string(), expected })
}

fn conflict(option: &'static str, problem: &'static str) -> Box<Error> {
    Box::new(Error::Conflict { option, problem })
}
