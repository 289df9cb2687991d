//! Labels owned by the core.

use h2q_core::evaluate as core;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count};

/// One label or some classes per row.
#[wasm_bindgen]
pub struct Labels {
    pub(crate) inner: core::Labels,
}

#[wasm_bindgen]
impl Labels {
    /// One label per row.
    pub fn single(values: Vec<i64>) -> Result<Labels> {
        Ok(Self { inner: core::Labels::single("labels", values)? })
    }

    /// `classes` bytes of 0 or 1 per row.
    pub fn multi(values: &[u8], classes: f64) -> Result<Labels> {
        Ok(Self { inner: core::Labels::multi("labels", values, count(classes))? })
    }
}
