//! Hamming rankings whose ties are settled, against naive sorting; threads, cancelling, errors.

mod evaluate_naive;

use evaluate_naive::*;
use h2q_core::error::Error;
use h2q_core::evaluate::{CodesEvaluation, Labels, Ties, evaluate_codes};
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;
use rand::RngExt;

/// Everything an evaluation borrows.
struct Input {
    bits: usize,
    database: Vec<u8>,
    queries: Vec<u8>,
    database_labels: Labels,
    query_labels: Labels,
    neighbours: Vec<u32>,
    at: Vec<usize>,
    database_vectors: Vectors,
    query_vectors: Vectors,
}

impl Input {
    fn random(seed: u64, rows: usize, queries: usize, bits: usize) -> Self {
        let mut rng = rng(seed);
        // Coarse values give equal Euclidean distances too.
        let mut coarse = |rows: usize| {
            let values = (0..rows * 3).map(|_| rng.random_range(-2..=2) as f32).collect();
            Vectors::new(values, 3).unwrap()
        };
        let (database_vectors, query_vectors) = (coarse(rows), coarse(queries));
        Self {
            bits,
            database: random_codes(&mut rng, rows, bits),
            queries: random_codes(&mut rng, queries, bits),
            database_labels: single(&random_labels(&mut rng, rows, 4)),
            // Label 4 occurs in no database row.
            query_labels: single(&random_labels(&mut rng, queries, 5)),
            neighbours: random_neighbours(&mut rng, queries, rows, rows.min(5)),
            at: vec![rows * 2, 1, rows, rows / 3 + 1, 7],
            database_vectors,
            query_vectors,
        }
    }

    fn evaluation(&self, ties: Ties) -> CodesEvaluation<'_> {
        CodesEvaluation {
            bits: self.bits,
            database_codes: &self.database,
            query_codes: &self.queries,
            database_labels: &self.database_labels,
            query_labels: &self.query_labels,
            neighbours: &self.neighbours,
            at: &self.at,
            ties,
            database_vectors: Some(&self.database_vectors),
            query_vectors: Some(&self.query_vectors),
        }
    }

    /// Compares with a full sort by (Hamming distance, `tie_break`, row).
    fn check(&self, ties: Ties, tie_break: impl Fn(usize, usize) -> f64) {
        let actual = evaluate_codes(&self.evaluation(ties), 2, &Cancel::default()).unwrap();
        let bytes = self.bits / 8;
        let rows = self.database.len() / bytes;
        let count = rows.min(5);
        assert_eq!(actual.len(), self.at.len());
        for (actual, &n) in actual.iter().zip(&self.at) {
            assert_eq!(actual.at, n);
            let mut each = Vec::new();
            for (query, code) in self.queries.chunks(bytes).enumerate() {
                let distance = |row: usize| hamming(code, &self.database[row * bytes..][..bytes]);
                let mut ranking: Vec<_> = (0..rows).collect();
                ranking.sort_by(|&a, &b| {
                    let ties = tie_break(query, a).total_cmp(&tie_break(query, b));
                    distance(a).cmp(&distance(b)).then(ties).then(a.cmp(&b))
                });
                let is_relevant =
                    |row| self.query_labels.is_relevant(query, &self.database_labels, row);
                let relevant: Vec<_> = (0..rows).map(is_relevant).collect();
                let neighbours = &self.neighbours[query * count..][..count];
                each.push(metrics(&ranking, &relevant, neighbours, n));
            }
            assert_close(
                actual,
                mean(&each),
                &format!("{rows} rows, {} bits, {ties:?}", self.bits),
            );
        }
    }
}

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
fn without_ties_all_rules_agree() {
    // Distances 0 to 8 from the query, each once.
    let mut input = Input::random(3, 9, 1, 8);
    input.database = vec![0x07, 0xff, 0x00, 0x0f, 0x01, 0x7f, 0x03, 0x3f, 0x1f];
    input.queries = vec![0];
    let by = |ties| evaluate_codes(&input.evaluation(ties), 1, &Cancel::default()).unwrap();
    for (expected, id) in by(Ties::Expected).iter().zip(by(Ties::Id)) {
        let id_values =
            [id.mean_average_precision, id.precision, id.recall, id.neighbour_recall.unwrap()];
        assert_close(expected, id_values, "expected and id");
    }
    assert_eq!(by(Ties::Float), by(Ties::Id));
}

#[test]
fn a_small_ranking_by_hand() {
    // Ranked 2, 0, 1 (distances 0, 1, 8); rows 2 and 1 are relevant; row 0 is the neighbour.
    let input = Input {
        database: vec![1, 255, 0],
        queries: vec![0],
        database_labels: single(&[5, -3, -3]),
        query_labels: single(&[-3]),
        neighbours: vec![0],
        at: vec![1, 2, 3],
        ..Input::random(0, 3, 1, 8)
    };
    let actual = evaluate_codes(&input.evaluation(Ties::Id), 1, &Cancel::default()).unwrap();
    assert_close(&actual[0], [1.0, 1.0, 0.5, 0.0], "at 1");
    assert_close(&actual[1], [1.0, 0.5, 0.5, 1.0], "at 2");
    assert_close(&actual[2], [(1.0 + 2.0 / 3.0) / 2.0, 2.0 / 3.0, 1.0, 1.0], "at 3");
}

