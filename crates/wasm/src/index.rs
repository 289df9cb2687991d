//! A searchable set of codes that grows and shrinks.

use std::sync::Arc;

use h2q_core::index as core;
use h2q_core::parallel::Cancel;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::codes::Codes;
use crate::convert::{Result, count};
use crate::hits::Hits;
use crate::ids::Ids;
use crate::index_file::IndexWriter;
use crate::vectors::Vectors;

/// Which codes a search may find.
#[wasm_bindgen]
pub struct Filter {
    inner: Arc<core::Filter>,
}

#[wasm_bindgen]
impl Filter {
    /// By row: bit `row % 8` of byte `row / 8`.
    pub fn rows(bytes: &[u8], rows: f64, is_denied: bool) -> Result<Filter> {
        Ok(Self { inner: Arc::new(core::Filter::rows(bytes, count(rows), is_denied)?) })
    }

    /// By id.
    pub fn ids(ids: &Ids, is_denied: bool) -> Filter {
        Self { inner: Arc::new(core::Filter::ids(ids.inner.clone(), is_denied)) }
    }

    /// The same filter under another handle.
    pub fn share(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

/// Codes in the order of their ids.
#[wasm_bindgen]
pub struct Index {
    pub(crate) inner: Arc<core::Index>,
}

impl From<core::Index> for Index {
    fn from(index: core::Index) -> Self {
        Self { inner: Arc::new(index) }
    }
}

/// Indexes codes; ids and factors are one per code where there are any.
#[wasm_bindgen(js_name = createIndexSync)]
pub fn create_index(codes: &Codes, ids: Option<Ids>, factors: Option<Vectors>) -> Result<Index> {
    Ok(core::Index::new(&codes.inner, beside(ids, factors))?.into())
}

/// An index of no codes yet.
#[wasm_bindgen(js_name = emptyIndex)]
pub fn empty_index(bits: f64, has_ids: bool, has_factors: bool) -> Result<Index> {
    Ok(core::Index::empty(count(bits), has_ids, has_factors)?.into())
}

fn beside(ids: Option<Ids>, factors: Option<Vectors>) -> core::Beside {
    core::Beside {
        ids: ids.map(|ids| Arc::unwrap_or_clone(ids.inner)),
        factors: factors.map(|factors| match Arc::try_unwrap(factors.inner) {
            Ok(own) => own.into_vec(),
            Err(shared) => shared.as_slice().to_vec(),
        }),
    }
}

#[wasm_bindgen]
impl Index {
    /// Number of codes that can be found.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> f64 {
        self.inner.alive() as f64
    }

    /// Number of rows ever added.
    #[wasm_bindgen(getter)]
    pub fn rows(&self) -> f64 {
        self.inner.rows() as f64
    }

    /// Bits of each.
    #[wasm_bindgen(getter)]
    pub fn bits(&self) -> f64 {
        self.inner.bits() as f64
    }

    /// Whether codes have ids of their own.
    #[wasm_bindgen(getter, js_name = hasIds)]
    pub fn has_ids(&self) -> bool {
        self.inner.has_ids()
    }

    /// Whether codes have factors.
    #[wasm_bindgen(getter, js_name = hasFactors)]
    pub fn has_factors(&self) -> bool {
        self.inner.has_factors()
    }

    /// The fingerprint of the model that its codes come from, where that is known.
    #[wasm_bindgen(getter)]
    pub fn model(&self) -> Option<Vec<u8>> {
        self.inner.model().map(Vec::from)
    }

    /// Bytes held, about.
    #[wasm_bindgen(getter)]
    pub fn memory(&self) -> f64 {
        self.inner.memory() as f64
    }

    /// The index as it is now, whatever is added or removed later: what a search in slices works on.
    pub fn frozen(&self) -> Self {
        self.inner.frozen().into()
    }

    /// The k nearest of each query; the method is `auto`, `linear` or `mih`.
    #[wasm_bindgen(js_name = searchSync)]
    pub fn search(
        &self,
        queries: &Codes,
        k: f64,
        method: &str,
        filter: Option<Filter>,
    ) -> Result<Hits> {
        let options = options(method, filter)?;
        Ok(self.inner.search(&queries.inner, count(k), &options, &Cancel::default())?.into())
    }

    /// All within a radius of each query, the radius included.
    #[wasm_bindgen(js_name = searchRadiusSync)]
    pub fn search_radius(
        &self,
        queries: &Codes,
        radius: f64,
        method: &str,
        filter: Option<Filter>,
    ) -> Result<Hits> {
        let (options, radius) = (options(method, filter)?, radius as u32);
        Ok(self.inner.search_radius(&queries.inner, radius, &options, &Cancel::default())?.into())
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
        Ok(self.inner.writer()?.into())
    }
}

fn options(method: &str, filter: Option<Filter>) -> Result<core::SearchOptions> {
    let filter = filter.map(|filter| filter.inner);
    Ok(core::SearchOptions { method: core::Method::parse(method)?, filter, threads: 1 })
}
