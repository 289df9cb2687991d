//! What an index has beside its searches: changes, search tables, its file.

use std::sync::Arc;

use h2q_core::index as core;
use h2q_core::parallel::Cancel;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::codes::Codes;
use crate::convert::{Result, count};
use crate::ids::Ids;
use crate::index::{Index, into_ids};
use crate::vectors::Vectors;

/// Indexes codes; ids and factors are one per code where there are any.
#[wasm_bindgen(js_name = createIndexSync)]
pub fn create_index(codes: &Codes, ids: Option<Ids>, factors: Option<Vectors>) -> Result<Index> {
    Ok(core::Index::new(&codes.inner, beside(ids, factors))?.into())
}

fn beside(ids: Option<Ids>, factors: Option<Vectors>) -> core::Beside {
    core::Beside {
        ids: ids.map(into_ids),
        factors: factors.map(|factors| match Arc::try_unwrap(factors.inner) {
            Ok(own) => own.into_vec(),
            Err(shared) => shared.as_slice().to_vec(),
        }),
    }
}

/// An index of no codes yet.
#[wasm_bindgen(js_name = emptyIndex)]
pub fn empty_index(bits: f64, has_ids: bool, has_factors: bool) -> Result<Index> {
    Ok(core::Index::empty(count(bits), has_ids, has_factors)?.into())
}

#[wasm_bindgen]
impl Index {
    /// Bytes held, about.
    #[wasm_bindgen(getter)]
    pub fn memory(&self) -> f64 {
        self.inner.memory() as f64
    }

    /// Appends codes; returns the row of the first.
    #[wasm_bindgen(js_name = addSync)]
    pub fn add(&self, codes: &Codes, ids: Option<Ids>, factors: Option<Vectors>) -> Result<f64> {
        Ok(self.inner.add(&codes.inner, beside(ids, factors))? as f64)
    }

    /// Removes by id; returns how many there were.
    #[wasm_bindgen(js_name = removeSync)]
    pub fn remove(&self, ids: &Ids) -> Result<f64> {
        Ok(self.inner.remove(&ids.inner)? as f64)
    }

    /// Builds what `method: mih` needs.
    #[wasm_bindgen(js_name = buildTablesSync)]
    pub fn build_tables(&self) -> Result<()> {
        Ok(self.inner.build_tables(1, &Cancel::default())?)
    }

    /// The ids of `rows` rows from `first` on; the rows themselves where there are none.
    #[wasm_bindgen(js_name = idsSync)]
    pub fn ids(&self, first: f64, rows: f64) -> Result<Vec<i64>> {
        Ok(self.inner.ids(count(first), count(rows))?)
    }

    /// Writes what the index holds now.
    pub fn writer(&self) -> Result<IndexWriter> {
        Ok(IndexWriter { inner: self.inner.writer()? })
    }
}

/// The file of an index.
#[wasm_bindgen]
pub struct IndexWriter {
    inner: core::IndexWriter,
}

#[wasm_bindgen]
impl IndexWriter {
    /// The next bytes, at most `at_most`; none at the end.
    pub fn next(&mut self, at_most: f64) -> Vec<u8> {
        self.inner.next(count(at_most))
    }
}
