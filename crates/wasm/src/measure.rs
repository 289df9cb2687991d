//! What `h2q bench hamming` measures.

use h2q_core::index::Method;
use h2q_core::measure::{self as core, CodesAre};
use h2q_core::parallel::Cancel;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count, object};

/// Made-up codes in an index, and queries.
#[wasm_bindgen]
pub struct HammingMeasure {
    inner: core::HammingMeasure,
}

#[wasm_bindgen]
impl HammingMeasure {
    /// Makes the codes: `HammingMeasureOptions` of `ts/backend.ts`, on one thread.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::too_many_arguments, reason = "a list of conversions")]
    pub fn new(
        bits: f64,
        rows: f64,
        queries: f64,
        k: f64,
        data: &str,
        seed: f64,
        method: &str,
    ) -> Result<HammingMeasure> {
        let options = core::HammingMeasureOptions {
            bits: count(bits),
            rows: count(rows),
            queries: count(queries),
            k: count(k),
            data: CodesAre::parse(data)?,
            seed: seed as u64,
            threads: 1,
            method: Method::parse(method)?,
        };
        Ok(Self { inner: core::HammingMeasure::new(&options, &Cancel::default())? })
    }

    /// Seconds that building search tables took, where the method needs them.
    #[wasm_bindgen(getter, js_name = buildSeconds)]
    pub fn build_seconds(&self) -> Option<f64> {
        self.inner.build_seconds()
    }

    /// Bytes that the index holds, tables included.
    #[wasm_bindgen(getter)]
    pub fn memory(&self) -> f64 {
        self.inner.memory() as f64
    }

    /// Reads and searches, once each: `HammingRound` of `ts/backend.ts`.
    #[wasm_bindgen(js_name = roundSync)]
    pub fn round(&mut self) -> Result<JsValue> {
        let round = self.inner.round(&Cancel::default())?;
        Ok(object([
            ("singleQuery", Some(round.single_query.into())),
            ("batch", Some(round.batch.into())),
            ("read", Some(round.read.into())),
            ("readBytes", Some((round.read_bytes as f64).into())),
        ]))
    }
}
