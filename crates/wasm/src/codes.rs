//! Codes owned by the core.

use std::sync::Arc;

use h2q_core::codes as core;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count, finished};

/// n codes in `lsb` layout.
#[wasm_bindgen]
pub struct Codes {
    pub(crate) inner: Arc<core::Codes>,
}

impl From<core::Codes> for Codes {
    fn from(inner: core::Codes) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

#[wasm_bindgen]
impl Codes {
    /// Number of codes.
    #[wasm_bindgen(getter)]
    pub fn rows(&self) -> f64 {
        self.inner.rows() as f64
    }

    /// Bits of each.
    #[wasm_bindgen(getter)]
    pub fn bits(&self) -> f64 {
        self.inner.bits() as f64
    }

    /// The same codes under another handle.
    pub fn share(&self) -> Self {
        Self { inner: self.inner.clone() }
    }

    /// A copy of `rows` codes from `first` on.
    pub fn slice(&self, first: f64, rows: f64) -> Result<Self> {
        let bytes = self.inner.bits() / 8;
        let codes = &self.inner.as_bytes()[count(first) * bytes..][..count(rows) * bytes];
        let slice = core::Codes::new(codes.to_vec(), self.inner.bits())?;
        Ok(self.inner.model().into_iter().fold(slice, core::Codes::of_model).into())
    }
}

/// Fills a `Codes` in slices.
#[wasm_bindgen]
pub struct CodesBuilder {
    inner: Option<core::CodesBuilder>,
}

#[wasm_bindgen]
impl CodesBuilder {
    /// Reserves the memory.
    #[wasm_bindgen(constructor)]
    pub fn new(rows: f64, bits: f64) -> Result<CodesBuilder> {
        Ok(Self { inner: Some(core::CodesBuilder::new(count(rows), count(bits))?) })
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.inner.as_mut().ok_or_else(finished)?.push(bytes)?)
    }

    /// The codes, once; `model` is the fingerprint of where they come from, 16 bytes.
    pub fn finish(&mut self, model: Option<Vec<u8>>) -> Result<Codes> {
        let model = model.and_then(|model| <[u8; 16]>::try_from(model).ok());
        let codes = self.inner.take().ok_or_else(finished)?.finish()?;
        Ok(model.into_iter().fold(codes, core::Codes::of_model).into())
    }
}
