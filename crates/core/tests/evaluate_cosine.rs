//! The exact cosine ranking against float64 brute force, on both sides of every block boundary.

mod evaluate_naive;

use evaluate_naive::*;
use h2q_core::error::Error;
use h2q_core::evaluate::{AveragePrecision, CosineEvaluation, Labels, evaluate_cosine, neighbours};
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;
use rand::RngExt;

fn nearest(database: &Vectors, queries: &Vectors, count: usize) -> Vec<u32> {
    neighbours(database, queries, count, 2, &Cancel::default()).unwrap()
}

/// Cosines of one query with all rows; 0 where either is all zeros.
fn cosines(database: &Vectors, query: &[f32]) -> Vec<f64> {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let cosine = |row| {
        let row = database.row(row);
        let norms = dot(row, row).sqrt() * dot(query, query).sqrt();
        if norms == 0.0 { 0.0 } else { dot(row, query) / norms }
    };
    (0..database.rows()).map(cosine).collect()
}

/// All rows by (cosine descending, row).
fn naive_ranking(cosines: &[f64]) -> Vec<usize> {
    let mut ranking: Vec<_> = (0..cosines.len()).collect();
    ranking.sort_by(|&a, &b| cosines[b].total_cmp(&cosines[a]).then(a.cmp(&b)));
    ranking
}

#[test]
fn cosine_neighbours_equal_brute_force_in_float64() {
    let mut rng = rng(1);
    // Blocks hold 128 queries and 1024 rows.
    for (rows, queries, columns) in [
        (1, 1, 1),
        (17, 3, 5),
        (1023, 2, 7),
        (1024, 2, 16),
        (1025, 127, 33),
        (2500, 129, 20),
        (3000, 1, 64),
    ] {
        let database = random_vectors(&mut rng, rows, columns);
        let queries = random_vectors(&mut rng, queries, columns);
        // A sixth: the selection shrinks several times, with many close calls.
        for count in [1, 10, rows / 6 + 1, rows + 5] {
            let actual = nearest(&database, &queries, count);
            let count = count.min(rows);
            assert_eq!(actual.len(), queries.rows() * count);
            for (query, actual) in actual.chunks(count).enumerate() {
                let cosines = cosines(&database, queries.row(query));
                let ranking = naive_ranking(&cosines);
                // Where rows differ, their cosines must be equal to rounding.
                for (&row, &expected) in actual.iter().zip(&ranking) {
                    let error = (cosines[row as usize] - cosines[expected]).abs();
                    assert!(error < 1e-6, "{rows} rows, query {query}: {row}, not {expected}");
                }
                let mut distinct = actual.to_vec();
                distinct.sort_unstable();
                distinct.dedup();
                assert_eq!(distinct.len(), count);
            }
        }
    }
}

/// Rows of sixteen ±1: norm 4, so cosines are exact multiples of 1/8 and ties abound.
fn signs(seed: u64, rows: usize) -> Vectors {
    let mut rng = rng(seed);
    let values = (0..rows * 16).map(|_| if rng.random() { 1.0 } else { -1.0 }).collect();
    Vectors::new(values, 16).unwrap()
}

#[test]
fn equal_cosines_are_ordered_by_row() {
    for rows in [50, 1030, 4000] {
        let (database, queries) = (signs(2, rows), signs(3, 5));
        for count in [1, 2, 16, 100, rows] {
            let actual = nearest(&database, &queries, count);
            let count = count.min(rows);
            for (query, actual) in actual.chunks(count).enumerate() {
                let ranking = naive_ranking(&cosines(&database, queries.row(query)));
                let expected: Vec<_> = ranking[..count].iter().map(|&row| row as u32).collect();
                assert_eq!(actual, expected, "{rows} rows, query {query}, {count} neighbours");
            }
        }
    }
}

#[test]
fn copies_of_a_row_are_ordered_by_row() {
    let mut rng = rng(4);
    let (row, queries) = (random_vectors(&mut rng, 1, 37), random_vectors(&mut rng, 130, 37));
    let database = Vectors::new(row.as_slice().repeat(1100), 37).unwrap();
    let expected: Vec<u32> = (0..1100).collect();
    for actual in nearest(&database, &queries, 1100).chunks(1100) {
        assert_eq!(actual, expected);
    }
}

#[test]
fn the_last_rows_win_when_each_is_a_little_nearer() {
    // One more than a multiple of 16: the last row stands alone against the bar of those before.
    let rows = 19_985;
    let circle = |row: usize| {
        let x = row as f32 / rows as f32;
        [x, (1.0 - x * x).sqrt()]
    };
    let database = Vectors::new((0..rows).flat_map(circle).collect(), 2).unwrap();
    let query = Vectors::new(vec![1.0, 0.0], 2).unwrap();
    for count in [1, 2, 15, 100, 9_000] {
        let expected: Vec<_> = (0..rows as u32).rev().take(count).collect();
        assert_eq!(nearest(&database, &query, count), expected);
    }
}

