//! The asymmetric re-ranking against a plain float64 loop over single bits.

mod support;

use std::sync::Arc;

use h2q_core::codes::{Codes, Layout, pack_signs};
use h2q_core::error::{Error, Result};
use h2q_core::fit::{FitOptions, FitSession};
use h2q_core::head::{Head, HeadSummary, Layer};
use h2q_core::index::{Beside, Hits, Index, SearchOptions, Work};
use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use h2q_core::rerank::{AsymmetricQueries, Metric, Reranked, by_codes};
use h2q_core::vectors::Vectors;

const BITS: [usize; 12] = [8, 16, 24, 56, 64, 72, 128, 136, 200, 384, 512, 1000];

fn signs_of(z: &Vectors) -> Codes {
    let mut bytes = vec![0; z.as_slice().len() / 8];
    pack_signs(z.as_slice(), Layout::Lsb, &mut bytes);
    Codes::new(bytes, z.columns()).expect("codes")
}

/// `Σ ±z_j`, one bit after the other.
fn naive_score(z: &[f32], code: &[u8]) -> f64 {
    let sign = |j: usize| if code[j / 8] >> (j % 8) & 1 == 1 { 1.0 } else { -1.0 };
    z.iter().enumerate().map(|(j, &z)| sign(j) * f64::from(z)).sum()
}

/// The score as its factor refines it: a negative one is the norm of the row.
fn naive_refined(z: &[f32], code: &[u8], factor: f64) -> f64 {
    let sum = naive_score(z, code);
    if factor.is_sign_positive() {
        return sum * factor;
    }
    let squares: f64 = z.iter().map(|&z| f64::from(z).powi(2)).sum();
    let absolute: f64 = z.iter().map(|&z| f64::from(z).abs()).sum();
    sum * factor.abs() * squares.sqrt() / absolute - factor.powi(2) / 2.0 - squares / 2.0
}

fn searched(index: &Index, queries: &Codes, k: usize) -> Hits {
    index.search(queries, k, &SearchOptions::on(1), &Cancel::default()).expect("hits")
}

fn reranked(index: &Index, vectors: &Vectors, hits: &Hits, k: usize) -> Result<Reranked> {
    let codes = signs_of(vectors);
    let queries = AsymmetricQueries { codes: &codes, vectors };
    by_codes(index, queries, hits, k, 2, &Cancel::default())
}

fn fitted(rows: &Vectors, bits: usize) -> Model {
    let options = FitOptions { bits: Some(bits), ..FitOptions::default() };
    let mut session = FitSession::new(Arc::new(rows.clone()), None, &options).expect("options");
    session.step(usize::MAX, &Cancel::default()).expect("a fit");
    session.finish().expect("a model")
}

#[test]
fn an_index_gives_back_the_code_of_every_row() {
    for bits in BITS {
        let codes = signs_of(&support::vectors(50, bits, bits as u64));
        let ids = (0..50).map(|row| (row * 7 % 5) - 2).collect();
        for ids in [None, Some(ids)] {
            let index = Index::new(&codes, ids).expect("an index");
            let mut words = vec![u64::MAX; bits.div_ceil(64)];
            for row in 0..50 {
                index.reader().read(row, &mut words).expect("a row");
                let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                assert!(bytes.split_off(bits / 8).iter().all(|&byte| byte == 0));
                assert_eq!(bytes, codes.row(row as usize));
            }
        }
    }
}

