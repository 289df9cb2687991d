//! A searchable set of codes that grows and shrinks.

use std::sync::Arc;

use h2q_core::index as core;
use h2q_core::parallel::Cancel;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::codes::Codes;
use crate::convert::{Result, count};
use crate::hits::Hits;
use crate::ids::Ids;

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

/// The ids, without a copy where nobody else holds them.
pub(crate) fn into_ids(ids: Ids) -> Vec<i64> {
    Arc::unwrap_or_clone(ids.inner)
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
}

fn options(method: &str, filter: Option<Filter>) -> Result<core::SearchOptions> {
    let filter = filter.map(|filter| filter.inner);
    Ok(core::SearchOptions { method: core::Method::parse(method)?, filter, threads: 1 })
}
