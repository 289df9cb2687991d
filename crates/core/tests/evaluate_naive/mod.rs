//! Straightforward implementations that the tests hold the library against, and random inputs.
#![allow(dead_code, reason = "each test crate uses its own part")]

pub mod input;

use h2q_core::evaluate::{AveragePrecision, Labels, MetricsAt, MetricsWithin};
use h2q_core::vectors::Vectors;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The four metrics of one query, or their mean: AP, precision, recall, neighbour recall.
pub type Metrics = [f64; 4];

/// Every way to normalise AP.
pub const NORMALISED: [AveragePrecision; 3] =
    [AveragePrecision::Retrieved, AveragePrecision::All, AveragePrecision::Possible];

/// Metrics of the first `n` rows of a settled ranking of the whole database.
pub fn metrics(
    ranking: &[usize],
    relevant: &[bool],
    neighbours: &[u32],
    n: usize,
    normalised: AveragePrecision,
) -> Metrics {
    let n = n.min(ranking.len());
    let (mut hits, mut precisions, mut found) = (0.0, 0.0, 0.0);
    for i in 0..n {
        if relevant[ranking[i]] {
            hits += 1.0;
            precisions += hits / (i as f64 + 1.0);
        }
        if neighbours.contains(&(ranking[i] as u32)) {
            found += 1.0;
        }
    }
    let all = relevant.iter().filter(|&&r| r).count() as f64;
    let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
    let neighbour_recall = share(found, neighbours.len() as f64);
    let divisor = match normalised {
        AveragePrecision::Retrieved => hits,
        AveragePrecision::All => all,
        AveragePrecision::Possible => all.min(n as f64),
    };
    [share(precisions, divisor), hits / n as f64, share(hits, all), neighbour_recall]
}

/// What one query finds within a radius, and what there is.
pub struct Found {
    rows: f64,
    hits: f64,
    near: f64,
    relevant: f64,
    neighbours: f64,
}

pub fn found_within(
    distances: &[u32],
    relevant: &[bool],
    neighbours: &[u32],
    radius: usize,
) -> Found {
    let is_found = |row: usize| distances[row] as usize <= radius;
    let rows: Vec<_> = (0..distances.len()).filter(|&row| is_found(row)).collect();
    Found {
        rows: rows.len() as f64,
        hits: rows.iter().filter(|&&row| relevant[row]).count() as f64,
        near: neighbours.iter().filter(|&&row| is_found(row as usize)).count() as f64,
        relevant: relevant.iter().filter(|&&relevant| relevant).count() as f64,
        neighbours: neighbours.len() as f64,
    }
}

/// Compares with the means over queries.
pub fn assert_within(actual: &MetricsWithin, queries: &[Found], context: &str) {
    let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
    let mean = |value: &dyn Fn(&Found) -> f64| {
        queries.iter().map(value).sum::<f64>() / queries.len() as f64
    };
    let rows = mean(&|found| found.rows);
    let relevant = mean(&|found| found.relevant);
    let near = actual.neighbour_recall.unwrap_or(0.0);
    let pairs = [
        ("precision", actual.precision, mean(&|found| share(found.hits, found.rows))),
        ("pooled", actual.pooled_precision, share(mean(&|found| found.hits), rows)),
        ("pooled recall", actual.pooled_recall, share(mean(&|found| found.hits), relevant)),
        ("recall", actual.recall, mean(&|found| share(found.hits, found.relevant))),
        ("neighbours", near, mean(&|found| share(found.near, found.neighbours))),
        ("answered", actual.answered, mean(&|found| f64::from(found.rows > 0.0))),
        ("hits", actual.hits, rows),
    ];
    for (name, a, e) in pairs {
        assert!((a - e).abs() < 1e-10, "{context}: {name} within {}: {a}, not {e}", actual.radius);
    }
}

/// Mean over many, entry by entry.
pub fn mean(all: &[Metrics]) -> Metrics {
    assert!(!all.is_empty());
    std::array::from_fn(|i| all.iter().map(|m| m[i]).sum::<f64>() / all.len() as f64)
}

pub fn assert_close(actual: &MetricsAt, expected: Metrics, context: &str) {
    let neighbour_recall = actual.neighbour_recall.unwrap_or(0.0);
    let actual_values =
        [actual.mean_average_precision, actual.precision, actual.recall, neighbour_recall];
    for (name, (a, e)) in
        ["map", "precision", "recall", "neighbours"].iter().zip(actual_values.iter().zip(expected))
    {
        assert!((a - e).abs() < 1e-10, "{context}: {name} at {}: {a}, not {e}", actual.at);
    }
}

pub fn hamming(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

pub fn random_codes(rng: &mut ChaCha8Rng, rows: usize, bits: usize) -> Vec<u8> {
    (0..rows * bits / 8).map(|_| rng.random()).collect()
}

pub fn random_labels(rng: &mut ChaCha8Rng, rows: usize, classes: i64) -> Vec<i64> {
    (0..rows).map(|_| rng.random_range(0..classes)).collect()
}

pub fn single(values: &[i64]) -> Labels {
    Labels::single("labels", values.to_vec()).unwrap()
}

pub fn random_vectors(rng: &mut ChaCha8Rng, rows: usize, columns: usize) -> Vectors {
    let values = (0..rows * columns).map(|_| rng.random_range(-1.0..1.0)).collect();
    Vectors::new(values, columns).unwrap()
}

/// `count` distinct rows per query.
pub fn random_neighbours(
    rng: &mut ChaCha8Rng,
    queries: usize,
    rows: usize,
    count: usize,
) -> Vec<u32> {
    let mut all = Vec::new();
    for _ in 0..queries {
        let mut rows: Vec<_> = (0..rows as u32).collect();
        for i in 0..count {
            let other = rng.random_range(i..rows.len());
            rows.swap(i, other);
        }
        all.extend(&rows[..count]);
    }
    all
}
