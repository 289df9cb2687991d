//! What [`crate::learn`] makes and a model may begin with: a small network from input vectors to embeddings.
//!
//! Each layer is the kernel of [`crate::projection`] and a bias, so that a row gets the same bits alone
//! and in any batch, whatever the number of threads.

use faer::MatRef;

use crate::error::{Error, Result};
use crate::json::{Member, Value};
use crate::model::check_dimensions;
use crate::parallel::{Cancel, fill_chunks};
use crate::projection::{Projection, TASK_ROWS};
use crate::vectors::{Vectors, check_finite, zeros};

/// The most layers of a head.
pub const MAX_LAYERS: usize = 8;

/// `y = relu(x W + bias)`, the last layer without relu.
#[derive(Debug, Clone)]
pub struct Layer {
    /// inputs x outputs, row-major.
    pub weights: Vec<f32>,
    /// One value per output.
    pub bias: Vec<f32>,
}

/// How a head was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadSummary {
    /// Rows that it was learnt from, those for validation included.
    pub rows: usize,
    /// Name of the similarity loss.
    pub loss: String,
    /// Name of the quantization penalty: `none`, `l2` or `hswd`.
    pub penalty: String,
    /// Its factor λ.
    pub penalty_weight: f64,
    /// Seed of every random choice.
    pub seed: u64,
    /// Epochs that ran.
    pub epochs: usize,
    /// Of the float embeddings of the validation rows, at the epoch that was kept; `0..=1`.
    pub mean_average_precision: f64,
}

const NAMES: [&str; 7] = [
    "learnRows",
    "learnLoss",
    "learnPenalty",
    "learnPenaltyWeight",
    "learnSeed",
    "learnEpochs",
    "learnMeanAveragePrecision",
];

impl HeadSummary {
    /// Beside the members of [`crate::model::Summary`] in the metadata of a model file.
    pub fn members(&self) -> Vec<Member> {
        let values = [
            self.rows.into(),
            self.loss.as_str().into(),
            self.penalty.as_str().into(),
            Value::Number(self.penalty_weight),
            Value::Count(self.seed),
            self.epochs.into(),
            Value::Number(self.mean_average_precision),
        ];
        NAMES.into_iter().zip(values).collect()
    }

    /// Of [`HeadSummary::members`]; what is missing is empty or 0: it is only told, nothing depends on it.
    pub fn from_members(find: impl Fn(&str) -> Option<Value>) -> Self {
        let text = |name: &str| match find(name) {
            Some(Value::Text(text)) => text,
            _ => String::new(),
        };
        let count = |name: &str| match find(name) {
            Some(Value::Count(count)) => count,
            _ => 0,
        };
        let number = |name: &str| match find(name) {
            Some(Value::Number(number)) => number,
            Some(Value::Count(count)) => count as f64,
            _ => 0.0,
        };
        Self {
            rows: usize::try_from(count(NAMES[0])).unwrap_or(usize::MAX),
            loss: text(NAMES[1]),
            penalty: text(NAMES[2]),
            penalty_weight: number(NAMES[3]),
            seed: count(NAMES[4]),
            epochs: usize::try_from(count(NAMES[5])).unwrap_or(usize::MAX),
            mean_average_precision: number(NAMES[6]),
        }
    }
}

