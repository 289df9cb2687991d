//! A searchable set of codes that grows and shrinks.

use std::sync::Arc;

use h2q_core::codes::hex;
use h2q_core::error::Result;
use h2q_core::index as core;
use h2q_core::parallel::Cancel;
use napi::Env;
use napi::bindgen_prelude::{BigInt64Array, ClassInstance, Object, ObjectFinalize, Uint8Array};
use napi_derive::napi;

use crate::codes::Codes;
use crate::convert::{count, tell_held, tell_released};
use crate::hits::{Converted, SearchHits};
use crate::ids::Ids;
use crate::index_file::IndexWriter;
use crate::tasks::{CancelToken, run_async, run_sync};
use crate::vectors::Vectors;

/// How to search.
#[napi(object)]
pub struct SearchRequest {
    /// 0 for all.
    pub threads: f64,
    /// `auto`, `linear` or `mih`.
    pub method: String,
}

/// Which codes a search may find.
#[napi]
pub struct Filter {
    inner: Arc<core::Filter>,
}

#[napi]
impl Filter {
    /// By row: bit `row % 8` of byte `row / 8`.
    #[napi(factory)]
    pub fn rows(env: Env, bytes: Uint8Array, rows: f64, is_denied: bool) -> napi::Result<Self> {
        let rows = count(&env, "rows", rows)?;
        let inner = run_sync(&env, || core::Filter::rows(&bytes, rows, is_denied))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// By id.
    #[napi(factory)]
    pub fn ids(ids: &Ids, is_denied: bool) -> Self {
        Self { inner: Arc::new(core::Filter::ids(ids.inner.clone(), is_denied)) }
    }
}

/// Codes in the order of their ids.
#[napi(custom_finalize)]
pub struct Index {
    pub(crate) inner: Arc<core::Index>,
    /// What the garbage collector was told of.
    told: usize,
}

impl Index {
    pub(crate) fn new(env: &Env, index: core::Index) -> napi::Result<Self> {
        Self::of(env, Arc::new(index))
    }

    pub(crate) fn of(env: &Env, inner: Arc<core::Index>) -> napi::Result<Self> {
        let told = inner.memory();
        tell_held(env, told)?;
        Ok(Self { inner, told })
    }
}

impl ObjectFinalize for Index {
    fn finalize(self, env: Env) -> napi::Result<()> {
        tell_released(&env, self.told)
    }
}

/// Indexes codes; ids are one per code where there are any.
#[napi]
pub fn create_index<'env>(
    env: &'env Env,
    codes: &Codes,
    ids: Option<ClassInstance<Ids>>,
    factors: Option<ClassInstance<Vectors>>,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let (codes, cancel) = (codes.inner.clone(), cancel.inner.clone());
    let beside = Shared::new(env, ids, factors)?;
    let work = move || {
        let index = core::Index::build(&codes, beside.copy(), &cancel)?;
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
    ids: Option<ClassInstance<Ids>>,
    factors: Option<ClassInstance<Vectors>>,
) -> napi::Result<Index> {
    let beside = Shared::new(&env, ids, factors)?;
    let index = run_sync(&env, || core::Index::new(&codes.inner, beside.copy()))?;
    Index::new(&env, index)
}

/// An index of no codes yet.
#[napi]
pub fn empty_index(env: Env, bits: f64, has_ids: bool, has_factors: bool) -> napi::Result<Index> {
    let bits = count(&env, "bits", bits)?;
    let index = run_sync(&env, || core::Index::empty(bits, has_ids, has_factors))?;
    Index::new(&env, index)
}

/// What stands beside codes, to be copied by whoever works with it.
pub(crate) struct Shared {
    ids: Option<Arc<Vec<i64>>>,
    factors: Option<Arc<h2q_core::vectors::Vectors>>,
}

impl Shared {
    pub(crate) fn new(
        env: &Env,
        ids: Option<ClassInstance<Ids>>,
        factors: Option<ClassInstance<Vectors>>,
    ) -> napi::Result<Self> {
        let factors = factors.map(|factors| factors.share(env)).transpose()?;
        Ok(Self { ids: ids.map(|ids| ids.inner.clone()), factors })
    }