#[test]
fn scores_equal_a_naive_loop_for_every_width() {
    for bits in BITS {
        let (rows, k) = (90, 20);
        let codes = signs_of(&support::vectors(rows, bits, 1 + bits as u64));
        let queries = support::vectors(5, bits, 2 + bits as u64);
        // Of both signs.
        let factors = support::uniform(rows, 3);
        // Ids that fall, so that positions are not rows.
        let ids: Vec<i64> = (0..rows as i64).rev().collect();
        for factors in [None, Some(factors)] {
            let beside = Beside { ids: Some(ids.clone()), factors: factors.clone() };
            let index = Index::new(&codes, beside).expect("an index");
            let hits = searched(&index, &signs_of(&queries), rows);
            let result = reranked(&index, &queries, &hits, k).expect("scores");
            for q in 0..queries.rows() {
                let score = |row: usize| {
                    let factor = factors.as_ref().map_or(1.0, |factors| factors[row].into());
                    naive_refined(queries.row(q), codes.row(row), factor)
                };
                // Random sums differ by far more than the rounding of scores, so the order is settled.
                let mut ranking: Vec<_> = (0..rows).collect();
                let key = |&row: &usize| (score(row) as f32 as f64, row);
                ranking.sort_by(|a, b| {
                    let ((a, a_row), (b, b_row)) = (key(a), key(b));
                    if (a - b).abs() < 1e-6 * bits as f64 {
                        a_row.cmp(&b_row)
                    } else {
                        b.total_cmp(&a)
                    }
                });
                for (i, hit) in (q * k..(q + 1) * k).enumerate() {
                    let row = result.hits.rows[hit] as usize;
                    let (expected, actual) = (score(row), f64::from(result.scores[hit]));
                    // Of a score alone the last bit of float32 may differ.
                    assert!(
                        (expected - actual).abs() <= 1.2e-7 * expected.abs() + 1e-12 * bits as f64
                    );
                    assert!(
                        (score(ranking[i]) - expected).abs() < 1e-6 * bits as f64,
                        "{bits} bits"
                    );
                }
            }
        }
    }
}

#[test]
fn hits_keep_their_distance_and_ties_go_to_the_smaller_id() {
    // Four different codes, so most scores are equal.
    let bits = 8;
    let codes: Vec<u8> = (0..200).map(|row| [0x00, 0x01, 0x81, 0xff][row * 7 % 4]).collect();
    let codes = Codes::new(codes, bits).expect("codes");
    let queries = support::vectors(3, bits, 5);
    let ids: Vec<i64> = (0..200).map(|row| (row * 37 % 101) - 50).collect();
    for ids in [None, Some(ids)] {
        let index = Index::new(&codes, ids.clone()).expect("an index");
        let hits = searched(&index, &signs_of(&queries), 200);
        let result = reranked(&index, &queries, &hits, 150).expect("scores");
        assert_eq!(result.hits.offsets, [0, 150, 300, 450]);
        for q in 0..3 {
            let mut expected: Vec<_> = (0..200usize)
                .map(|row| {
                    let score = naive_score(queries.row(q), codes.row(row)) as f32;
                    let id = ids.as_ref().map_or(row as i64, |ids| ids[row]);
                    (score, id, row as u32)
                })
                .collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            for (hit, (score, id, row)) in (q * 150..(q + 1) * 150).zip(expected) {
                assert_eq!((result.scores[hit], result.hits.rows[hit]), (score, row));
                assert_eq!(result.hits.ids.as_ref().map(|ids| ids[hit]), ids.as_ref().map(|_| id));
                let at =
                    hits.rows[q * 200..].iter().position(|&other| other == row).expect("a hit");
                assert_eq!(result.hits.distances[hit], hits.distances[q * 200 + at]);
            }
        }
    }
}

#[test]
fn threads_batches_and_the_order_of_the_hits_change_no_bit() {
    // Tasks end within queries: 1024 hits each.
    let (bits, rows) = (72, 700);
    let z = support::vectors(rows, bits, 6);
    let queries = support::vectors(70, bits, 7);
    let index = Index::new(&signs_of(&z), None).expect("an index");
    let codes = signs_of(&queries);
    let hits = searched(&index, &codes, 300);
    let run = |hits: &Hits, threads| {
        let queries = AsymmetricQueries { codes: &codes, vectors: &queries };
        by_codes(&index, queries, hits, 30, threads, &Cancel::default()).expect("scores")
    };
    let all = run(&hits, 1);
    for threads in [0, 2, 3] {
        assert_eq!(run(&hits, threads), all);
    }
    let mut reversed = hits.clone();
    for q in 0..queries.rows() {
        let range = hits.offsets[q]..hits.offsets[q + 1];
        reversed.rows[range.clone()].reverse();
        reversed.distances[range].reverse();
    }
    assert_eq!(run(&reversed, 2), all);
    for q in [0, 3, 69] {
        let one = Vectors::new(queries.row(q).to_vec(), bits).expect("finite");
        let hits = searched(&index, &signs_of(&one), 300);
        let alone = reranked(&index, &one, &hits, 30).expect("scores");
        assert_eq!(alone.hits.rows, all.hits.rows[q * 30..(q + 1) * 30]);
        assert_eq!(alone.scores, all.scores[q * 30..(q + 1) * 30]);
    }
}

