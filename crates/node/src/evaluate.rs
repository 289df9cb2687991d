//! Evaluation of rankings.

use std::sync::Arc;

use h2q_core::error::Error;
use h2q_core::evaluate::{self as core, CosineEvaluation, Ties};
use napi::Env;
use napi::bindgen_prelude::{
    ClassInstance, FromNapiValue, JsObjectValue, Object, Uint32Array, ValidateNapiValue,
};
use napi_derive::napi;

use crate::codes::Codes;
use crate::convert::{count, js_error, labels};
use crate::tasks::{CancelToken, run_async};
use crate::vectors::Vectors;

/// Means over the queries at one cut-off.
#[napi(object)]
pub struct MetricsAt {
    /// AP over the relevant items retrieved.
    pub mean_average_precision: f64,
    /// Relevant share of the first N.
    pub precision: f64,
    /// Share of all relevant rows.
    pub recall: f64,
    /// Share of the nearest neighbours; 0 where none were given.
    pub neighbour_recall: f64,
}

impl From<core::MetricsAt> for MetricsAt {
    fn from(metrics: core::MetricsAt) -> Self {
        Self {
            mean_average_precision: metrics.mean_average_precision,
            precision: metrics.precision,
            recall: metrics.recall,
            neighbour_recall: metrics.neighbour_recall.unwrap_or(0.0),
        }
    }
}

/// Metrics of a float ranking, and the neighbours that it begins with.
#[napi(object, object_from_js = false)]
pub struct CosineResult {
    /// One per cut-off.
    pub metrics: Vec<MetricsAt>,
    /// Queries x count rows.
    pub neighbours: Uint32Array,
}

/// The nearest rows of each query by cosine.
#[napi]
pub fn neighbours<'env>(
    env: &'env Env,
    database: &Vectors,
    queries: &Vectors,
    count: f64,
    threads: f64,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let number = self::count(env, "count", count)?;
    let threads = self::count(env, "threads", threads)?;
    let (database, queries) = (database.share(env)?, queries.share(env)?);
    let cancel = cancel.inner.clone();
    let work = move || core::neighbours(&database, &queries, number, threads, &cancel);
    run_async(env, work, |_, rows| Ok(Uint32Array::new(rows)))
}

/// Judges Hamming rankings.
#[napi]
pub fn evaluate_codes<'env>(
    env: &'env Env,
    evaluation: Object,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let request = Request { env, object: &evaluation };
    let database = request.class::<Codes>("databaseCodes")?.inner.clone();
    let queries = request.class::<Codes>("queryCodes")?.inner.clone();
    let database_labels = request.labels("databaseLabels", "database labels")?;
    let query_labels = request.labels("queryLabels", "query labels")?;
    let neighbours: Object = request.get("neighbours")?;
    let neighbours = neighbours.get_named_property::<Uint32Array>("rows")?.to_vec();
    let at = request.cutoffs()?;
    let ties = request.ties()?;
    let database_vectors = request.vectors("databaseVectors")?;
    let query_vectors = request.vectors("queryVectors")?;
    let threads = count(env, "threads", request.get("threads")?)?;
    let cancel = cancel.inner.clone();
    let work = move || {
        if database.bits() != queries.bits() {
            let (expected, actual) = (database.bits(), queries.bits());
            return Err(Error::mismatch("bits of the queries", expected, actual));
        }
        let evaluation = core::CodesEvaluation {
            bits: database.bits(),
            database_codes: database.as_bytes(),
            query_codes: queries.as_bytes(),
            database_labels: &database_labels,
            query_labels: &query_labels,
            neighbours: &neighbours,
            at: &at,
            ties,
            database_vectors: database_vectors.as_deref(),
            query_vectors: query_vectors.as_deref(),
        };
        core::evaluate_codes(&evaluation, threads, &cancel)
    };
    run_async(env, work, |_, metrics| {
        Ok(metrics.into_iter().map(MetricsAt::from).collect::<Vec<_>>())
    })
}

/// Judges the exact ranking by cosine.
#[napi]
pub fn evaluate_cosine<'env>(
    env: &'env Env,
    evaluation: Object,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let request = Request { env, object: &evaluation };
    let database = request.class::<Vectors>("database")?.share(env)?;
    let queries = request.class::<Vectors>("queries")?.share(env)?;
    let database_labels = request.labels("databaseLabels", "database labels")?;
    let query_labels = request.labels("queryLabels", "query labels")?;
    let at = request.cutoffs()?;
    let neighbours = count(env, "neighbours", request.get("neighbours")?)?;
    let threads = count(env, "threads", request.get("threads")?)?;
    let cancel = cancel.inner.clone();
    let work = move || {
        let evaluation = CosineEvaluation {
            database: &database,
            queries: &queries,
            database_labels: &database_labels,
            query_labels: &query_labels,
            at: &at,
            neighbours,
        };
        core::evaluate_cosine(&evaluation, threads, &cancel)
    };
    run_async(env, work, |_, (metrics, neighbours)| {
        Ok(CosineResult {
            metrics: metrics.into_iter().map(MetricsAt::from).collect(),
            neighbours: neighbours.into(),
        })
    })
}

/// Reads the fields of a request object.
struct Request<'a> {
    env: &'a Env,
    object: &'a Object<'a>,
}

impl<'a> Request<'a> {
    fn get<T: FromNapiValue + ValidateNapiValue>(&self, name: &str) -> napi::Result<T> {
        self.object.get_named_property(name)
    }

    fn class<T: 'static>(&self, name: &str) -> napi::Result<ClassInstance<'a, T>>
    where
        ClassInstance<'a, T>: FromNapiValue + ValidateNapiValue,
    {
        self.get(name)
    }

    fn vectors(&self, name: &str) -> napi::Result<Option<Arc<h2q_core::vectors::Vectors>>> {
        let vectors: Option<ClassInstance<Vectors>> = self.get(name)?;
        vectors.map(|vectors| vectors.share(self.env)).transpose()
    }

    fn labels(&self, field: &str, name: &'static str) -> napi::Result<core::Labels> {
        labels(self.env, &self.get(field)?, name)
    }

    fn cutoffs(&self) -> napi::Result<Vec<usize>> {
        let at: Vec<f64> = self.get("at")?;
        at.into_iter().map(|at| count(self.env, "at", at)).collect()
    }

    fn ties(&self) -> napi::Result<Ties> {
        let value: String = self.get("ties")?;
        match value.as_str() {
            "expected" => Ok(Ties::Expected),
            "float" => Ok(Ties::Float),
            "id" => Ok(Ties::Id),
            _ => {
                let expected = "one of expected, float, id";
                Err(js_error(self.env, &Error::InvalidOption { option: "ties", value, expected }))
            }
        }
    }
}
