//! Re-ranking of hits, by codes or by the original vectors.

use std::fs::File;
use std::sync::Arc;

use h2q_core::error::{Error, Result};
use h2q_core::index::{Hits, Work};
use h2q_core::parallel::Cancel;
use h2q_core::rerank::{self as core, AsymmetricQueries, RowLayout};
use h2q_core::vectors::ElementType;
use memmap2::Mmap;
use napi::Env;
use napi::bindgen_prelude::{
    BigInt64Array, ClassInstance, Float32Array, Int32Array, JsObjectValue, Object, Uint32Array,
};
use napi_derive::napi;

use crate::codes::Codes;
use crate::convert::{count, js_error};
use crate::index::Index;
use crate::tasks::{CancelToken, run_async, run_sync};
use crate::vectors::Vectors;

/// Hits of all queries in the order of their scores.
#[napi(object, object_from_js = false)]
pub struct RerankedHits {
    /// Positions in the index.
    pub rows: Uint32Array,
    /// Hamming distances.
    pub distances: Int32Array,
    /// Where the index has ids.
    pub ids: Option<BigInt64Array>,
    /// Query q owns `offsets[q] .. offsets[q + 1]`.
    pub offsets: Uint32Array,
    /// Higher is nearer.
    pub scores: Float32Array,
}

impl From<core::Reranked> for RerankedHits {
    fn from(core::Reranked { hits, scores }: core::Reranked) -> Self {
        let crate::hits::SearchHits { rows, distances, ids, offsets, .. } = hits.into();
        Self { rows, distances, ids, offsets, scores: scores.into() }
    }
}

/// A file of vectors in a memory map.
#[napi]
pub struct MappedVectors {
    /// None after `close`.
    inner: Option<Arc<core::StoredVectors>>,
    rows: usize,
    columns: usize,
}

#[napi]
impl MappedVectors {
    /// Maps a file whose rows lie as `layout` says (`CoreRowLayout` in `ts/backend.ts`).
    #[napi(factory)]
    pub fn open(env: Env, path: String, layout: Object) -> napi::Result<Self> {
        let number = |name| count(&env, name, layout.get_named_property(name)?);
        let (rows, columns, first) = (number("rows")?, number("columns")?, number("first")?);
        let counted = layout.get_named_property("counted")?;
        let element: String = layout.get_named_property("element")?;
        let element = run_sync(&env, || ElementType::parse(&element))?;
        let file = File::open(path)?;
        // SAFETY: the bytes must not change while they are mapped. No operating system can be asked to
        // see to that; `openVectors` asks the caller not to write to the file or shorten it.
        let map = unsafe { Mmap::map(&file) }?;
        let layout = RowLayout { rows, columns, element, first, counted };
        let inner = run_sync(&env, || core::StoredVectors::new(Arc::new(map), layout))?;
        Ok(Self { inner: Some(Arc::new(inner)), rows, columns })
    }

    /// Number of rows.
    #[napi(getter)]
    pub fn rows(&self) -> f64 {
        self.rows as f64
    }

    /// Values of a row.
    #[napi(getter)]
    pub fn columns(&self) -> f64 {
        self.columns as f64
    }

    /// Lets the file go once no work reads it any more.
    #[napi]
    pub fn close(&mut self) {
        self.inner = None;
    }
}

/// Scores hits of `index` by their codes, and by the factors that the index has.
#[napi]
#[allow(clippy::too_many_arguments, reason = "a list of conversions")]
pub fn rerank_by_codes<'env>(
    env: &'env Env,
    index: &Index,
    codes: &Codes,
    vectors: &Vectors,
    hits: Object,
    k: f64,
    threads: f64,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let work = codes_work(env, index, codes, vectors, &hits, k, threads)?;
    let cancel = cancel.inner.clone();
    run_async(env, move || work(&cancel), |_, hits| Ok(RerankedHits::from(hits)))
}

