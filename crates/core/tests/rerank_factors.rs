//! Factors of rows: their formulas, the scores that they refine, and what an index takes.

#[path = "support/rerank.rs"]
mod rerank;
mod support;

use std::sync::Arc;

use h2q_core::error::Error;
use h2q_core::fit::{FitOptions, FitSession, Method};
use h2q_core::head::{Head, HeadSummary, Layer};
use h2q_core::index::{Beside, Index};
use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use h2q_core::rerank::Metric;
use h2q_core::vectors::Vectors;
use rerank::{reranked, searched, signs_of};

fn fitted(rows: &Vectors, bits: usize) -> Model {
    let options = FitOptions { bits: Some(bits), ..FitOptions::default() };
    let mut session = FitSession::new(Arc::new(rows.clone()), None, &options).expect("options");
    session.step(usize::MAX, &Cancel::default()).expect("a fit");
    session.finish().expect("a model")
}

#[test]
fn factors_follow_their_formulas_and_make_a_row_its_own_best_estimate() {
    // More than one task of 256 rows.
    let rows = support::vectors(600, 24, 10);
    for bits in [24, 16] {
        let model = fitted(&rows, bits);
        let cancel = Cancel::default();
        let z = model.transform(&rows, 1, &cancel).expect("z");
        for metric in [Metric::InnerProduct, Metric::Cosine] {
            let factors = model.factors(&rows, metric, 2, &cancel).expect("factors");
            assert_eq!(factors.len(), 600);
            for (z, &factor) in z.chunks(bits).zip(&factors) {
                let squares: f64 = z.iter().map(|&z| f64::from(z).powi(2)).sum();
                let absolute: f64 = z.iter().map(|&z| f64::from(z).abs()).sum();
                let own = match metric {
                    Metric::InnerProduct => squares,
                    _ => squares.sqrt(),
                };
                assert!((f64::from(factor) - own / absolute).abs() < 1e-7 * own / absolute);
            }
            assert_eq!(model.factors(&rows, metric, 1, &cancel).expect("factors"), factors);
        }
    }
}

#[test]
fn euclidean_factors_are_norms_before_the_projection_marked_by_their_sign() {
    let (rows, cancel) = (support::vectors(600, 24, 10), Cancel::default());
    for bits in [24, 16] {
        let model = fitted(&rows, bits);
        let factors = model.factors(&rows, Metric::Euclidean, 2, &cancel).expect("factors");
        let zeros = vec![0.0; 24];
        let mean = model.mean().unwrap_or(&zeros);
        for (row, &factor) in factors.iter().enumerate() {
            let centred =
                rows.row(row).iter().zip(mean).map(|(&x, &m)| f64::from(x) - f64::from(m));
            let norm = centred.map(|x| x * x).sum::<f64>().sqrt();
            assert!((f64::from(factor) + norm).abs() < 1e-7 * norm);
        }
        assert_eq!(model.mean().is_some(), bits == 16);
        assert_eq!(model.factors(&rows, Metric::Euclidean, 1, &cancel).expect("factors"), factors);
        let at_the_mean = Vectors::new(mean.to_vec(), 24).expect("finite");
        let own = model.factors(&at_the_mean, Metric::Euclidean, 1, &cancel).expect("factors");
        assert_eq!(own[0].to_bits(), (-0.0f32).to_bits());
    }
}

#[test]
fn euclidean_factors_behind_a_head_are_norms_of_its_embeddings() {
    let (rows, cancel) = (support::vectors(40, 6, 1), Cancel::default());
    let layer = Layer { weights: support::uniform(6 * 16, 2), bias: support::uniform(16, 3) };
    let summary = HeadSummary {
        rows: 40,
        loss: "cel".into(),
        penalty: "none".into(),
        penalty_weight: 0.0,
        seed: 1,
        epochs: 1,
        mean_average_precision: 0.0,
    };
    let head = Arc::new(Head::new(vec![0.0; 6], vec![layer], summary).expect("a head"));
    let embeddings = head.embed(&rows, 1, &cancel).expect("embeddings");
    let alone = fitted(&embeddings, 8);
    let factors = alone.factors(&embeddings, Metric::Euclidean, 1, &cancel).expect("factors");
    let model = alone.with_head(head).expect("a model");
    assert_eq!(model.factors(&rows, Metric::Euclidean, 2, &cancel).expect("factors"), factors);
}

