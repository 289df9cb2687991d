//! The building blocks, for research and teaching: small inputs, synchronous.

use h2q_core::hamming;
use h2q_core::losses::Loss;
use h2q_core::reflections as core;
use napi::Env;
use napi::bindgen_prelude::{Float32Array, Uint8Array};
use napi_derive::napi;

use crate::convert::count;
use crate::tasks::run_sync;

/// A loss and its gradient.
#[napi(object, object_from_js = false)]
pub struct LossValue {
    /// Mean over entries, or rows for min-entropy.
    pub value: f64,
    /// With respect to each entry.
    pub gradient: Float32Array,
}

/// U = H1 H2 … Hm, dimensions x dimensions.
#[napi]
pub fn reflection_product(
    env: Env,
    reflections: Float32Array,
    dimensions: f64,
) -> napi::Result<Float32Array> {
    let dimensions = count(&env, "dimensions", dimensions)?;
    run_sync(&env, || core::reflection_product(&reflections, dimensions)).map(Float32Array::new)
}

/// A loss at `z` and its gradient.
#[napi]
pub fn loss_value(
    env: Env,
    loss: String,
    z: Float32Array,
    columns: f64,
) -> napi::Result<LossValue> {
    let columns = count(&env, "columns", columns)?;
    run_sync(&env, || Loss::parse(&loss)?.value_and_gradient(&z, columns))
        .map(|(value, gradient)| LossValue { value, gradient: gradient.into() })
}

/// Bits in which two codes differ.
#[napi]
pub fn hamming_distance(env: Env, a: Uint8Array, b: Uint8Array) -> napi::Result<f64> {
    run_sync(&env, || hamming::distance(&a, &b)).map(|distance| distance as f64)
}

/// Set bits.
#[napi]
pub fn popcount(bytes: Uint8Array) -> f64 {
    hamming::popcount(&bytes) as f64
}
