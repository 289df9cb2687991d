//! The asymmetric re-ranking against a plain float64 loop over single bits.

#[path = "support/rerank.rs"]
mod rerank;
mod support;

use h2q_core::codes::Codes;
use h2q_core::error::{Error, Result};
use h2q_core::index::{Beside, Hits, Index, Work};
use h2q_core::parallel::Cancel;
use h2q_core::rerank::{AsymmetricQueries, Reranked, by_codes};
use h2q_core::vectors::Vectors;
use rerank::{reranked, searched, signs_of};

const BITS: [usize; 12] = [8, 16, 24, 56, 64, 72, 128, 136, 200, 384, 512, 1000];

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
        let factors = support::uniform(rows, 3);
        // One sign in an index: what they are for.
        let signed = |sign: f32| factors.iter().map(|factor| factor.abs() * sign).collect();
        let signed: [Vec<f32>; 2] = [signed(1.0), signed(-1.0)];
        // Ids that fall, so that positions are not rows.
        let ids: Vec<i64> = (0..rows as i64).rev().collect();
        for factors in [None].into_iter().chain(signed.map(Some)) {
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