#[test]
fn the_score_of_rows_at_their_signs_is_minus_half_the_squared_distance() {
    for bits in [8, 64, 72, 384] {
        // Signs times a length of the row: the code and the norm say everything.
        let at_corners = |rows, seed| {
            let z = support::vectors(rows, bits, seed);
            let value = |i: usize, x: f32| x.signum() * (1 + i / bits % 7) as f32 / 4.0;
            let values = z.as_slice().iter().enumerate().map(|(i, &x)| value(i, x));
            Vectors::new(values.collect(), bits).expect("finite")
        };
        let (z, queries) = (at_corners(50, 1), at_corners(4, 2));
        let norm = |row: &[f32]| row.iter().map(|&z| f64::from(z).powi(2)).sum::<f64>().sqrt();
        let factors = (0..50).map(|row| -norm(z.row(row)) as f32).collect();
        let beside = Beside { ids: None, factors: Some(factors) };
        let index = Index::new(&signs_of(&z), beside).expect("an index");
        let hits = searched(&index, &signs_of(&queries), 50);
        let result = reranked(&index, &queries, &hits, 50).expect("scores");
        for (i, (&row, &score)) in result.hits.rows.iter().zip(&result.scores).enumerate() {
            let pairs = z.row(row as usize).iter().zip(queries.row(i / 50));
            let squares: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            assert!((f64::from(score) + squares / 2.0).abs() < 1e-6 * (1.0 + squares));
        }
    }
}

#[test]
fn a_row_of_zeros_has_factor_0_and_huge_values_stay_finite() {
    let mut values = support::uniform(16 * 3, 11);
    values[..16].fill(0.0);
    values[16..32].fill(f32::MAX);
    let options =
        FitOptions { method: Some(Method::Identity), center: Some(false), ..FitOptions::default() };
    let train = Arc::new(support::vectors(40, 16, 12));
    let mut session = FitSession::new(train, None, &options).expect("options");
    session.step(usize::MAX, &Cancel::default()).expect("a fit");
    let model = session.finish().expect("a model");

    let rows = Vectors::new(values, 16).expect("finite");
    let factors =
        model.factors(&rows, Metric::InnerProduct, 1, &Cancel::default()).expect("factors");
    assert_eq!(factors[..2], [0.0, f32::MAX]);
    let z = Vectors::new(model.transform(&rows, 1, &Cancel::default()).expect("z"), 16).expect("z");
    let codes = signs_of(&z);
    let beside = Beside { ids: None, factors: Some(factors) };
    let index = Index::new(&codes, beside).expect("an index");
    let hits = searched(&index, &codes, 3);
    let result = reranked(&index, &z, &hits, 3).expect("scores");
    assert!(result.scores.iter().all(|score| score.is_finite()));
    // Everything scores 0 for a query of zeros: order of rows.
    assert_eq!((&result.hits.rows[..3], &result.scores[..3]), (&[0, 1, 2][..], &[0.0; 3][..]));
    assert_eq!((result.hits.rows[3], result.scores[3]), (1, f32::MAX));

    // 4 f32::MAX is more than a factor can be; its square, and that of the query, is no number of float32.
    let factors = model.factors(&rows, Metric::Euclidean, 1, &Cancel::default()).expect("factors");
    assert_eq!(factors[..2], [-0.0, f32::MIN]);
    let index = Index::new(&codes, Beside { ids: None, factors: Some(factors) }).expect("an index");
    let result = reranked(&index, &z, &hits, 3).expect("scores");
    assert_eq!((result.hits.rows[0], result.scores[0]), (0, 0.0));
    assert!(result.scores.iter().all(|score| score.is_finite()));
    // A row at the mean is as far away as the query is long: −0 is a norm, not a factor.
    let third = z.row(2).iter().map(|&z| f64::from(z).powi(2)).sum::<f64>() / 2.0;
    let at = result.hits.rows[6..].iter().position(|&row| row == 0).expect("a hit") + 6;
    assert!((f64::from(result.scores[at]) + third).abs() < 1e-6 * third);
}