/// `x` less a mean, through one or more [`Layer`]s.
#[derive(Debug, Clone)]
pub struct Head {
    mean: Vec<f32>,
    layers: Vec<Layer>,
    kernels: Vec<Projection>,
    summary: HeadSummary,
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct HeadScratch {
    hidden: [Vec<f32>; 2],
    tile: Vec<f32>,
}

impl Head {
    /// `mean` has as many values as the first layer has inputs.
    ///
    /// # Errors
    /// `Mismatch` where layers do not follow each other, `InvalidOption` without layers, for more than
    /// [`MAX_LAYERS`] or more than [`crate::model::MAX_DIMENSIONS`] inputs or outputs of one, `NotFinite`.
    pub fn new(mean: Vec<f32>, layers: Vec<Layer>, summary: HeadSummary) -> Result<Self> {
        if layers.is_empty() || layers.len() > MAX_LAYERS {
            let (value, expected) = (layers.len().to_string(), "from 1 to 8");
            return Err(Error::InvalidOption { option: "layers", value, expected }.into());
        }
        check_finite(&mean, 0, mean.len())?;
        let mut inputs = mean.len();
        let mut kernels = Vec::with_capacity(layers.len());
        for (number, layer) in layers.iter().enumerate() {
            check_dimensions(inputs)?;
            let outputs = layer.bias.len();
            if inputs == 0 || outputs == 0 {
                return Err(
                    Error::Empty { what: "a layer of the head".into(), axis: "columns" }.into()
                );
            }
            if layer.weights.len() != inputs * outputs {
                let what = "weights of a layer of the head";
                return Err(Error::mismatch(what, inputs * outputs, layer.weights.len()));
            }
            check_finite(&layer.weights, 0, outputs)?;
            check_finite(&layer.bias, 0, outputs)?;
            let weights = MatRef::from_row_major_slice(&layer.weights, inputs, outputs);
            kernels.push(Projection::new((number == 0).then(|| mean.clone()), weights));
            inputs = outputs;
        }
        check_dimensions(inputs)?;
        Ok(Self { mean, layers, kernels, summary })
    }

    /// Dimensions of the vectors that it takes.
    pub fn dimensions(&self) -> usize {
        self.mean.len()
    }

    /// Dimensions of the embeddings that it gives.
    pub fn outputs(&self) -> usize {
        self.kernels.last().map_or(0, Projection::columns)
    }

    /// What is subtracted first, one value per input.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// One after the other.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// How it was learnt.
    pub fn summary(&self) -> &HeadSummary {
        &self.summary
    }

    /// The embeddings of all rows.
    ///
    /// # Errors
    /// `Mismatch` for vectors of other dimensions, `OutOfRange` for a row whose values leave float32,
    /// `OutOfMemory`, `Aborted`.
    pub fn embed(&self, vectors: &Vectors, threads: usize, cancel: &Cancel) -> Result<Vectors> {
        let (dimensions, outputs) = (self.dimensions(), self.outputs());
        if vectors.columns() != dimensions {
            let what = "dimensions of the vectors";
            return Err(Error::mismatch(what, dimensions, vectors.columns()));
        }
        let mut out = zeros(vectors.rows() * outputs, "embeddings")?;
        let state = HeadScratch::default;
        fill_chunks(threads, &mut out, TASK_ROWS * outputs, cancel, state, |scratch, i, out| {
            let rows = out.len() / outputs;
            let input = &vectors.as_slice()[i * TASK_ROWS * dimensions..][..rows * dimensions];
            out.copy_from_slice(self.apply(input, i * TASK_ROWS, scratch)?);
            Ok(())
        })?;
        Vectors::new(out, outputs)
    }

    /// The embeddings of a block of rows, numbered from `first_row` on, on the calling thread. They are in
    /// `scratch` and stay there until its next use.
    ///
    /// # Errors
    /// `OutOfRange` for a row whose values leave float32.
    pub(crate) fn apply<'s>(
        &self,
        input: &[f32],
        first_row: usize,
        scratch: &'s mut HeadScratch,
    ) -> Result<&'s [f32]> {
        let rows = input.len() / self.dimensions();
        let HeadScratch { hidden: [from, to], tile } = scratch;
        for (number, (layer, kernel)) in self.layers.iter().zip(&self.kernels).enumerate() {
            let source = if number == 0 { input } else { &from[..] };
            to.resize(rows * kernel.columns(), 0.0);
            kernel.project_block(source, first_row, to, tile)?;
            let is_last = number + 1 == self.layers.len();
            for row in to.chunks_mut(kernel.columns()) {
                add_bias(row, &layer.bias, is_last);
            }
            std::mem::swap(from, to);
        }
        Ok(from)
    }
}

fn add_bias(row: &mut [f32], bias: &[f32], is_last: bool) {
    for (value, bias) in row.iter_mut().zip(bias) {
        *value += bias;
        if !is_last {
            *value = value.max(0.0);
        }
    }
}
