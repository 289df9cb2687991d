//! The float re-ranking against plain float64 cosines, from memory and from the bytes of files.

mod support;

use std::sync::Arc;

use h2q_core::error::{Error, Result};
use h2q_core::index::{Hits, Work};
use h2q_core::parallel::Cancel;
use h2q_core::rerank::{Reranked, RowLayout, Rows, StoredVectors, by_vectors};
use h2q_core::vectors::{ElementType, Vectors};

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
    if norms == 0.0 { 0.0 } else { dot(a, b) / norms }
}

/// All rows for each of the queries, in no order.
fn all_rows(queries: usize, rows: usize) -> Hits {
    let each = (0..rows as u32).map(|row| (row * 7 + 3) % rows as u32);
    Hits {
        offsets: (0..=queries).map(|q| q * rows).collect(),
        rows: (0..queries).flat_map(|_| each.clone()).collect(),
        distances: vec![1; queries * rows],
        ids: None,
        work: Work::default(),
    }
}

fn reranked(originals: &impl Rows, queries: &Vectors, k: usize) -> Result<Reranked> {
    let hits = all_rows(queries.rows(), originals.rows());
    by_vectors(originals, queries, &hits, k, 2, &Cancel::default())
}

fn stored(bytes: Vec<u8>, layout: RowLayout) -> Result<StoredVectors> {
    StoredVectors::new(Arc::new(bytes), layout)
}

#[test]
fn scores_are_the_exact_cosines_for_every_width() {
    for columns in [1, 3, 15, 16, 17, 100, 384, 1001] {
        // 7 and the number of rows have no common divisor.
        let rows = 300;
        let mut values = support::uniform(rows * columns, columns as u64);
        values[5 * columns..6 * columns].fill(0.0);
        let originals = Vectors::new(values, columns).expect("finite");
        let queries = support::vectors(9, columns, 1 + columns as u64);
        let k = 40;
        let result = reranked(&originals, &queries, k).expect("scores");
        for q in 0..queries.rows() {
            let score = |row: usize| cosine(queries.row(q), originals.row(row)) as f32;
            let mut ranking: Vec<_> = (0..rows).map(|row| (score(row), row as u32)).collect();
            ranking.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            for (hit, (expected, row)) in (q * k..(q + 1) * k).zip(ranking) {
                let actual = result.scores[hit];
                assert!((expected - actual).abs() <= 6e-8, "{columns} columns");
                // In one dimension cosines are ±1, and rounding may part what is equal.
                if columns > 1 {
                    assert_eq!(result.hits.rows[hit], row, "{columns} columns, query {q}");
                }
            }
        }
    }
}

