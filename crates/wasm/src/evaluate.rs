//! Evaluation of rankings.

use h2q_core::error::Error;
use h2q_core::evaluate::{self as core, Ties};
use h2q_core::parallel::Cancel;
use js_sys::Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::codes::Codes;
use crate::convert::{Result, count, object};
use crate::labels::Labels;
use crate::vectors::Vectors;

/// The nearest rows of each query by cosine.
#[wasm_bindgen(js_name = neighboursSync)]
pub fn neighbours(database: &Vectors, queries: &Vectors, number: f64) -> Result<Vec<u32>> {
    let (database, queries) = (&database.inner, &queries.inner);
    Ok(core::neighbours(database, queries, count(number), 1, &Cancel::default())?)
}

/// Judges Hamming rankings; returns `MetricsAt[]` of `ts/backend.ts`.
#[wasm_bindgen(js_name = evaluateCodesSync)]
#[allow(clippy::too_many_arguments, reason = "a list of conversions")]
pub fn evaluate_codes(
    database: &Codes,
    queries: &Codes,
    database_labels: &Labels,
    query_labels: &Labels,
    neighbours: &[u32],
    at: &[f64],
    ties: &str,
    database_vectors: Option<Vectors>,
    query_vectors: Option<Vectors>,
) -> Result<JsValue> {
    let (expected, actual) = (database.inner.bits(), queries.inner.bits());
    if expected != actual {
        return Err(Error::Mismatch { what: "bits of the queries".into(), expected, actual }.into());
    }
    let evaluation = core::CodesEvaluation {
        bits: expected,
        database_codes: database.inner.as_bytes(),
        query_codes: queries.inner.as_bytes(),
        database_labels: &database_labels.inner,
        query_labels: &query_labels.inner,
        neighbours,
        at: &cutoffs(at),
        ties: parse_ties(ties)?,
        database_vectors: database_vectors.as_ref().map(|vectors| &*vectors.inner),
        query_vectors: query_vectors.as_ref().map(|vectors| &*vectors.inner),
    };
    Ok(metrics_at(core::evaluate_codes(&evaluation, 1, &Cancel::default())?))
}

/// Judges the exact ranking by cosine; returns `{ metrics, neighbours }`.
#[wasm_bindgen(js_name = evaluateCosineSync)]
pub fn evaluate_cosine(
    database: &Vectors,
    queries: &Vectors,
    database_labels: &Labels,
    query_labels: &Labels,
    at: &[f64],
    neighbours: f64,
) -> Result<JsValue> {
    let evaluation = core::CosineEvaluation {
        database: &database.inner,
        queries: &queries.inner,
        database_labels: &database_labels.inner,
        query_labels: &query_labels.inner,
        at: &cutoffs(at),
        neighbours: count(neighbours),
    };
    let (metrics, neighbours) = core::evaluate_cosine(&evaluation, 1, &Cancel::default())?;
    Ok(object([
        ("metrics", Some(metrics_at(metrics))),
        ("neighbours", Some(js_sys::Uint32Array::from(&neighbours[..]).into())),
    ]))
}

fn cutoffs(at: &[f64]) -> Vec<usize> {
    at.iter().map(|at| count(*at)).collect()
}

fn parse_ties(value: &str) -> Result<Ties> {
    match value {
        "expected" => Ok(Ties::Expected),
        "float" => Ok(Ties::Float),
        "id" => Ok(Ties::Id),
        _ => {
            let (value, expected) = (value.into(), "one of expected, float, id");
            Err(Error::InvalidOption { option: "ties", value, expected }.into())
        }
    }
}

fn metrics_at(metrics: Vec<core::MetricsAt>) -> JsValue {
    let metrics = metrics.into_iter().map(|metrics| {
        object([
            ("meanAveragePrecision", Some(metrics.mean_average_precision.into())),
            ("precision", Some(metrics.precision.into())),
            ("recall", Some(metrics.recall.into())),
            ("neighbourRecall", Some(metrics.neighbour_recall.unwrap_or(0.0).into())),
        ])
    });
    metrics.collect::<Array>().into()
}