#[test]
fn a_query_without_relevant_rows_counts_as_zero() {
    let mut input = Input::random(4, 50, 2, 8);
    input.database_labels = single(&[1; 50]);
    input.query_labels = single(&[1, 2]);
    for ties in [Ties::Expected, Ties::Float, Ties::Id] {
        let actual = evaluate_codes(&input.evaluation(ties), 1, &Cancel::default()).unwrap();
        for (n, metrics) in input.at.iter().zip(actual) {
            let recall = (*n).min(50) as f64 / 50.0 / 2.0;
            let neighbours = metrics.neighbour_recall.unwrap();
            assert_close(&metrics, [0.5, 0.5, recall, neighbours], "half of the queries");
        }
    }
}

#[test]
fn labels_may_share_classes() {
    let mut input = Input::random(5, 300, 9, 8);
    let mut rng = rng(6);
    for classes in [3, 64, 65, 130] {
        let mut bytes = |rows| -> Vec<u8> {
            (0..rows * classes).map(|_| u8::from(rng.random_bool(0.7 / classes as f64))).collect()
        };
        input.database_labels = Labels::multi("database labels", &bytes(300), classes).unwrap();
        input.query_labels = Labels::multi("query labels", &bytes(9), classes).unwrap();
        input.check(Ties::Id, |_, _| 0.0);
    }
}

#[test]
fn threads_do_not_change_metrics() {
    for ties in [Ties::Expected, Ties::Float, Ties::Id] {
        let input = Input::random(7, 3000, 41, 16);
        let with =
            |threads| evaluate_codes(&input.evaluation(ties), threads, &Cancel::default()).unwrap();
        let one = with(1);
        assert!(one.iter().all(|metrics| metrics.precision > 0.0));
        assert!([2, 3, 8].into_iter().all(|threads| with(threads) == one), "{ties:?}");
    }
}

#[test]
fn no_neighbours_give_no_neighbour_recall() {
    let input = Input { neighbours: vec![], ..Input::random(8, 20, 3, 8) };
    for ties in [Ties::Expected, Ties::Id] {
        let actual = evaluate_codes(&input.evaluation(ties), 1, &Cancel::default()).unwrap();
        assert!(actual.iter().all(|metrics| metrics.neighbour_recall.is_none()));
    }
}

#[test]
fn a_cancelled_evaluation_aborts() {
    let cancel = Cancel::default();
    cancel.cancel();
    let input = Input::random(9, 20, 3, 8);
    assert_eq!(evaluate_codes(&input.evaluation(Ties::Id), 1, &cancel), Err(Error::Aborted.into()));
}

#[test]
fn bad_input_names_the_culprit() {
    let good = Input::random(10, 20, 3, 8);
    let fails = |evaluation: CodesEvaluation, code: &str, culprit: &str| {
        let error = evaluate_codes(&evaluation, 1, &Cancel::default()).unwrap_err();
        let message = error.to_string();
        assert!(error.code() == code && message.contains(culprit), "{code}, {culprit}: {message}");
    };
    let id = good.evaluation(Ties::Id);
    let float = good.evaluation(Ties::Float);
    let many = single(&[1; 21]);
    let multi = |rows, classes| Labels::multi("labels", &vec![1; rows * classes], classes).unwrap();
    let (wide, short) = (random_vectors(&mut rng(1), 3, 4), random_vectors(&mut rng(1), 2, 3));

    for bits in [0, 7] {
        fails(CodesEvaluation { bits, ..id }, "INVALID_OPTION", "bits");
    }
    fails(CodesEvaluation { database_codes: &[], ..id }, "EMPTY_INPUT", "database codes");
    fails(CodesEvaluation { query_codes: &[], ..id }, "EMPTY_INPUT", "query codes");
    fails(CodesEvaluation { bits: 16, ..id }, "MISMATCH", "query codes");
    fails(
        CodesEvaluation { bits: 24, query_codes: &[0; 6], ..id },
        "MISMATCH",
        "bytes of the database codes",
    );
    fails(CodesEvaluation { database_labels: &many, ..id }, "MISMATCH", "database labels");
    fails(CodesEvaluation { query_labels: &many, ..id }, "MISMATCH", "query labels");
    fails(CodesEvaluation { query_labels: &multi(3, 2), ..id }, "INVALID_OPTION", "query labels");
    fails(
        CodesEvaluation { database_labels: &multi(20, 5), query_labels: &multi(3, 4), ..id },
        "MISMATCH",
        "classes of the query labels: expected 5, got 4",
    );
    fails(CodesEvaluation { at: &[], ..id }, "INVALID_OPTION", "at");
    fails(CodesEvaluation { at: &[5, 0], ..id }, "INVALID_OPTION", "at: [5, 0]");
    fails(CodesEvaluation { neighbours: &[1, 2, 3, 4], ..id }, "MISMATCH", "neighbours");
    fails(CodesEvaluation { neighbours: &[1, 2], ..id }, "MISMATCH", "neighbours");
    fails(
        CodesEvaluation { neighbours: &[1, 20, 3], ..id },
        "INVALID_OPTION",
        "neighbours: row 20 for query 1",
    );
    fails(
        CodesEvaluation { neighbours: &[1, 2, 3, 4, 5, 5], ..id },
        "INVALID_OPTION",
        "neighbours: row 5 twice for query 2",
    );
    fails(
        CodesEvaluation { database_vectors: None, ..float },
        "INVALID_OPTION",
        "database vectors",
    );
    fails(CodesEvaluation { query_vectors: None, ..float }, "INVALID_OPTION", "query vectors");
    fails(CodesEvaluation { query_vectors: Some(&wide), ..float }, "MISMATCH", "columns");
    fails(CodesEvaluation { query_vectors: Some(&short), ..float }, "MISMATCH", "query vectors");
    fails(
        CodesEvaluation { database_vectors: Some(&short), ..float },
        "MISMATCH",
        "database vectors",
    );
}