#[test]
fn factors_of_further_rows_are_added_or_refused_whole() {
    let bits = 16;
    let z = support::vectors(5, bits, 3);
    let with = |factors: Vec<f32>| Beside { ids: None, factors: Some(factors) };
    let index = Index::new(&signs_of(&z), with(vec![1.0; 5])).expect("an index");
    let more = |beside| index.add(&signs_of(&z), beside).expect_err("refused");
    assert_eq!(more(with(vec![1.0; 4])).to_string(), "number of factors: expected 5, got 4");
    assert_eq!(more(Beside::default()).code(), "MISMATCH");
    let Error::NotFinite { row, .. } = *more(with(vec![0.0, 0.0, f32::NAN, 0.0, 0.0])) else {
        panic!("not finite")
    };
    assert_eq!((row, index.rows()), (7, 5));
    index.add(&signs_of(&z), with(vec![3.0; 5])).expect("added");
    let factor = |row| index.reader().read(row, &mut [0]).expect("a row");
    assert_eq!((factor(4), factor(5)), (Some(1.0), Some(3.0)));
}

#[test]
fn factors_of_the_other_sign_are_refused_by_row_and_0_is_of_any() {
    let codes = signs_of(&support::vectors(4, 16, 3));
    let with = |factors: [f32; 4]| Beside { ids: None, factors: Some(factors.to_vec()) };
    let refused = |sign: f32, row: usize| {
        let side = if sign < 0.0 { "above" } else { "below" };
        format!(
            "factors: that of row {row}, {side} 0, is not of the metric of those before, which have the other sign"
        )
    };
    for sign in [1.0, -1.0] {
        // So small that products of two are 0.
        let few = [0.0, sign * 1e-30, -0.0, sign * 2.0];
        let message = |result: Result<(), Box<Error>>| result.expect_err("refused").to_string();
        let mixed = Index::new(&codes, with([-0.0, sign, 0.0, -sign * 1e-30]));
        assert_eq!(message(mixed.map(|_| ())), refused(sign, 3));
        let index = Index::empty(16, false, true).expect("an index");
        index.add(&codes, with([0.0; 4])).expect("zeros first");
        index.add(&codes, with(few)).expect("added");
        let mixed = index.add(&codes, with([0.0, -0.0, -sign * 1e-30, sign]));
        assert_eq!(message(mixed.map(|_| ())), refused(sign, 10));
        assert_eq!(index.rows(), 8);
        index.add(&codes, with(few)).expect("added");
    }
}

#[test]
fn zeros_are_read_as_the_other_factors_of_their_index() {
    let z = support::vectors(3, 16, 3);
    let codes = signs_of(&z);
    let scores = |factors: [f32; 3]| {
        let beside = Beside { ids: None, factors: Some(factors.to_vec()) };
        let index = Index::new(&codes, beside).expect("an index");
        let result = reranked(&index, &z, &searched(&index, &codes, 3), 3).expect("scores");
        (result.hits.rows, result.scores)
    };
    for sign in [1.0, -1.0] {
        assert_eq!(scores([0.0, sign, -0.0]), scores([-0.0, sign, 0.0]));
    }
    // Without another factor their own sign tells.
    assert_ne!(scores([0.0; 3]), scores([-0.0; 3]));
}
