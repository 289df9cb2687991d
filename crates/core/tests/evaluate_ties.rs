//! Each rule that puts ties in order, against naive sorting.

mod evaluate_naive;

use evaluate_naive::input::Input;
use evaluate_naive::*;
use h2q_core::evaluate::{CodesEvaluation, Ties, evaluate_codes};
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;
use rand::RngExt;

/// Shapes around a block of 8 queries and of 2048 rows, and codes of whole and split words.
const SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 8),
    (2, 7, 8),
    (300, 8, 8),
    (300, 9, 24),
    (100, 17, 64),
    (100, 3, 72),
    (100, 3, 128),
    (2048, 2, 8),
    (4100, 2, 8),
];

#[test]
fn id_ties_equal_a_naive_ranking() {
    for (seed, (rows, queries, bits)) in (0..).zip(SHAPES) {
        Input::random(seed, rows, queries, bits).check(Ties::Id, |_, _| 0.0);
    }
}

#[test]
fn float_ties_equal_a_naive_ranking() {
    for (seed, (rows, queries, bits)) in (0..).zip(SHAPES) {
        let input = Input::random(seed, rows, queries, bits);
        input.check(Ties::Float, |query, row| {
            let pairs = input.query_vectors.row(query).iter().zip(input.database_vectors.row(row));
            pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
        });
    }
}

#[test]
fn cosine_ties_equal_a_naive_ranking() {
    for (seed, (rows, queries, bits)) in (0..).zip(SHAPES) {
        // Coarse values: rows of zeros, queries of zeros and equal cosines of other lengths are among them.
        let input = Input::random(seed, rows, queries, bits);
        input.check(Ties::Cosine, |query, row| {
            let (query, row) = (input.query_vectors.row(query), input.database_vectors.row(row));
            1.0 - naive_cosine(query, row)
        });
    }
}

/// 0 with a row of zeros.
fn naive_cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let norms = (dot(a, a).sqrt(), dot(b, b).sqrt());
    if norms.0 * norms.1 == 0.0 { 0.0 } else { dot(a, b) / norms.1 / norms.0 }
}

#[test]
fn cosine_ties_are_float_ties_of_rows_of_length_one() {
    let mut input = Input::random(13, 2100, 9, 8);
    let mut rng = rng(14);
    // Wider than the sums side by side, and of lengths that vary a lot.
    let mut rows = |rows: usize| -> Vec<Vec<f32>> {
        let row = |_| {
            let length = rng.random_range(0.01..100.0f32);
            (0..21).map(|_| rng.random_range(-1.0..1.0f32) * length).collect()
        };
        (0..rows).map(row).collect()
    };
    let (database, queries) = (rows(2100), rows(9));
    let vectors = |rows: &[Vec<f32>]| Vectors::new(rows.concat(), 21).unwrap();
    let at_length_one = |rows: &[Vec<f32>]| {
        let unit = |row: &Vec<f32>| {
            let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|&x| (f64::from(x) / norm) as f32).collect()
        };
        vectors(&rows.iter().map(unit).collect::<Vec<_>>())
    };
    let of = |ties, (database, queries): (Vectors, Vectors)| {
        let evaluation = CodesEvaluation {
            database_vectors: Some(&database),
            query_vectors: Some(&queries),
            ..input.evaluation(ties)
        };
        evaluate_codes(&evaluation, 2, &Cancel::default()).unwrap()
    };
    let cosine = of(Ties::Cosine, (vectors(&database), vectors(&queries)));
    assert_eq!(cosine, of(Ties::Float, (at_length_one(&database), at_length_one(&queries))));
    assert_ne!(cosine, of(Ties::Float, (vectors(&database), vectors(&queries))));
    input.database_vectors = vectors(&database);
    input.query_vectors = vectors(&queries);
    input.check(Ties::Cosine, |query, row| 1.0 - naive_cosine(&queries[query], &database[row]));
}

#[test]
fn without_ties_all_rules_agree() {
    // Distances 0 to 8 from the query, each once.
    let mut input = Input::random(3, 9, 1, 8);
    input.database = vec![0x07, 0xff, 0x00, 0x0f, 0x01, 0x7f, 0x03, 0x3f, 0x1f];
    input.queries = vec![0];
    let by = |ties| evaluate_codes(&input.evaluation(ties), 1, &Cancel::default()).unwrap().at;
    for (expected, id) in by(Ties::Expected).iter().zip(by(Ties::Id)) {
        let id_values =
            [id.mean_average_precision, id.precision, id.recall, id.neighbour_recall.unwrap()];
        assert_close(expected, id_values, "expected and id");
    }
    assert_eq!(by(Ties::Float), by(Ties::Id));
    assert_eq!(by(Ties::Cosine), by(Ties::Id));
}

#[test]
fn float_ties_tell_apart_what_float32_cannot() {
    // All at one distance, and the nearer the later.
    let rows = 300;
    let value = |row: usize| 1.0 + (rows - row) as f32 * f32::EPSILON;
    let mut input = Input::random(11, rows, 1, 8);
    input.database = vec![3; rows];
    // Beside 4096² they differ by less than float32 has digits for, and by more than float64.
    let values = (0..rows).flat_map(|row| [4096.0, value(row)]).collect();
    input.database_vectors = Vectors::new(values, 2).unwrap();
    input.query_vectors = Vectors::new(vec![0.0, 0.0], 2).unwrap();
    input.check(Ties::Float, |_, row| 4096.0f64.powi(2) + f64::from(value(row)).powi(2));
}
