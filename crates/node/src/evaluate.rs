//! Evaluation of rankings.

use std::sync::Arc;

use h2q_core::error::Error;
use h2q_core::evaluate::{self as core, AveragePrecision, CosineEvaluation, Ties};
use napi::Env;
use napi::bindgen_prelude::{
    ClassInstance, FromNapiValue, JsObjectValue, Object, Uint32Array, ValidateNapiValue,
};
use napi_derive::napi;

use crate::codes::Codes;
use crate::convert::{count, labels};
use crate::model::Model;
use crate::tasks::{CancelToken, run_async, run_sync};
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

/// Means over the queries within one Hamming radius.
#[napi(object)]
pub struct MetricsWithin {
    /// The radius.
    pub radius: f64,
    /// Relevant share of the rows found; a query that finds none counts 0.
    pub precision: f64,
    /// The same over the rows of all queries together.
    pub pooled_precision: f64,
    /// Share of all relevant rows.
    pub recall: f64,
    /// The same over the rows of all queries together.
    pub pooled_recall: f64,
    /// Share of the nearest neighbours; 0 where none were given.
    pub neighbour_recall: f64,
    /// Share of the queries that find a row.
    pub answered: f64,
    /// Rows found.
    pub hits: f64,
}

impl From<core::MetricsWithin> for MetricsWithin {
    fn from(metrics: core::MetricsWithin) -> Self {
        Self {
            radius: metrics.radius as f64,
            precision: metrics.precision,
            pooled_precision: metrics.pooled_precision,
            recall: metrics.recall,
            pooled_recall: metrics.pooled_recall,
            neighbour_recall: metrics.neighbour_recall.unwrap_or(0.0),
            answered: metrics.answered,
            hits: metrics.hits,
        }
    }
}

/// Metrics of Hamming rankings.
#[napi(object)]
pub struct CodesMetrics {
    /// One per cut-off.
    pub at: Vec<MetricsAt>,
    /// One per radius.
    pub within: Vec<MetricsWithin>,
}

/// What codes look like.
#[napi(object)]
pub struct CodeStatistics {
    /// Number of codes.
    pub rows: f64,
    /// Bits of each.
    pub bits: f64,
    /// Number of different codes.
    pub distinct: f64,
    /// Share of ones per bit.
    pub ones: Vec<f64>,
    /// Bits of information per bit.
    pub entropy: Vec<f64>,
    /// Mean absolute correlation of two bits.
    pub mean_correlation: f64,
    /// The largest.
    pub max_correlation: f64,
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
    let ties = request.parse("ties", Ties::parse)?;
    let average_precision = request.parse("averagePrecision", AveragePrecision::parse)?;
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
            average_precision,
            database_vectors: database_vectors.as_deref(),
            query_vectors: query_vectors.as_deref(),
        };
        core::evaluate_codes(&evaluation, threads, &cancel)
    };
    run_async(env, work, |_, metrics| {
        Ok(CodesMetrics {
            at: metrics.at.into_iter().map(MetricsAt::from).collect(),
            within: metrics.within.into_iter().map(MetricsWithin::from).collect(),
        })
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
    let average_precision = request.parse("averagePrecision", AveragePrecision::parse)?;
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
            average_precision,
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

/// What codes look like without any query.
#[napi]
pub fn code_statistics<'env>(
    env: &'env Env,
    codes: &Codes,
    threads: f64,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let threads = count(env, "threads", threads)?;
    let (codes, cancel) = (codes.inner.clone(), cancel.inner.clone());
    let (rows, bits) = (codes.rows() as f64, codes.bits() as f64);
    let work = move || core::code_statistics(&codes, threads, &cancel);
    run_async(env, work, move |_, statistics| {
        Ok(CodeStatistics {
            rows,
            bits,
            distinct: statistics.distinct as f64,
            ones: statistics.ones,
            entropy: statistics.entropy,
            mean_correlation: statistics.mean_correlation,
            max_correlation: statistics.max_correlation,
        })
    })
}

/// The losses of the transformed rows, scaled as for a fit: bit-variance, l2, l1, min-entropy.
#[napi]
pub fn quantization_losses<'env>(
    env: &'env Env,
    model: &Model,
    vectors: &Vectors,
    threads: f64,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let threads = count(env, "threads", threads)?;
    let (model, vectors) = (model.inner.clone(), vectors.share(env)?);
    let cancel = cancel.inner.clone();
    let work = move || core::quantization_losses(&model, &vectors, threads, &cancel);
    run_async(env, work, |_, losses| Ok(losses.to_vec()))
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

    fn parse<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> h2q_core::error::Result<T>,
    ) -> napi::Result<T> {
        let value: String = self.get(name)?;
        run_sync(self.env, || parse(&value))
    }
}