#[test]
fn zero_rows_and_extreme_norms_have_their_place() {
    // Cosines with the query (1, 1): 0, 1, -1, 0 (of both signs), 1/√2, 1 (huge), 1 (tiny), 0.
    let huge = f32::MAX;
    let tiny = f32::from_bits(1);
    let database = [
        [0.0, 0.0],
        [2.0, 2.0],
        [-3.0, -3.0],
        [1.0, -1.0],
        [1.0, 0.0],
        [huge, huge],
        [tiny, tiny],
        [-0.0, 0.0],
    ];
    let database = Vectors::new(database.concat(), 2).unwrap();
    let query = Vectors::new(vec![1.0, 1.0], 2).unwrap();
    assert_eq!(nearest(&database, &query, 8), [1, 5, 6, 4, 0, 3, 7, 2]);
    let zero = Vectors::new(vec![0.0, -0.0], 2).unwrap();
    assert_eq!(nearest(&database, &zero, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn cosine_metrics_equal_a_naive_ranking() {
    for (rows, queries, count) in [(5, 2, 3), (300, 140, 10), (1500, 7, 10), (40, 3, 100)] {
        let (database, queries) = (signs(5, rows), signs(6, queries));
        let mut rng = rng(7);
        let labels = random_labels(&mut rng, rows, 4);
        let query_labels = random_labels(&mut rng, queries.rows(), 5);
        let at = [rows + 1, 4, 1, rows / 2, count];
        let normalised = NORMALISED[rows % 3];
        let (actual, found) = evaluate_cosine(
            &CosineEvaluation {
                database: &database,
                queries: &queries,
                database_labels: &single(&labels),
                query_labels: &single(&query_labels),
                at: &at,
                average_precision: normalised,
                neighbours: count,
            },
            2,
            &Cancel::default(),
        )
        .unwrap();
        assert_eq!(found, nearest(&database, &queries, count));

        let count = count.min(rows);
        for (actual, n) in actual.iter().zip(at) {
            let mut each = Vec::new();
            for (query, label) in query_labels.iter().enumerate() {
                let ranking = naive_ranking(&cosines(&database, queries.row(query)));
                let relevant: Vec<_> = labels.iter().map(|other| other == label).collect();
                each.push(metrics(
                    &ranking,
                    &relevant,
                    &found[query * count..][..count],
                    n,
                    normalised,
                ));
            }
            assert_close(actual, mean(&each), &format!("{rows} rows"));
        }
        assert_eq!(actual[4].neighbour_recall, Some(1.0));
        assert!(actual[2].neighbour_recall.unwrap() < 1.0);
    }
}

#[test]
fn threads_do_not_change_the_cosine_ranking() {
    let mut rng = rng(8);
    let (database, queries) =
        (random_vectors(&mut rng, 2100, 24), random_vectors(&mut rng, 300, 24));
    let (database_labels, query_labels) =
        (single(&random_labels(&mut rng, 2100, 3)), single(&random_labels(&mut rng, 300, 3)));
    let evaluation = CosineEvaluation {
        database: &database,
        queries: &queries,
        database_labels: &database_labels,
        query_labels: &query_labels,
        at: &[1000, 100],
        average_precision: AveragePrecision::Retrieved,
        neighbours: 10,
    };
    let with = |threads| evaluate_cosine(&evaluation, threads, &Cancel::default()).unwrap();
    let one = with(1);
    assert!([2, 3, 8].into_iter().all(|threads| with(threads) == one));
}

#[test]
fn bad_input_names_the_culprit() {
    let mut rng = rng(9);
    let (database, queries) = (random_vectors(&mut rng, 6, 4), random_vectors(&mut rng, 2, 4));
    let wide = random_vectors(&mut rng, 2, 5);
    let (six, two) = (single(&[0; 6]), single(&[0; 2]));
    let multi = Labels::multi("query labels", &[0; 6], 3).unwrap();
    let good = CosineEvaluation {
        database: &database,
        queries: &queries,
        database_labels: &six,
        query_labels: &two,
        at: &[3],
        average_precision: AveragePrecision::Retrieved,
        neighbours: 0,
    };
    let cancel = Cancel::default();
    let (metrics, none) = evaluate_cosine(&good, 1, &cancel).unwrap();
    assert!(none.is_empty() && metrics[0].neighbour_recall.is_none());
    assert_eq!((metrics[0].precision, metrics[0].recall), (1.0, 0.5));

    let fails = |evaluation: CosineEvaluation, code: &str, culprit: &str| {
        let error = evaluate_cosine(&evaluation, 1, &cancel).unwrap_err();
        let message = error.to_string();
        assert!(error.code() == code && message.contains(culprit), "{code}, {culprit}: {message}");
    };
    fails(CosineEvaluation { queries: &wide, ..good }, "MISMATCH", "columns of the queries");
    fails(CosineEvaluation { database_labels: &two, ..good }, "MISMATCH", "database labels");
    fails(CosineEvaluation { query_labels: &six, ..good }, "MISMATCH", "query labels");
    fails(CosineEvaluation { query_labels: &multi, ..good }, "INVALID_OPTION", "query labels");
    fails(CosineEvaluation { at: &[], ..good }, "INVALID_OPTION", "at");
    fails(CosineEvaluation { at: &[0], ..good }, "INVALID_OPTION", "at");

    let count = neighbours(&database, &queries, 0, 1, &cancel).unwrap_err();
    assert_eq!(count.to_string(), "count: 0 is not at least 1");
    let columns = neighbours(&database, &wide, 1, 1, &cancel).unwrap_err();
    assert_eq!(columns.to_string(), "columns of the queries: expected 4, got 5");
    cancel.cancel();
    assert_eq!(neighbours(&database, &queries, 1, 1, &cancel), Err(Error::Aborted.into()));
    assert_eq!(*evaluate_cosine(&good, 1, &cancel).unwrap_err(), Error::Aborted);
}