    pub(crate) fn copy(&self) -> core::Beside {
        core::Beside {
            ids: self.ids.as_ref().map(|ids| ids.to_vec()),
            factors: self.factors.as_ref().map(|factors| factors.as_slice().to_vec()),
        }
    }
}

/// Which codes are wanted, how and among which.
struct Search {
    index: Arc<core::Index>,
    queries: Arc<h2q_core::codes::Codes>,
    wanted: Wanted,
    options: core::SearchOptions,
}

enum Wanted {
    Nearest(usize),
    Within(u32),
}

impl Search {
    fn run(&self, cancel: &Cancel) -> Result<core::Hits> {
        match self.wanted {
            Wanted::Nearest(k) => self.index.search(&self.queries, k, &self.options, cancel),
            Wanted::Within(radius) => {
                self.index.search_radius(&self.queries, radius, &self.options, cancel)
            }
        }
    }
}

#[napi]
impl Index {
    /// Number of codes that can be found.
    #[napi(getter)]
    pub fn size(&self) -> f64 {
        self.inner.alive() as f64
    }

    /// Number of rows ever added.
    #[napi(getter)]
    pub fn rows(&self) -> f64 {
        self.inner.rows() as f64
    }

    /// Bits of each.
    #[napi(getter)]
    pub fn bits(&self) -> f64 {
        self.inner.bits() as f64
    }

    /// Whether codes have ids of their own.
    #[napi(getter)]
    pub fn has_ids(&self) -> bool {
        self.inner.has_ids()
    }

    /// Whether codes have factors.
    #[napi(getter)]
    pub fn has_factors(&self) -> bool {
        self.inner.has_factors()
    }

    /// The fingerprint of the model that its codes come from, where that is known.
    #[napi(getter)]
    pub fn model(&self) -> Option<String> {
        self.inner.model().map(hex)
    }

    /// Bytes held, about.
    #[napi(getter)]
    pub fn memory(&self) -> f64 {
        self.inner.memory() as f64
    }

    /// The k nearest of each query.
    #[napi]
    pub fn search<'env>(
        &self,
        env: &'env Env,
        queries: &Codes,
        k: f64,
        request: SearchRequest,
        filter: Option<&Filter>,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let k = count(env, "k", k)?;
        let search = self.prepare(env, queries, Wanted::Nearest(k), request, filter)?;
        let cancel = cancel.inner.clone();
        run_async(
            env,
            move || search.run(&cancel).map(Converted::from),
            |_, hits| Ok(SearchHits::from(hits)),
        )
    }

    /// Blocks.
    #[napi]
    pub fn search_sync(
        &self,
        env: Env,
        queries: &Codes,
        k: f64,
        request: SearchRequest,
        filter: Option<&Filter>,
    ) -> napi::Result<SearchHits> {
        let k = count(&env, "k", k)?;
        let search = self.prepare(&env, queries, Wanted::Nearest(k), request, filter)?;
        run_sync(&env, || search.run(&Cancel::default())).map(SearchHits::from)
    }

