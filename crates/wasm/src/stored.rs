//! Vectors as the bytes of their file, for re-ranking: what stands in for a memory map.

use std::sync::Arc;

use h2q_core::error::Error;
use h2q_core::parallel::Cancel;
use h2q_core::rerank::{self as core, RowLayout};
use h2q_core::vectors::ElementType;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count};
use crate::hits::Hits;
use crate::vectors::Vectors;

/// The bytes of a file of vectors. `push` them, then `finish`; rows are checked when they are read.
#[wasm_bindgen]
pub struct StoredVectors {
    layout: RowLayout,
    bytes: Vec<u8>,
    inner: Option<Arc<core::StoredVectors>>,
}

#[wasm_bindgen]
impl StoredVectors {
    /// Reserves the memory for a file of `bytes` bytes whose rows lie as `CoreRowLayout` in
    /// `ts/backend.ts` says.
    #[wasm_bindgen(constructor)]
    pub fn new(
        bytes: f64,
        rows: f64,
        columns: f64,
        element: &str,
        first: f64,
        counted: bool,
    ) -> Result<StoredVectors> {
        let (rows, columns, first) = (count(rows), count(columns), count(first));
        let element = ElementType::parse(element)?;
        let (mut buffer, size) = (Vec::new(), count(bytes));
        buffer
            .try_reserve_exact(size)
            .map_err(|_| Error::OutOfMemory { what: "a file of vectors".into(), bytes: size })?;
        let layout = RowLayout { rows, columns, element, first, counted };
        Ok(Self { layout, bytes: buffer, inner: None })
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes what was pushed as the whole file.
    pub fn finish(&mut self) -> Result<()> {
        let bytes = Arc::new(std::mem::take(&mut self.bytes));
        self.inner = Some(Arc::new(core::StoredVectors::new(bytes, self.layout)?));
        Ok(())
    }

    /// The same rows under another handle.
    pub fn share(&self) -> Self {
        Self { layout: self.layout, bytes: Vec::new(), inner: self.inner.clone() }
    }
}

/// Scores hits by the cosine of stored rows.
#[wasm_bindgen(js_name = rerankByStoredSync)]
pub fn by_stored(
    originals: &StoredVectors,
    vectors: &Vectors,
    hits: &Hits,
    k: f64,
) -> Result<Hits> {
    let unfinished = || Error::Internal { reason: "the file was not read to its end".into() };
    let originals = originals.inner.as_ref().ok_or_else(unfinished)?;
    let (hits, never) = (&hits.inner, Cancel::default());
    Ok(core::by_vectors(&**originals, &vectors.inner, hits, count(k), 1, &never)?.into())
}
