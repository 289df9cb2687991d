//! Hits of a search, there and back.

use h2q_core::index as core;
use wasm_bindgen::prelude::wasm_bindgen;

/// Hits of all queries, one after the other. Each array is given away, once.
#[wasm_bindgen]
pub struct Hits {
    pub(crate) inner: core::Hits,
    pub(crate) scores: Vec<f32>,
}

impl From<core::Hits> for Hits {
    fn from(inner: core::Hits) -> Self {
        Self { inner, scores: Vec::new() }
    }
}

#[wasm_bindgen]
impl Hits {
    /// Positions in the index.
    pub fn rows(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.inner.rows)
    }

    /// Hamming distances.
    pub fn distances(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.inner.distances).into_iter().map(|d| d as i32).collect()
    }

    /// Where the index has ids.
    pub fn ids(&mut self) -> Option<Vec<i64>> {
        self.inner.ids.take()
    }

    /// Query q owns `offsets[q] .. offsets[q + 1]`.
    pub fn offsets(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.inner.offsets).into_iter().map(|offset| offset as u32).collect()
    }

    /// Codes that were compared.
    #[wasm_bindgen(getter)]
    pub fn candidates(&self) -> f64 {
        self.inner.work.candidates as f64
    }

    /// Buckets of tables that were looked into.
    #[wasm_bindgen(getter)]
    pub fn buckets(&self) -> f64 {
        self.inner.work.buckets as f64
    }
}
