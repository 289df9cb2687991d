//! Vectors owned by the core.

use std::sync::Arc;

#[cfg(feature = "whole")]
use h2q_core::sample;
use h2q_core::vectors::{self as core, ElementType};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count, finished};

/// n x d finite float32 rows.
#[wasm_bindgen]
pub struct Vectors {
    pub(crate) inner: Arc<core::Vectors>,
}

impl From<core::Vectors> for Vectors {
    fn from(inner: core::Vectors) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

#[cfg(feature = "whole")]
#[wasm_bindgen]
impl Vectors {
    /// Number of rows.
    #[wasm_bindgen(getter)]
    pub fn rows(&self) -> f64 {
        self.inner.rows() as f64
    }

    /// Values of a row.
    #[wasm_bindgen(getter)]
    pub fn columns(&self) -> f64 {
        self.inner.columns() as f64
    }

    /// The same rows under another handle: they are there until every handle is freed.
    pub fn share(&self) -> Self {
        Self { inner: self.inner.clone() }
    }

    /// The values of `rows` rows from `first` on.
    pub fn slice(&self, first: f64, rows: f64) -> Vec<f32> {
        self.part(count(first), count(rows)).to_vec()
    }
}

#[cfg(feature = "whole")]
impl Vectors {
    fn part(&self, first: usize, rows: usize) -> &[f32] {
        let columns = self.inner.columns();
        &self.inner.as_slice()[first * columns..][..rows * columns]
    }

    /// A copy of `rows` rows from `first` on.
    pub(crate) fn copy(&self, first: usize, rows: usize) -> Result<core::Vectors> {
        Ok(core::Vectors::new(self.part(first, rows).to_vec(), self.inner.columns())?)
    }
}

/// Fills a `Vectors` in slices.
#[wasm_bindgen]
pub struct VectorsBuilder {
    inner: Option<core::VectorsBuilder>,
}

#[wasm_bindgen]
impl VectorsBuilder {
    /// Reserves the memory.
    #[wasm_bindgen(constructor)]
    pub fn new(rows: f64, columns: f64, first_row: f64) -> Result<VectorsBuilder> {
        let inner = core::VectorsBuilder::new(count(rows), count(columns), count(first_row))?;
        Ok(Self { inner: Some(inner) })
    }

    /// Appends whole elements of type `f2`, `f4`, `f8`, `u1` or `i1`.
    pub fn push(&mut self, bytes: &[u8], element: &str) -> Result<()> {
        let element = ElementType::parse(element)?;
        Ok(self.inner.as_mut().ok_or_else(finished)?.push(bytes, element)?)
    }

    /// The vectors, once.
    pub fn finish(&mut self) -> Result<Vectors> {
        Ok(self.inner.take().ok_or_else(finished)?.finish()?.into())
    }
}

/// Keeps a uniform sample of the rows that are pushed.
#[cfg(feature = "whole")]
#[wasm_bindgen]
pub struct VectorsSampler {
    inner: Option<sample::VectorsSampler>,
    chosen: Vec<usize>,
}

#[cfg(feature = "whole")]
#[wasm_bindgen]
impl VectorsSampler {
    /// Draws `keep` of `rows` rows.
    #[wasm_bindgen(constructor)]
    pub fn new(rows: f64, columns: f64, keep: f64, seed: f64) -> Result<VectorsSampler> {
        let (rows, columns, keep) = (count(rows), count(columns), count(keep));
        let inner = sample::VectorsSampler::new(rows, columns, keep, seed as u64)?;
        Ok(Self { inner: Some(inner), chosen: Vec::new() })
    }

    /// The next whole rows, of an element type as in `VectorsBuilder`.
    pub fn push(&mut self, bytes: &[u8], element: &str) -> Result<()> {
        let element = ElementType::parse(element)?;
        Ok(self.inner.as_mut().ok_or_else(finished)?.push(bytes, element)?)
    }

    /// The rows kept, once.
    pub fn finish(&mut self) -> Result<Vectors> {
        let (vectors, chosen) = self.inner.take().ok_or_else(finished)?.finish()?;
        self.chosen = chosen;
        Ok(vectors.into())
    }

    /// The numbers of the rows kept, in rising order; once, after `finish`.
    pub fn chosen(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.chosen).into_iter().map(|row| row as f64).collect()
    }
}
