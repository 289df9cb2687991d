//! Files of indexes, piece by piece.

use h2q_core::index as core;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count, finished};
use crate::index::Index;

/// Reads a file of an index.
#[wasm_bindgen]
pub struct IndexReader {
    inner: Option<core::IndexReader>,
}

#[wasm_bindgen]
impl IndexReader {
    /// For a file of so many bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: f64) -> IndexReader {
        Self { inner: Some(core::IndexReader::new(count(bytes))) }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.inner.as_mut().ok_or_else(finished)?.push(bytes)?)
    }

    /// How many more bytes of the file are of use, as far as that is known.
    pub fn wanted(&self) -> f64 {
        self.inner.as_ref().map_or(0.0, |reader| reader.wanted() as f64)
    }

    /// The index, once.
    pub fn finish(&mut self) -> Result<Index> {
        Ok(self.inner.take().ok_or_else(finished)?.finish()?.into())
    }
}
