//! The network while it is trained: all parameters in one vector, products cut into blocks of fixed rows, so
//! that no bit depends on the number of threads.

use std::ops::Range;

use faer::{MatMut, MatRef};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::parallel::{Cancel, fill_chunks};
use crate::products::multiply;
use crate::real::Real;

/// Rows of a product that one task computes.
const TASK_ROWS: usize = 64;
/// Products of fewer multiplications stay on the calling thread: starting another takes as long.
const WORTH_THREADS: usize = 1 << 22;

/// Where the parameters of one layer are.
#[derive(Debug, Clone)]
pub struct LayerRange {
    /// inputs x outputs, row-major.
    pub weights: Range<usize>,
    /// One per output.
    pub bias: Range<usize>,
    /// Dimensions that come in.
    pub inputs: usize,
    /// Dimensions that go out.
    pub outputs: usize,
}

/// Layers with relu between them, and the vectors of the classes where a loss has them, in this order in
/// the vector of parameters.
#[derive(Debug, Clone)]
pub struct Architecture {
    /// First to last.
    pub layers: Vec<LayerRange>,
    /// classes x outputs of the last layer, row-major.
    pub proxies: Range<usize>,
}

impl Architecture {
    /// `sizes` are the dimensions of the input, of each hidden layer and of the embedding.
    pub fn new(sizes: &[usize], classes: usize) -> Self {
        let mut next = 0;
        let mut take = |count: usize| {
            next += count;
            next - count..next
        };
        let mut layers = Vec::with_capacity(sizes.len() - 1);
        for pair in sizes.windows(2) {
            let (inputs, outputs) = (pair[0], pair[1]);
            let (weights, bias) = (take(inputs * outputs), take(outputs));
            layers.push(LayerRange { weights, bias, inputs, outputs });
        }
        let proxies = take(classes * sizes.last().copied().unwrap_or(0));
        Self { layers, proxies }
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.proxies.end
    }

    /// Dimensions of the embedding.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs)
    }

    /// Weights uniform within `±√(6 / inputs)` before a relu and `±√(3 / inputs)` before none, which keep the
    /// variance (He et al. 2015); no bias; proxies as weights.
    pub fn initial<T: Real>(&self, generator: &mut ChaCha8Rng) -> Vec<T> {
        let mut parameters = vec![T::default(); self.parameters()];
        let mut fill = |range: Range<usize>, inputs: usize, gain: f64| {
            let bound = (gain / inputs as f64).sqrt();
            for value in &mut parameters[range] {
                *value = T::from_f64(generator.random_range(-bound..=bound));
            }
        };
        for (number, layer) in self.layers.iter().enumerate() {
            let gain = if number + 1 < self.layers.len() { 6.0 } else { 3.0 };
            fill(layer.weights.clone(), layer.inputs, gain);
        }
        fill(self.proxies.clone(), self.outputs(), 3.0);
        parameters
    }
}

/// A pass through the network and back. Buffers keep their size from batch to batch.
#[derive(Debug)]
pub struct Pass<T> {
    /// Of each layer, rows x outputs, row-major; after relu and dropout.
    activations: Vec<Vec<T>>,
    /// Derivative by the activations of a layer.
    deltas: [Vec<T>; 2],
    /// Share of the hidden values that the last forward pass left out.
    dropped: f64,
    threads: usize,
}

impl<T: Real> Pass<T> {
    /// `threads` as for [`fill_chunks`].
    pub fn new(threads: usize) -> Self {
        Self { activations: Vec::new(), deltas: [Vec::new(), Vec::new()], dropped: 0.0, threads }
    }