#[test]
fn queries_may_have_any_number_of_hits() {
    let bits = 16;
    let z = support::vectors(40, bits, 8);
    let index = Index::new(&signs_of(&z), None).expect("an index");
    let queries = support::vectors(5, bits, 9);
    let rows = vec![3, 1, 2, 0, 9, 8];
    let distances = vec![0; 6];
    let work = Work::default();
    let hits = Hits { offsets: vec![0, 0, 3, 3, 6, 6], rows, distances, ids: None, work };
    let result = reranked(&index, &queries, &hits, 2).expect("scores");
    assert_eq!(result.hits.offsets, [0, 0, 2, 2, 4, 4]);
    let none = Hits { offsets: vec![0; 6], rows: vec![], distances: vec![], ids: None, work };
    assert!(reranked(&index, &queries, &none, 2).expect("scores").scores.is_empty());
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
    let options = FitOptions {
        method: Some(h2q_core::fit::Method::Identity),
        center: Some(false),
        ..FitOptions::default()
    };
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
fn what_does_not_fit_is_named_before_any_work() {
    let bits = 32;
    let z = support::vectors(20, bits, 13);
    let index = Index::new(&signs_of(&z), None).expect("an index");
    let queries = support::vectors(2, bits, 14);
    let hits = searched(&index, &signs_of(&queries), 5);
    let message = |result: Result<Reranked>| result.expect_err("an error").to_string();

    let narrow = support::vectors(2, 24, 1);
    assert_eq!(
        message(reranked(&index, &narrow, &hits, 5)),
        "bits of the queries: expected 32, got 24"
    );
    let other = support::vectors(3, bits, 14);
    let codes = signs_of(&queries);
    let with = |vectors: &Vectors, hits: &Hits, k| {
        let queries = AsymmetricQueries { codes: &codes, vectors };
        by_codes(&index, queries, hits, k, 1, &Cancel::default())
    };
    assert_eq!(message(with(&other, &hits, 5)), "rows of the vectors: expected 2, got 3");
    assert_eq!(message(with(&narrow, &hits, 5)), "columns of the vectors: expected 32, got 24");
    assert_eq!(index.reader().read(20, &mut [0]).expect_err("row").code(), "MISMATCH");
    assert_eq!(with(&queries, &hits, 0).expect_err("k").code(), "INVALID_OPTION");

    // Queries that were not transformed have other signs than their codes.
    let foreign = support::vectors(2, bits, 99);
    assert!(message(with(&foreign, &hits, 5)).starts_with("vectors: row 0, with "));
    // A coordinate that rounds to the other side of 0 elsewhere is no reason.
    let mut close = queries.as_slice().to_vec();
    close[3] = if close[3] >= 0.0 { -1e-9 } else { 1e-9 };
    with(&Vectors::new(close, bits).expect("finite"), &hits, 5).expect("scores");

    type Change = fn(&mut Hits);
    let broken: [Change; 6] = [
        |hits| hits.rows[7] = 20,
        |hits| hits.offsets[1] = 11,
        |hits| hits.offsets = vec![0, 5],
        |hits| hits.offsets[2] = 9,
        |hits| hits.distances.truncate(3),
        |hits| hits.ids = Some(vec![1]),
    ];
    for change in broken {
        let mut hits = hits.clone();
        change(&mut hits);
        let code = with(&queries, &hits, 5).expect_err("broken hits").code();
        assert!(["MISMATCH", "INVALID_OPTION"].contains(&code));
    }
}

#[test]
fn a_cancelled_rerank_stops() {
    let z = support::vectors(20, 32, 15);
    let codes = signs_of(&z);
    let index = Index::new(&codes, None).expect("an index");
    let hits = searched(&index, &codes, 5);
    let cancel = Cancel::default();
    cancel.cancel();
    let queries = AsymmetricQueries { codes: &codes, vectors: &z };
    let error = by_codes(&index, queries, &hits, 5, 1, &cancel).expect_err("stop");
    assert_eq!(*error, Error::Aborted);
}