#[test]
fn zeros_have_cosine_0_and_no_size_is_too_large_or_too_small() {
    let values = vec![0.0, 0.0, f32::MAX, f32::MAX, 1e-45, 1e-45, -1.0, 0.0];
    let originals = Vectors::new(values, 2).expect("finite");
    let queries = Vectors::new(vec![f32::MAX, 0.0, 0.0, 0.0], 2).expect("finite");
    let result = reranked(&originals, &queries, 4).expect("scores");
    let half = 0.5f32.sqrt();
    assert_eq!(result.hits.rows, [1, 2, 0, 3, 0, 1, 2, 3]);
    assert_eq!(result.scores, [half, half, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn every_type_and_layout_of_a_file_scores_as_the_same_vectors_in_memory() {
    let (rows, columns) = (50, 20);
    // Whole numbers that all types hold.
    let integers: Vec<i8> = (0..rows * columns).map(|i| (i * 37 % 120) as i8).collect();
    let values: Vec<f32> = integers.iter().map(|&x| f32::from(x)).collect();
    let originals = Vectors::new(values.clone(), columns).expect("finite");
    let queries = support::vectors(4, columns, 3);
    let expected = reranked(&originals, &queries, 10).expect("scores");

    let each = |encode: &dyn Fn(f32) -> Vec<u8>| values.iter().flat_map(|&x| encode(x)).collect();
    let encodings: [(ElementType, Vec<u8>); 5] = [
        (ElementType::F32, each(&|x| x.to_le_bytes().to_vec())),
        (ElementType::F64, each(&|x| f64::from(x).to_le_bytes().to_vec())),
        (ElementType::F16, each(&|x| half_bits(x).to_le_bytes().to_vec())),
        (ElementType::U8, each(&|x| vec![x as u8])),
        (ElementType::I8, each(&|x| vec![x as i8 as u8])),
    ];
    for (element, data) in encodings {
        for first in [0, 8, 128, 129] {
            let bytes = [vec![0xff; first], data.clone()].concat();
            let layout = RowLayout { rows, columns, element, first, counted: false };
            let stored = stored(bytes, layout).expect("rows");
            assert_eq!((stored.rows(), stored.columns()), (rows, columns));
            assert_eq!(reranked(&stored, &queries, 10).expect("scores"), expected, "{element:?}");
        }
    }
    let counted = counted_bytes(&values, columns);
    let layout = RowLayout { rows, columns, element: ElementType::F32, first: 0, counted: true };
    let stored = stored(counted, layout).expect("rows");
    assert_eq!(reranked(&stored, &queries, 10).expect("scores"), expected);
}

/// The bits of a small whole number in half precision.
fn half_bits(x: f32) -> u16 {
    if x == 0.0 {
        return 0;
    }
    let bits = x.to_bits();
    (((bits >> 23) - 127 + 15) << 10 | (bits >> 13 & 0x3ff)) as u16
}

fn counted_bytes(values: &[f32], columns: usize) -> Vec<u8> {
    let row = |row: &[f32]| {
        let values = row.iter().flat_map(|x| x.to_le_bytes());
        (columns as u32).to_le_bytes().into_iter().chain(values).collect::<Vec<_>>()
    };
    values.chunks(columns).flat_map(row).collect()
}

#[test]
fn bytes_must_be_exactly_as_long_as_the_rows() {
    let layout = |rows, columns, first| RowLayout {
        rows,
        columns,
        element: ElementType::F32,
        first,
        counted: false,
    };
    for length in [0, 47, 49, 1000] {
        let error = stored(vec![0; length], layout(2, 5, 8)).expect_err("length");
        assert_eq!(*error, Error::Mismatch { what: "bytes".into(), expected: 48, actual: length });
    }
    for (rows, columns, first) in
        [(usize::MAX, 2, 0), (2, usize::MAX / 4, 8), (1, 1, usize::MAX), (usize::MAX / 8, 2, 9)]
    {
        let error = stored(vec![0; 48], layout(rows, columns, first)).expect_err("overflow");
        assert_eq!(error.code(), "MISMATCH");
    }
    assert_eq!(stored(vec![], layout(0, 5, 0)).expect_err("rows").code(), "EMPTY_INPUT");
    assert_eq!(stored(vec![], layout(5, 0, 0)).expect_err("columns").code(), "EMPTY_INPUT");
}

#[test]
fn a_bad_row_is_named_when_it_is_read() {
    let (rows, columns) = (20, 4);
    let mut values = support::uniform(rows * columns, 4);
    values[13 * columns + 2] = f32::NAN;
    let queries = support::vectors(1, columns, 5);
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let layout = RowLayout { rows, columns, element: ElementType::F32, first: 0, counted: false };
    let stored_rows = stored(bytes, layout).expect("rows");
    let error = reranked(&stored_rows, &queries, 3).expect_err("NaN");
    assert_eq!(*error, Error::NotFinite { row: 13, column: 2, value: "NaN".into() });
    // Rows that nobody asks for are not looked at.
    let hits = Hits {
        offsets: vec![0, 2],
        rows: vec![12, 14],
        distances: vec![0, 0],
        ids: None,
        work: Work::default(),
    };
    by_vectors(&stored_rows, &queries, &hits, 2, 1, &Cancel::default()).expect("scores");

    let mut counted = counted_bytes(&support::uniform(rows * columns, 4), columns);
    counted[6 * (4 + 4 * columns)] = 5;
    let stored = stored(counted, RowLayout { counted: true, ..layout }).expect("rows");
    let message = reranked(&stored, &queries, 3).expect_err("a count").to_string();
    assert_eq!(message, "dimensions of row 6: expected 4, got 5");
}

#[test]
fn what_does_not_fit_is_named_before_any_work() {
    let originals = support::vectors(10, 8, 6);
    let run = |queries: &Vectors, hits: &Hits, k| {
        by_vectors(&originals, queries, hits, k, 1, &Cancel::default()).expect_err("an error")
    };
    let narrow = support::vectors(2, 7, 7);
    let message = run(&narrow, &all_rows(2, 10), 3).to_string();
    assert_eq!(message, "columns of the vectors: expected 8, got 7");
    let queries = support::vectors(2, 8, 8);
    assert_eq!(run(&queries, &all_rows(3, 10), 3).code(), "MISMATCH");
    assert_eq!(run(&queries, &all_rows(2, 11), 3).code(), "INVALID_OPTION");
    assert_eq!(run(&queries, &all_rows(2, 10), 0).code(), "INVALID_OPTION");
    let cancel = Cancel::default();
    cancel.cancel();
    let hits = all_rows(2, 10);
    let error = by_vectors(&originals, &queries, &hits, 3, 1, &cancel).expect_err("stop");
    assert_eq!(*error, Error::Aborted);
}

#[test]
fn threads_change_no_bit() {
    let originals = support::vectors(600, 33, 9);
    let queries = support::vectors(65, 33, 10);
    let hits = all_rows(65, 600);
    let run = |threads| {
        by_vectors(&originals, &queries, &hits, 20, threads, &Cancel::default()).expect("scores")
    };
    let one = run(1);
    for threads in [0, 2, 3] {
        assert_eq!(run(threads), one);
    }
}
