//! The building blocks, for research and teaching.

use h2q_core::hamming;
use h2q_core::losses::Loss;
use h2q_core::reflections as core;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count};

/// Bits in which two codes differ.
#[wasm_bindgen(js_name = hammingDistance)]
pub fn hamming_distance(a: &[u8], b: &[u8]) -> Result<f64> {
    Ok(hamming::distance(a, b)? as f64)
}

/// Set bits.
#[wasm_bindgen]
pub fn popcount(bytes: &[u8]) -> f64 {
    hamming::popcount(bytes) as f64
}

/// U = H1 H2 … Hm, dimensions x dimensions.
#[wasm_bindgen(js_name = reflectionProduct)]
pub fn reflection_product(reflections: &[f32], dimensions: f64) -> Result<Vec<f32>> {
    Ok(core::reflection_product(reflections, count(dimensions))?)
}

/// A loss and its gradient.
#[wasm_bindgen]
pub struct LossValue {
    value: f64,
    gradient: Vec<f32>,
}

#[wasm_bindgen]
impl LossValue {
    /// Mean over entries, or rows for min-entropy.
    #[wasm_bindgen(getter)]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// With respect to each entry; given away, once.
    pub fn gradient(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.gradient)
    }
}

/// A loss at `z` and its gradient.
#[wasm_bindgen(js_name = lossValue)]
pub fn loss_value(loss: &str, z: &[f32], columns: f64) -> Result<LossValue> {
    let (value, gradient) = Loss::parse(loss)?.value_and_gradient(z, count(columns))?;
    Ok(LossValue { value, gradient })
}