/// Blocks.
#[napi]
#[allow(clippy::too_many_arguments, reason = "a list of conversions")]
pub fn rerank_by_codes_sync(
    env: Env,
    index: &Index,
    codes: &Codes,
    vectors: &Vectors,
    hits: Object,
    k: f64,
    threads: f64,
) -> napi::Result<RerankedHits> {
    let work = codes_work(&env, index, codes, vectors, &hits, k, threads)?;
    run_sync(&env, || work(&Cancel::default())).map(RerankedHits::from)
}

#[allow(clippy::too_many_arguments, reason = "a list of conversions")]
fn codes_work(
    env: &Env,
    index: &Index,
    codes: &Codes,
    vectors: &Vectors,
    hits: &Object,
    k: f64,
    threads: f64,
) -> napi::Result<impl FnOnce(&Cancel) -> Result<core::Reranked> + Send + use<>> {
    let (k, threads) = (count(env, "k", k)?, count(env, "threads", threads)?);
    let index = index.inner.clone();
    let (codes, vectors, hits) = (codes.inner.clone(), vectors.share(env)?, hits_of(hits)?);
    Ok(move |cancel: &Cancel| {
        let queries = AsymmetricQueries { codes: &codes, vectors: &vectors };
        core::by_codes(&index, queries, &hits, k, threads, cancel)
    })
}

/// Scores hits by the cosine of original rows, in memory or mapped.
#[napi]
pub fn rerank_by_vectors<'env>(
    env: &'env Env,
    originals: Originals,
    vectors: &Vectors,
    hits: Object,
    k: f64,
    threads: f64,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let work = vectors_work(env, originals, vectors, &hits, k, threads)?;
    let cancel = cancel.inner.clone();
    run_async(env, move || work(&cancel), |_, hits| Ok(RerankedHits::from(hits)))
}

/// Blocks.
#[napi]
pub fn rerank_by_vectors_sync(
    env: Env,
    originals: Originals,
    vectors: &Vectors,
    hits: Object,
    k: f64,
    threads: f64,
) -> napi::Result<RerankedHits> {
    let work = vectors_work(&env, originals, vectors, &hits, k, threads)?;
    run_sync(&env, || work(&Cancel::default())).map(RerankedHits::from)
}

type Originals<'env> =
    napi::bindgen_prelude::Either<ClassInstance<'env, Vectors>, ClassInstance<'env, MappedVectors>>;

fn vectors_work(
    env: &Env,
    originals: Originals,
    vectors: &Vectors,
    hits: &Object,
    k: f64,
    threads: f64,
) -> napi::Result<impl FnOnce(&Cancel) -> Result<core::Reranked> + Send + use<>> {
    use napi::bindgen_prelude::Either::{A, B};
    let (k, threads) = (count(env, "k", k)?, count(env, "threads", threads)?);
    let (vectors, hits) = (vectors.share(env)?, hits_of(hits)?);
    let closed = || Error::Internal { reason: "mapped vectors were used after their close".into() };
    let originals = match originals {
        A(held) => A(held.share(env)?),
        B(mapped) => B(mapped.inner.clone().ok_or_else(|| js_error(env, &closed()))?),
    };
    Ok(move |cancel: &Cancel| match originals {
        A(held) => core::by_vectors(&*held, &vectors, &hits, k, threads, cancel),
        B(mapped) => core::by_vectors(&*mapped, &vectors, &hits, k, threads, cancel),
    })
}

/// A copy of hits that a search gave to JavaScript. The core checks that they fit together.
fn hits_of(hits: &Object) -> napi::Result<Hits> {
    let offsets: Uint32Array = hits.get_named_property("offsets")?;
    let rows: Uint32Array = hits.get_named_property("rows")?;
    let distances: Int32Array = hits.get_named_property("distances")?;
    let ids: Option<BigInt64Array> = hits.get_named_property("ids")?;
    Ok(Hits {
        offsets: offsets.iter().map(|&offset| offset as usize).collect(),
        rows: rows.to_vec(),
        distances: distances.iter().map(|&distance| distance as u32).collect(),
        ids: ids.map(|ids| ids.to_vec()),
        work: Work::default(),
    })
}
