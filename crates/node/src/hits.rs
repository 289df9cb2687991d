//! Hits of a search in the types of JavaScript.

use h2q_core::index as core;
use napi::bindgen_prelude::{BigInt64Array, Int32Array, Uint32Array};
use napi_derive::napi;

/// What a search did, all queries together.
#[napi(object)]
pub struct SearchWork {
    /// Codes that were compared.
    pub candidates: f64,
    /// Buckets of tables that were looked into.
    pub buckets: f64,
}

/// Hits of all queries, one after the other.
#[napi(object, object_from_js = false)]
pub struct SearchHits {
    /// Rows of the index.
    pub rows: Uint32Array,
    /// Hamming distances.
    pub distances: Int32Array,
    /// Where the index has ids.
    pub ids: Option<BigInt64Array>,
    /// Query q owns `offsets[q] .. offsets[q + 1]`.
    pub offsets: Uint32Array,
    /// What was done.
    pub work: SearchWork,
}

/// Hits in the types of JavaScript, made on the thread of the work: millions take longer than a turn of
/// the event loop may.
pub(crate) struct Converted {
    hits: core::Hits,
    distances: Vec<i32>,
    offsets: Vec<u32>,
}

impl From<core::Hits> for Converted {
    fn from(mut hits: core::Hits) -> Self {
        let distances = std::mem::take(&mut hits.distances).into_iter().map(|d| d as i32).collect();
        let offsets = hits.offsets.iter().map(|offset| *offset as u32).collect();
        Self { hits, distances, offsets }
    }
}

impl From<Converted> for SearchHits {
    fn from(Converted { hits, distances, offsets }: Converted) -> Self {
        Self {
            rows: hits.rows.into(),
            distances: distances.into(),
            ids: hits.ids.map(Into::into),
            offsets: offsets.into(),
            work: SearchWork {
                candidates: hits.work.candidates as f64,
                buckets: hits.work.buckets as f64,
            },
        }
    }
}

impl From<core::Hits> for SearchHits {
    fn from(hits: core::Hits) -> Self {
        Converted::from(hits).into()
    }
}