    /// The embeddings of `input`, rows x inputs, row-major. `dropout`, the share of hidden values that become
    /// 0 while the others grow to make up for it, with its random numbers.
    ///
    /// # Errors
    /// `Aborted`.
    pub fn forward(
        &mut self,
        architecture: &Architecture,
        parameters: &[T],
        input: &[T],
        mut dropout: Option<(f64, &mut ChaCha8Rng)>,
        cancel: &Cancel,
    ) -> Result<&[T]> {
        let rows = input.len() / architecture.layers[0].inputs;
        self.dropped = dropout.as_ref().map_or(0.0, |(share, _)| *share);
        self.activations.resize_with(architecture.layers.len(), Vec::new);
        for (number, layer) in architecture.layers.iter().enumerate() {
            let (before, after) = self.activations.split_at_mut(number);
            let source = before.last().map_or(input, |values| &values[..]);
            let out = &mut after[0];
            out.clear();
            out.resize(rows * layer.outputs, T::default());
            let weights = MatRef::from_row_major_slice(
                &parameters[layer.weights.clone()],
                layer.inputs,
                layer.outputs,
            );
            let threads = threads_for(self.threads, rows * layer.inputs * layer.outputs);
            by_rows(threads, out, layer.outputs, cancel, |first, dst| {
                let values = &source[first * layer.inputs..][..dst.nrows() * layer.inputs];
                let rows = MatRef::from_row_major_slice(values, dst.nrows(), layer.inputs);
                multiply(dst, rows, weights);
            })?;
            let is_last = number + 1 == architecture.layers.len();
            let bias = &parameters[layer.bias.clone()];
            for row in out.chunks_mut(layer.outputs) {
                for (value, &bias) in row.iter_mut().zip(bias) {
                    *value += bias;
                    if !is_last && *value < T::default() {
                        *value = T::default();
                    }
                }
            }
            if let (false, Some((share, generator))) = (is_last, &mut dropout) {
                drop_out(out, *share, generator);
            }
        }
        Ok(self.activations.last().map_or(&[], |values| &values[..]))
    }

    /// Writes the gradient of the layers, given that by the embeddings of the last forward pass.
    ///
    /// # Errors
    /// `Aborted`.
    pub fn backward(
        &mut self,
        architecture: &Architecture,
        parameters: &[T],
        input: &[T],
        by_embeddings: &[T],
        gradient: &mut [T],
        cancel: &Cancel,
    ) -> Result<()> {
        let rows = input.len() / architecture.layers[0].inputs;
        let [delta, other] = &mut self.deltas;
        delta.clear();
        delta.extend_from_slice(by_embeddings);
        for (number, layer) in architecture.layers.iter().enumerate().rev() {
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            let source = if number == 0 { input } else { &self.activations[number - 1] };
            let by_outputs = MatRef::from_row_major_slice(delta, rows, outputs);
            let x = MatRef::from_row_major_slice(source, rows, inputs);
            let threads = threads_for(self.threads, rows * inputs * outputs);
            by_rows(
                threads,
                &mut gradient[layer.weights.clone()],
                outputs,
                cancel,
                |first, dst| {
                    let columns = x.subcols(first, dst.nrows());
                    multiply(dst, columns.transpose(), by_outputs);
                },
            )?;
            let bias = &mut gradient[layer.bias.clone()];
            bias.fill(T::default());
            for row in delta.chunks(outputs) {
                bias.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
            }
            if number == 0 {
                break;
            }
            other.clear();
            other.resize(rows * inputs, T::default());
            let weights =
                MatRef::from_row_major_slice(&parameters[layer.weights.clone()], inputs, outputs);
            by_rows(threads, other, inputs, cancel, |first, dst| {
                let rows = by_outputs.subrows(first, dst.nrows());
                multiply(dst, rows, weights.transpose());
            })?;
            // Where relu or dropout gave 0 nothing passes; the rest was scaled by dropout.
            let scale = T::from_f64(1.0 / (1.0 - self.dropped));
            for (by, &value) in other.iter_mut().zip(source) {
                *by = if value > T::default() { *by * scale } else { T::default() };
            }
            std::mem::swap(delta, other);
        }
        Ok(())
    }
}

fn threads_for(threads: usize, multiplications: usize) -> usize {
    if multiplications < WORTH_THREADS { 1 } else { threads }
}

/// Lets `work` fill blocks of rows of `out`, row-major, given the first row of each.
fn by_rows<T: Real>(
    threads: usize,
    out: &mut [T],
    columns: usize,
    cancel: &Cancel,
    work: impl Fn(usize, MatMut<'_, T>) + Sync,
) -> Result<()> {
    fill_chunks(
        threads,
        out,
        TASK_ROWS * columns,
        cancel,
        || (),
        |(), block, out| {
            let rows = out.len() / columns;
            work(block * TASK_ROWS, MatMut::from_row_major_slice_mut(out, rows, columns));
            Ok(())
        },
    )
}

fn drop_out<T: Real>(values: &mut [T], share: f64, generator: &mut ChaCha8Rng) {
    let scale = T::from_f64(1.0 / (1.0 - share));
    // One byte decides for each value, a 32-bit number for four.
    let threshold = (share * 256.0).round() as u32;
    for values in values.chunks_mut(4) {
        let mut random: u32 = generator.random();
        for value in values {
            let dropped = random & 255 < threshold;
            *value = if dropped { T::default() } else { *value * scale };
            random >>= 8;
        }
    }
}
