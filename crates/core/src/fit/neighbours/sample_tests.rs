//! What is held out judges as plain loops do.

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::parts::finished;

const COLUMNS: usize = 16;
const BITS: usize = 8;
/// Of every column: cosines with and without it rank differently.
const MEAN: f32 = 0.5;

fn sample(rows: usize, seed: u64) -> Sample {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut any = |rows: usize| {
        let values = (0..rows * COLUMNS).map(|_| MEAN + random.random_range(-1.0..1.0)).collect();
        Vectors::new(values, COLUMNS).expect("finite values")
    };
    let (train, held_out) = (any(rows), any(40));
    let view = View { mean: Some(&[MEAN; COLUMNS]), basis: None, units: None };
    let start = Mat::identity(COLUMNS, BITS);
    let parts = [&Part::all(&train), &Part::all(&held_out)];
    let random = ChaCha8Rng::seed_from_u64(1);
    let never = Cancel::default();
    finished(Sample::new(parts, &view, start.as_ref(), random, 2, &never)).expect("a sample").0
}

/// The share of the best `k` by `truth` among the `at` first by `score`, where ties of the last count by their share.
fn naive(
    sample: &Sample,
    [k, at]: [usize; 2],
    truth: impl Fn(usize, usize) -> f64,
    score: impl Fn(usize, usize) -> f64,
) -> f64 {
    let (rows, judges) = (sample.train.count(), sample.validation.anchors);
    let mut found = 0.0;
    for judge in 0..judges {
        let mut wanted: Vec<usize> = (0..rows).collect();
        wanted.sort_by(|&a, &b| truth(judge, b).total_cmp(&truth(judge, a)));
        let mut scores: Vec<f64> = (0..rows).map(|row| score(judge, row)).collect();
        let of_wanted: Vec<f64> = wanted[..k].iter().map(|&row| scores[row]).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let last = scores[at.min(rows) - 1];
        let before = scores.iter().filter(|&&score| score > last).count();
        let tied = scores.iter().filter(|&&score| score == last).count();
        let share = (at.min(rows) - before) as f64 / tied as f64;
        found += of_wanted.iter().filter(|&&score| score > last).count() as f64
            + share * of_wanted.iter().filter(|&&score| score == last).count() as f64;
    }
    found / (judges * k) as f64
}

#[test]
fn agreement_is_the_sum_of_what_plain_loops_find() {
    // Below, at and beyond four times the far neighbours.
    for rows in [150, 2000, 2200] {
        let sample = sample(rows, rows as u64);
        let w = Mat::from_fn(COLUMNS, BITS, |i, j| f32::from(u8::from(i == j + 3)));
        let z = |values: &[f32], row: usize| values[row * COLUMNS + 3..][..BITS].to_vec();
        let unit = |values: &[f32], row: usize| values[row * COLUMNS..][..COLUMNS].to_vec();
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let signs = |z: Vec<f32>| -> Vec<f32> { z.iter().map(|z| 1f32.copysign(*z)).collect() };
        let (train, judges) = (&sample.train, &sample.validation);
        let truth = |judge, row| dot(&unit(&judges.units, judge), train.units.row(row));
        let seen = |row: usize| train.rows.row(row);
        let centred = |judge, row| {
            dot(&unit(&judges.rows, judge), seen(row)) / dot(seen(row), seen(row)).sqrt()
        };
        let rows_of_train = train.rows.as_slice();
        let hamming =
            |judge, row| dot(&signs(z(&judges.rows, judge)), &signs(z(rows_of_train, row)));
        let asymmetric = |judge, row| dot(&z(&judges.rows, judge), &signs(z(rows_of_train, row)));
        let far = 500.min(rows / 4);
        let near = naive(&sample, [10, 100], truth, hamming);
        let expected = near
            + naive(&sample, [far, far], centred, hamming)
            + naive(&sample, [10, 10], truth, asymmetric);
        let never = Cancel::default();
        let actual = finished(sample.agreement(w.as_ref(), 2, &never)).expect("shares").sum();
        // Rows of equal scores: the asymmetric ranking takes the first of them, the loop a share of each.
        assert!((actual - expected).abs() < 0.03, "{rows} rows: {actual} and {expected}");
        let recall = finished(sample.recall(w.as_ref(), 1, &never)).expect("a share");
        assert!((recall - near).abs() < 1e-9, "{rows} rows: {recall} and {near}");
    }
}
