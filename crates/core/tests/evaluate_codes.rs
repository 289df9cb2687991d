//! Hamming rankings by hand; labels, threads, cancelling, errors.

mod evaluate_naive;

use evaluate_naive::input::Input;
use evaluate_naive::*;
use h2q_core::error::Error;
use h2q_core::evaluate::{AveragePrecision, CodesEvaluation, Labels, Ties, evaluate_codes};
use h2q_core::parallel::Cancel;
use rand::RngExt;

const RULES: [Ties; 4] = [Ties::Expected, Ties::Float, Ties::Cosine, Ties::Id];

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
    let actual = evaluate_codes(&input.evaluation(Ties::Id), 1, &Cancel::default()).unwrap().at;
    assert_close(&actual[0], [1.0, 1.0, 0.5, 0.0], "at 1");
    assert_close(&actual[1], [1.0, 0.5, 0.5, 1.0], "at 2");
    assert_close(&actual[2], [(1.0 + 2.0 / 3.0) / 2.0, 2.0 / 3.0, 1.0, 1.0], "at 3");
}

#[test]
fn average_precision_is_normalised_by_name() {
    // Ranked 0, 1, 2, 3 (distances 0 to 3); rows 0, 2 and 3 are relevant.
    let input = Input {
        database: vec![0, 1, 3, 7],
        queries: vec![0],
        database_labels: single(&[1, 2, 1, 1]),
        query_labels: single(&[1]),
        neighbours: vec![],
        at: vec![1, 2, 3, 4],
        ..Input::random(0, 4, 1, 8)
    };
    for ties in RULES {
        let of = |average_precision| {
            let evaluation = CodesEvaluation { average_precision, ..input.evaluation(ties) };
            let metrics = evaluate_codes(&evaluation, 1, &Cancel::default()).unwrap().at;
            metrics.iter().map(|m| m.mean_average_precision).collect::<Vec<_>>()
        };
        let (third, fourth) = (2.0 / 3.0, 3.0 / 4.0);
        let close = |actual: Vec<f64>, expected: [f64; 4]| {
            let differences = actual.iter().zip(expected).map(|(a, e)| (a - e).abs());
            assert!(differences.fold(0.0, f64::max) < 1e-12, "{actual:?}, not {expected:?}");
        };
        let all = (1.0 + third + fourth) / 3.0;
        close(of(AveragePrecision::Retrieved), [1.0, 1.0, (1.0 + third) / 2.0, all]);
        close(of(AveragePrecision::All), [1.0 / 3.0, 1.0 / 3.0, (1.0 + third) / 3.0, all]);
        close(of(AveragePrecision::Possible), [1.0, 0.5, (1.0 + third) / 3.0, all]);
    }
}

#[test]
fn a_lookup_by_hand() {
    // Query 0 finds row 0 at distance 0 and row 1 at 1; query 255 finds nothing before row 2 at 3.
    let input = Input {
        database: vec![0, 1, 31],
        queries: vec![0, 255],
        database_labels: single(&[4, 9, 4]),
        query_labels: single(&[4, 4]),
        neighbours: vec![0, 2],
        at: vec![3],
        ..Input::random(0, 3, 2, 8)
    };
    let evaluation = input.evaluation(Ties::Id);
    let within = evaluate_codes(&evaluation, 1, &Cancel::default()).unwrap().within;
    let values = |radius: usize| {
        let m = within[radius];
        [
            [m.precision, m.pooled_precision, m.recall, m.pooled_recall],
            [m.neighbour_recall.unwrap(), m.answered, m.hits, m.radius as f64],
        ]
    };
    assert_eq!(values(0), [[0.5, 1.0, 0.25, 0.25], [0.5, 0.5, 0.5, 0.0]]);
    assert_eq!(values(2), [[0.25, 0.5, 0.25, 0.25], [0.5, 0.5, 1.0, 2.0]]);
    assert_eq!(values(3), [[0.75, 2.0 / 3.0, 0.5, 0.5], [1.0, 1.0, 1.5, 3.0]]);
    assert_eq!(values(8), [[2.0 / 3.0, 2.0 / 3.0, 1.0, 1.0], [1.0, 1.0, 3.0, 8.0]]);
}

#[test]
fn a_query_without_relevant_rows_counts_as_zero() {
    let mut input = Input::random(4, 50, 2, 8);
    input.database_labels = single(&[1; 50]);
    input.query_labels = single(&[1, 2]);
    for ties in RULES {
        let actual = evaluate_codes(&input.evaluation(ties), 1, &Cancel::default()).unwrap().at;
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
    for ties in RULES {
        let input = Input::random(7, 3000, 41, 16);
        let with =
            |threads| evaluate_codes(&input.evaluation(ties), threads, &Cancel::default()).unwrap();
        let one = with(1);
        assert!(one.at.iter().all(|metrics| metrics.precision > 0.0));
        assert!([2, 3, 8].into_iter().all(|threads| with(threads) == one), "{ties:?}");
    }
}

#[test]
fn other_cutoffs_do_not_change_metrics() {
    for ties in RULES {
        let input = Input::random(12, 900, 5, 16);
        let at = |at: &[usize]| {
            let evaluation = CodesEvaluation { at, ..input.evaluation(ties) };
            evaluate_codes(&evaluation, 1, &Cancel::default()).unwrap().at
        };
        let all = at(&[900, 400, 77, 3]);
        assert_eq!(all, [at(&[900]), at(&[400]), at(&[77]), at(&[3])].concat(), "{ties:?}");
    }
}

#[test]
fn no_neighbours_give_no_neighbour_recall() {
    let input = Input { neighbours: vec![], ..Input::random(8, 20, 3, 8) };
    for ties in [Ties::Expected, Ties::Id] {
        let actual = evaluate_codes(&input.evaluation(ties), 1, &Cancel::default()).unwrap().at;
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
    let cosine = good.evaluation(Ties::Cosine);
    fails(CodesEvaluation { query_vectors: None, ..cosine }, "INVALID_OPTION", "`cosine`");
    fails(CodesEvaluation { query_vectors: None, ..float }, "INVALID_OPTION", "query vectors");
    fails(CodesEvaluation { query_vectors: Some(&wide), ..float }, "MISMATCH", "columns");
    fails(CodesEvaluation { query_vectors: Some(&short), ..float }, "MISMATCH", "query vectors");
    fails(
        CodesEvaluation { database_vectors: Some(&short), ..float },
        "MISMATCH",
        "database vectors",
    );
}