    /// All within a radius of each query, the radius included.
    #[napi]
    pub fn search_radius<'env>(
        &self,
        env: &'env Env,
        queries: &Codes,
        radius: f64,
        request: SearchRequest,
        filter: Option<&Filter>,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let radius = Wanted::Within(radius_of(env, radius)?);
        let search = self.prepare(env, queries, radius, request, filter)?;
        let cancel = cancel.inner.clone();
        run_async(
            env,
            move || search.run(&cancel).map(Converted::from),
            |_, hits| Ok(SearchHits::from(hits)),
        )
    }

    /// Blocks.
    #[napi]
    pub fn search_radius_sync(
        &self,
        env: Env,
        queries: &Codes,
        radius: f64,
        request: SearchRequest,
        filter: Option<&Filter>,
    ) -> napi::Result<SearchHits> {
        let radius = Wanted::Within(radius_of(&env, radius)?);
        let search = self.prepare(&env, queries, radius, request, filter)?;
        run_sync(&env, || search.run(&Cancel::default())).map(SearchHits::from)
    }

    fn prepare(
        &self,
        env: &Env,
        queries: &Codes,
        wanted: Wanted,
        request: SearchRequest,
        filter: Option<&Filter>,
    ) -> napi::Result<Search> {
        let options = core::SearchOptions {
            method: run_sync(env, || core::Method::parse(&request.method))?,
            filter: filter.map(|filter| filter.inner.clone()),
            threads: count(env, "threads", request.threads)?,
        };
        let (index, queries) = (self.inner.clone(), queries.inner.clone());
        Ok(Search { index, queries, wanted, options })
    }

    /// Appends codes; resolves to the row of the first.
    #[napi]
    pub fn add<'env>(
        &self,
        env: &'env Env,
        codes: &Codes,
        ids: Option<ClassInstance<Ids>>,
        factors: Option<ClassInstance<Vectors>>,
    ) -> napi::Result<Object<'env>> {
        let (index, codes) = (self.inner.clone(), codes.inner.clone());
        let beside = Shared::new(env, ids, factors)?;
        run_async(env, move || index.add(&codes, beside.copy()), |_, row| Ok(row as f64))
    }

    /// Blocks.
    #[napi]
    pub fn add_sync(
        &self,
        env: Env,
        codes: &Codes,
        ids: Option<ClassInstance<Ids>>,
        factors: Option<ClassInstance<Vectors>>,
    ) -> napi::Result<f64> {
        let beside = Shared::new(&env, ids, factors)?;
        run_sync(&env, || self.inner.add(&codes.inner, beside.copy())).map(|row| row as f64)
    }

    /// Removes by id; resolves to how many there were.
    #[napi]
    pub fn remove<'env>(&self, env: &'env Env, ids: &Ids) -> napi::Result<Object<'env>> {
        let (index, ids) = (self.inner.clone(), ids.inner.clone());
        run_async(env, move || index.remove(&ids), |_, removed| Ok(removed as f64))
    }

    /// Blocks.
    #[napi]
    pub fn remove_sync(&self, env: Env, ids: &Ids) -> napi::Result<f64> {
        run_sync(&env, || self.inner.remove(&ids.inner)).map(|removed| removed as f64)
    }

    /// Builds what `method: mih` needs.
    #[napi]
    pub fn build_tables<'env>(
        &self,
        env: &'env Env,
        threads: f64,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let threads = count(env, "threads", threads)?;
        let (index, cancel) = (self.inner.clone(), cancel.inner.clone());
        run_async(env, move || index.build_tables(threads, &cancel), |_, ()| Ok(()))
    }

    /// Blocks.
    #[napi]
    pub fn build_tables_sync(&self, env: Env, threads: f64) -> napi::Result<()> {
        let threads = count(&env, "threads", threads)?;
        run_sync(&env, || self.inner.build_tables(threads, &Cancel::default()))
    }

    /// The ids of `rows` rows from `first` on; the rows themselves where there are none.
    #[napi]
    pub fn ids<'env>(&self, env: &'env Env, first: f64, rows: f64) -> napi::Result<Object<'env>> {
        let (first, rows) = (count(env, "first", first)?, count(env, "rows", rows)?);
        let index = self.inner.clone();
        run_async(env, move || index.ids(first, rows), |_, ids| Ok(BigInt64Array::from(ids)))
    }

    /// Blocks.
    #[napi]
    pub fn ids_sync(&self, env: Env, first: f64, rows: f64) -> napi::Result<BigInt64Array> {
        let (first, rows) = (count(&env, "first", first)?, count(&env, "rows", rows)?);
        run_sync(&env, || self.inner.ids(first, rows)).map(Into::into)
    }

    /// Writes what the index holds now.
    #[napi]
    pub fn writer<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let index = self.inner.clone();
        run_async(env, move || index.writer(), |_, inner| Ok(IndexWriter::new(inner)))
    }
}

/// A radius past the largest distance finds everything.
fn radius_of(env: &Env, radius: f64) -> napi::Result<u32> {
    Ok(u32::try_from(count(env, "radius", radius)?).unwrap_or(u32::MAX))
}
