//! A searchable set of codes.

use std::sync::Arc;

use h2q_core::parallel::Cancel;
use h2q_core::search as core;
use napi::Env;
use napi::bindgen_prelude::{BigInt64Array, Int32Array, Object, ObjectFinalize, Uint32Array};
use napi_derive::napi;

use crate::codes::Codes;
use crate::convert::{count, tell_held, tell_released};
use crate::tasks::{CancelToken, run_async, run_sync};

/// Hits of all queries, one after the other.
#[napi(object, object_from_js = false)]
pub struct SearchHits {
    /// Positions in the index.
    pub rows: Uint32Array,
    /// Hamming distances.
    pub distances: Int32Array,
    /// Where the index has ids.
    pub ids: Option<BigInt64Array>,
    /// Query q owns `offsets[q] .. offsets[q + 1]`.
    pub offsets: Uint32Array,
}

impl From<core::Hits> for SearchHits {
    fn from(hits: core::Hits) -> Self {
        Self {
            rows: hits.rows.into(),
            distances: hits.distances.into_iter().map(|d| d as i32).collect::<Vec<_>>().into(),
            ids: hits.ids.map(Into::into),
            offsets: hits.offsets.into_iter().map(|o| o as u32).collect::<Vec<_>>().into(),
        }
    }
}

/// Indexes codes; ids are one per code where there are any.
#[napi]
pub fn create_index<'env>(
    env: &'env Env,
    codes: &Codes,
    ids: Option<BigInt64Array>,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let (codes, ids, cancel) =
        (codes.inner.clone(), ids.map(|ids| ids.to_vec()), cancel.inner.clone());
    let work = move || {
        let index = core::Index::new(&codes, ids)?;
        cancel.check()?;
        Ok(index)
    };
    run_async(env, work, |env, index| Index::new(&env, index))
}

/// Blocks.
#[napi]
pub fn create_index_sync(
    env: Env,
    codes: &Codes,
    ids: Option<BigInt64Array>,
) -> napi::Result<Index> {
    let ids = ids.map(|ids| ids.to_vec());
    let index = run_sync(&env, || core::Index::new(&codes.inner, ids))?;
    Index::new(&env, index)
}

/// Codes in the order of their ids.
#[napi(custom_finalize)]
pub struct Index {
    pub(crate) inner: Arc<core::Index>,
}

impl Index {
    fn new(env: &Env, index: core::Index) -> napi::Result<Self> {
        tell_held(env, index.memory())?;
        Ok(Self { inner: Arc::new(index) })
    }
}

impl ObjectFinalize for Index {
    fn finalize(self, env: Env) -> napi::Result<()> {
        tell_released(&env, self.inner.memory())
    }
}

#[napi]
impl Index {
    /// Number of codes.
    #[napi(getter)]
    pub fn rows(&self) -> f64 {
        self.inner.rows() as f64
    }

    /// Bits of each.
    #[napi(getter)]
    pub fn bits(&self) -> f64 {
        self.inner.bits() as f64
    }

    /// The k nearest of each query.
    #[napi]
    pub fn search<'env>(
        &self,
        env: &'env Env,
        queries: &Codes,
        k: f64,
        threads: f64,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let (k, threads) = (count(env, "k", k)?, count(env, "threads", threads)?);
        let (index, queries) = (self.inner.clone(), queries.inner.clone());
        let cancel = cancel.inner.clone();
        let work = move || index.search(&queries, k, threads, &cancel);
        run_async(env, work, |_, hits| Ok(SearchHits::from(hits)))
    }

    /// Blocks.
    #[napi]
    pub fn search_sync(
        &self,
        env: Env,
        queries: &Codes,
        k: f64,
        threads: f64,
    ) -> napi::Result<SearchHits> {
        let (k, threads) = (count(&env, "k", k)?, count(&env, "threads", threads)?);
        run_sync(&env, || self.inner.search(&queries.inner, k, threads, &Cancel::default()))
            .map(SearchHits::from)
    }

    /// All within a radius of each query, the radius included.
    #[napi]
    pub fn search_radius<'env>(
        &self,
        env: &'env Env,
        queries: &Codes,
        radius: f64,
        threads: f64,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let (radius, threads) = (radius_of(env, radius)?, count(env, "threads", threads)?);
        let (index, queries) = (self.inner.clone(), queries.inner.clone());
        let cancel = cancel.inner.clone();
        let work = move || index.search_radius(&queries, radius, threads, &cancel);
        run_async(env, work, |_, hits| Ok(SearchHits::from(hits)))
    }

    /// Blocks.
    #[napi]
    pub fn search_radius_sync(
        &self,
        env: Env,
        queries: &Codes,
        radius: f64,
        threads: f64,
    ) -> napi::Result<SearchHits> {
        let (radius, threads) = (radius_of(&env, radius)?, count(&env, "threads", threads)?);
        let cancel = Cancel::default();
        run_sync(&env, || self.inner.search_radius(&queries.inner, radius, threads, &cancel))
            .map(SearchHits::from)
    }
}

/// A radius past the largest distance finds everything.
fn radius_of(env: &Env, radius: f64) -> napi::Result<u32> {
    Ok(u32::try_from(count(env, "radius", radius)?).unwrap_or(u32::MAX))
}
