//! Evaluation of rankings.

use h2q_core::error::Error;
use h2q_core::evaluate::{self as core, AveragePrecision, Ties};
use h2q_core::parallel::Cancel;
use js_sys::{Array, Float64Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::codes::Codes;
use crate::convert::{Result, count, object};
use crate::labels::Labels;
use crate::model::Model;
use crate::vectors::Vectors;

/// The nearest rows of each query by cosine.
#[wasm_bindgen(js_name = neighboursSync)]
pub fn neighbours(database: &Vectors, queries: &Vectors, number: f64) -> Result<Vec<u32>> {
    let (database, queries) = (&database.inner, &queries.inner);
    Ok(core::neighbours(database, queries, count(number), 1, &Cancel::default())?)
}

/// Judges Hamming rankings; returns `{ metrics, within }`, of which the second has seven
/// numbers for each radius: those of `MetricsWithin` of `ts/backend.ts` in its order.
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
    average_precision: &str,
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
        ties: Ties::parse(ties)?,
        average_precision: AveragePrecision::parse(average_precision)?,
        database_vectors: database_vectors.as_ref().map(|vectors| &*vectors.inner),
        query_vectors: query_vectors.as_ref().map(|vectors| &*vectors.inner),
    };
    let metrics = core::evaluate_codes(&evaluation, 1, &Cancel::default())?;
    let mut within = Vec::new();
    for m in metrics.within {
        within.extend_from_slice(&[m.precision, m.pooled_precision, m.recall, m.pooled_recall]);
        within.extend_from_slice(&[m.neighbour_recall.unwrap_or(0.0), m.answered, m.hits]);
    }
    let within = Float64Array::from(&within[..]).into();
    Ok(object([("metrics", Some(metrics_at(metrics.at))), ("within", Some(within))]))
}

/// Judges the exact ranking by cosine; returns `{ metrics, neighbours }`.
#[wasm_bindgen(js_name = evaluateCosineSync)]
pub fn evaluate_cosine(
    database: &Vectors,
    queries: &Vectors,
    database_labels: &Labels,
    query_labels: &Labels,
    at: &[f64],
    average_precision: &str,
    neighbours: f64,
) -> Result<JsValue> {
    let evaluation = core::CosineEvaluation {
        database: &database.inner,
        queries: &queries.inner,
        database_labels: &database_labels.inner,
        query_labels: &query_labels.inner,
        at: &cutoffs(at),
        average_precision: AveragePrecision::parse(average_precision)?,
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

/// What codes look like, as `CodeStatistics` of `ts/backend.ts` has it: rows, bits, different codes, mean and
/// largest correlation, then the ones and the entropy of each bit.
#[wasm_bindgen(js_name = codeStatisticsSync)]
pub fn code_statistics(codes: &Codes) -> Result<Vec<f64>> {
    let codes = &codes.inner;
    let statistics = core::code_statistics(codes, 1, &Cancel::default())?;
    let mut numbers = vec![codes.rows() as f64, codes.bits() as f64, statistics.distinct as f64];
    numbers.extend_from_slice(&[statistics.mean_correlation, statistics.max_correlation]);
    numbers.extend_from_slice(&statistics.ones);
    numbers.extend_from_slice(&statistics.entropy);
    Ok(numbers)
}

/// The losses of the transformed rows, scaled as for a fit: bit-variance, l2, l1, min-entropy.
#[wasm_bindgen(js_name = quantizationLossesSync)]
pub fn quantization_losses(model: &Model, vectors: &Vectors) -> Result<Vec<f64>> {
    let (model, vectors) = (&model.inner, &vectors.inner);
    Ok(core::quantization_losses(model, vectors, 1, &Cancel::default())?.to_vec())
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
