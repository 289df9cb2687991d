//! What `h2q bench hamming` measures.

use std::sync::{Arc, Mutex, PoisonError};

use h2q_core::index::Method;
use h2q_core::measure::{self as core, CodesAre};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::convert::count;
use crate::tasks::{CancelToken, run_async, run_sync};

/// What to make and to search.
#[napi(object)]
pub struct HammingMeasureOptions {
    /// Of a code.
    pub bits: f64,
    /// Codes in the index.
    pub rows: f64,
    /// Codes of a batch.
    pub queries: f64,
    /// Hits per query.
    pub k: f64,
    /// `uniform` or `clustered`.
    pub data: String,
    /// Of the codes.
    pub seed: f64,
    /// 0 for all.
    pub threads: f64,
    /// `auto`, `linear` or `mih`.
    pub method: String,
}

/// Seconds of one round.
#[napi(object)]
pub struct HammingRound {
    /// One query.
    pub single_query: f64,
    /// All queries in one call.
    pub batch: f64,
    /// A plain read of the index by one thread.
    pub read: f64,
    /// Bytes of that read.
    pub read_bytes: f64,
}

/// Made-up codes in an index, and queries.
#[napi]
pub struct HammingMeasure {
    inner: Arc<Mutex<core::HammingMeasure>>,
    build: Option<f64>,
    memory: usize,
}

/// Makes the codes.
#[napi]
pub fn create_hamming_measure<'env>(
    env: &'env Env,
    options: HammingMeasureOptions,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let data = run_sync(env, || CodesAre::parse(&options.data))?;
    let options = core::HammingMeasureOptions {
        bits: count(env, "bits", options.bits)?,
        rows: count(env, "rows", options.rows)?,
        queries: count(env, "queries", options.queries)?,
        k: count(env, "k", options.k)?,
        data,
        seed: count(env, "seed", options.seed)? as u64,
        threads: count(env, "threads", options.threads)?,
        method: run_sync(env, || Method::parse(&options.method))?,
    };
    let cancel = cancel.inner.clone();
    let work = move || core::HammingMeasure::new(&options, &cancel);
    run_async(env, work, |_, measure| {
        let (build, memory) = (measure.build_seconds(), measure.memory());
        Ok(HammingMeasure { inner: Arc::new(Mutex::new(measure)), build, memory })
    })
}

#[napi]
impl HammingMeasure {
    /// Seconds that building search tables took, where the method needs them.
    #[napi(getter)]
    pub fn build_seconds(&self) -> Option<f64> {
        self.build
    }

    /// Bytes that the index holds, tables included.
    #[napi(getter)]
    pub fn memory(&self) -> f64 {
        self.memory as f64
    }

    /// Reads and searches, once each.
    #[napi]
    pub fn round<'env>(&self, env: &'env Env, cancel: &CancelToken) -> napi::Result<Object<'env>> {
        let (measure, cancel) = (self.inner.clone(), cancel.inner.clone());
        let work = move || measure.lock().unwrap_or_else(PoisonError::into_inner).round(&cancel);
        run_async(env, work, |_, round| {
            Ok(HammingRound {
                single_query: round.single_query,
                batch: round.batch,
                read: round.read,
                read_bytes: round.read_bytes as f64,
            })
        })
    }
}
