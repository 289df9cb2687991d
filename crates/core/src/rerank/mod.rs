//! Re-ranking: a second, finer score for the hits of a search.
//!
//! A search by Hamming distance sees one bit per coordinate on both sides. It is asked for more hits
//! than wanted, and these few are scored again: [`by_codes`] keeps the query in float and needs
//! nothing but the codes (and, better, one factor per row), [`by_vectors`] reads the original rows.
//! The best k remain, ordered by (score descending, id), by row where there are no ids.
//!
//! A score depends on its query and its row alone: no thread count, batch or order of the hits
//! changes a bit of it. Sums are float64 in one order; a score is their value rounded to float32.

mod asymmetric;
mod factors;
mod float;
mod stored;

pub use asymmetric::{AsymmetricQueries, by_codes};
pub use factors::Metric;
pub use float::{Rows, by_vectors};
pub use stored::{RowLayout, StoredVectors};

use std::cmp::Ordering;

use crate::error::{Error, Result};
use crate::index::{Hits, reserve};
use crate::parallel::{Cancel, fill_chunks, map_tasks};
use crate::sizes::block;
use crate::sorting;
use crate::text;
use crate::vectors::zeros;

/// Hits scored by one task.
const HITS: usize = block(1024, 8);
/// Queries whose hits one task puts in order.
const QUERIES: usize = block(64, 3);

/// The best hits of every query with their scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Reranked {
    /// `min(k, hits given)` of each query, ordered by (score descending, id, row). Distances are the
    /// Hamming distances they came with.
    pub hits: Hits,
    /// One per hit, finite; higher is nearer.
    pub scores: Vec<f32>,
}

/// A score of rows for one query after the other.
trait Scorer: Sync {
    /// What one thread needs, the present query among it.
    type Workspace;

    /// A workspace without a query.
    fn workspace(&self) -> Self::Workspace;

    /// Makes `query` the present one.
    fn prepare(&self, query: usize, work: &mut Self::Workspace);

    /// The score of `row` for the present query; not NaN.
    fn score(&self, row: u32, work: &mut Self::Workspace) -> Result<f64>;
}

/// Scores all hits and keeps the best `k` of each query. `queries` and `rows` are what the scorer has.
fn rescore<S: Scorer>(
    scorer: &S,
    hits: &Hits,
    (queries, rows): (usize, usize),
    k: usize,
    threads: usize,
    cancel: &Cancel,
) -> Result<Reranked> {
    check_hits(hits, queries, rows)?;
    if k == 0 {
        let expected = "at least 1";
        return Err(Error::InvalidOption { option: "k", value: "0".into(), expected }.into());
    }
    let mut scores = zeros(hits.rows.len(), "scores")?;
    fill_chunks(
        threads,
        &mut scores,
        HITS,
        cancel,
        || scorer.workspace(),
        |work, task, scores| {
            let first = task * HITS;
            let mut query = hits.offsets.partition_point(|&offset| offset <= first) - 1;
            scorer.prepare(query, work);
            for (score, hit) in scores.iter_mut().zip(first..) {
                cancel.check()?;
                while hit >= hits.offsets[query + 1] {
                    query += 1;
                    if hit < hits.offsets[query + 1] {
                        scorer.prepare(query, work);
                    }
                }
                *score = to_finite(scorer.score(hits.rows[hit], work)?);
            }
            Ok(())
        },
    )?;
    let tasks = map_tasks(
        threads,
        queries.div_ceil(QUERIES),
        cancel,
        || (),
        |(), task| {
            let queries = task * QUERIES..((task + 1) * QUERIES).min(queries);
            queries.map(|query| best(hits, &scores, query, k, cancel)).collect::<Result<Vec<_>>>()
        },
    )?;
    gather(hits, &scores, tasks.into_iter().flatten())
}

/// The nearest float32 that is finite; a zero is +0.
fn to_finite(score: f64) -> f32 {
    score.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32 + 0.0
}

/// Positions of the best `k` hits of `query`, best first.
fn best(hits: &Hits, scores: &[f32], query: usize, k: usize, cancel: &Cancel) -> Result<Vec<u32>> {
    cancel.check()?;
    let id = |hit: usize| hits.ids.as_ref().map(|ids| ids[hit]);
    let order = |&a: &u32, &b: &u32| -> Ordering {
        let (a, b) = (a as usize, b as usize);
        let by_score = scores[b].total_cmp(&scores[a]);
        by_score.then_with(|| (id(a), hits.rows[a]).cmp(&(id(b), hits.rows[b])))
    };
    let range = hits.offsets[query]..hits.offsets[query + 1];
    let mut best = Vec::new();
    reserve(&mut best, range.len())?;
    best.extend(range.map(|hit| hit as u32));
    if k < best.len() {
        sorting::select(&mut best, k, order);
        best.truncate(k);
    }
    sorting::sort_by(&mut best, order);
    Ok(best)
}

fn gather(hits: &Hits, scores: &[f32], best: impl Iterator<Item = Vec<u32>>) -> Result<Reranked> {
    let ids = hits.ids.as_ref();
    let mut kept = Hits {
        offsets: vec![0],
        rows: Vec::new(),
        distances: Vec::new(),
        ids: ids.map(|_| Vec::new()),
        work: hits.work,
    };
    let mut kept_scores = Vec::new();
    for best in best {
        let positions = || best.iter().map(|&hit| hit as usize);
        reserve(&mut kept.rows, best.len())?;
        kept.rows.extend(positions().map(|hit| hits.rows[hit]));
        reserve(&mut kept.distances, best.len())?;
        kept.distances.extend(positions().map(|hit| hits.distances[hit]));
        reserve(&mut kept_scores, best.len())?;
        kept_scores.extend(positions().map(|hit| scores[hit]));
        if let (Some(kept), Some(ids)) = (&mut kept.ids, ids) {
            reserve(kept, best.len())?;
            kept.extend(positions().map(|hit| ids[hit]));
        }
        kept.offsets.push(kept.rows.len());
    }
    Ok(Reranked { hits: kept, scores: kept_scores })
}

/// Hits come back from the caller, so nothing about them is taken for granted.
fn check_hits(hits: &Hits, queries: usize, rows: usize) -> Result<()> {
    let Hits { offsets, rows: hit_rows, distances, ids, .. } = hits;
    check_count("offsets of the hits", queries + 1, offsets.len())?;
    check_count("first offset of the hits", 0, offsets[0])?;
    check_count("last offset of the hits", hit_rows.len(), offsets[queries])?;
    check_count("distances of the hits", hit_rows.len(), distances.len())?;
    if u32::try_from(hit_rows.len()).is_err() {
        return Err(Error::TooManyHits { hits: hit_rows.len() as u64 }.into());
    }
    if let Some(ids) = ids {
        check_count("ids of the hits", hit_rows.len(), ids.len())?;
    }
    let invalid =
        |value, expected| Err(Error::InvalidOption { option: "hits", value, expected }.into());
    if let Some(query) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        return invalid(text!["the offset after query ", query], "a rising one");
    }
    match hit_rows.iter().find(|&&row| row as usize >= rows) {
        Some(row) => invalid(text!["row ", *row], "a row of what is scored"),
        None => Ok(()),
    }
}

fn check_count(what: &str, expected: usize, actual: usize) -> Result<()> {
    if expected == actual { Ok(()) } else { Err(Error::mismatch(what, expected, actual)) }
}
