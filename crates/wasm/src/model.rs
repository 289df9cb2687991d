//! A fitted model.

use std::sync::Arc;

use h2q_core::model as core;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::json;

/// Turns vectors into codes. Work is asked for in slices: `rows` rows from `first` on.
#[wasm_bindgen]
pub struct Model {
    pub(crate) inner: Arc<core::Model>,
}

impl From<core::Model> for Model {
    fn from(model: core::Model) -> Self {
        Self { inner: Arc::new(model) }
    }
}

#[wasm_bindgen]
impl Model {
    /// The model as a file.
    #[wasm_bindgen(js_name = toBytes)]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.inner.write(json::write(self.inner.metadata()))
    }
}

/// What the whole module has in its summary, and no file tells.
#[cfg(not(feature = "whole"))]
#[wasm_bindgen]
impl Model {
    /// Of the fit.
    #[wasm_bindgen(getter)]
    pub fn seconds(&self) -> f64 {
        self.inner.summary().seconds.unwrap_or_default()
    }
}
