//! Choosing among methods: what is reported is what is measured, and the best of it wins.

mod support;

use std::sync::Arc;

use h2q_core::codes::Layout;
use h2q_core::error::Error;
use h2q_core::evaluate::{
    AveragePrecision, CodesEvaluation, Labels, Ties, evaluate_codes, neighbours,
};
use h2q_core::fit::{
    Candidate, Criterion, FitLabels, FitOptions, FitSession, Method, Objective, SolverName,
};
use h2q_core::losses::Loss;
use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;

const CRITERIA: [Criterion; 3] = [Criterion::Loss, Criterion::Neighbours, Criterion::Labels];

fn fashion() -> (Arc<Vectors>, Arc<Vectors>) {
    let load = |name| Arc::new(support::fixture(name, 32));
    (load("fashion32-train.npy"), load("fashion32-validation.npy"))
}

/// Labels that the vectors decide: the quadrant of their first coordinates.
fn quadrants(name: &str, vectors: &Vectors) -> Labels {
    let quadrant = |row: usize| {
        let row = vectors.row(row);
        i64::from(row[0] > 0.0) + 2 * i64::from(row[1] > 0.0)
    };
    Labels::single(name, (0..vectors.rows()).map(quadrant).collect()).expect("rows")
}

fn labels_of(train: &Vectors, validation: Option<&Vectors>) -> FitLabels {
    FitLabels {
        vectors: quadrants("labels", train),
        validation: validation.map(|vectors| quadrants("validation labels", vectors)),
    }
}

fn choose(
    train: &Arc<Vectors>,
    validation: Option<&Arc<Vectors>>,
    options: &FitOptions,
) -> (Model, Vec<Candidate>) {
    let labels = labels_of(train, validation.map(|vectors| &**vectors));
    let mut session =
        FitSession::labelled(train.clone(), validation.cloned(), Some(labels), options)
            .expect("valid options");
    session.step(usize::MAX, &Cancel::default()).expect("epochs");
    (session.finish().expect("a model"), session.candidates().to_vec())
}

fn score(candidate: &Candidate, criterion: Criterion) -> f64 {
    match criterion {
        Criterion::Loss => -candidate.validation_loss,
        Criterion::Neighbours => candidate.neighbour_recall,
        Criterion::Labels => candidate.label_precision.expect("labels were given"),
    }
}

#[test]
fn the_best_of_all_methods_wins_by_every_criterion() {
    let (train, validation) = fashion();
    let mut itq_wins = 0;
    for criterion in CRITERIA {
        // One step of sgd at a tiny rate is behind ITQ by nearly everything.
        let lame = FitOptions {
            solver: Some(SolverName::Sgd),
            learning_rate: Some(1e-6),
            ..FitOptions::default()
        };
        let cases = [
            (32, Loss::BitVariance, FitOptions::default()),
            (16, Loss::L2, FitOptions::default()),
            (32, Loss::BitVariance, lame),
        ];
        for (bits, loss, others) in cases {
            let options = FitOptions {
                criterion: Some(criterion),
                bits: Some(bits),
                loss: Some(loss.into()),
                ..others
            };
            let (model, candidates) = choose(&train, Some(&validation), &options);
            let methods: Vec<_> = candidates.iter().map(|candidate| candidate.method).collect();
            // By neighbours there is one more.
            let more = usize::from(criterion == Criterion::Neighbours);
            assert_eq!(methods[..4], Method::ALL);
            assert_eq!(methods[4..], [Method::H2q][..more]);
            let won = (model.summary().method, model.summary().loss);
            let winner = candidates
                .iter()
                .find(|candidate| (candidate.method, candidate.objective) == won)
                .expect("the winner is one of them");
            for candidate in &candidates {
                assert!(score(winner, criterion) >= score(candidate, criterion), "{candidates:?}");
            }
            if winner.objective != Objective::Neighbours {
                // Of the loss asked for, also where ITQ wins, which minimises another.
                assert_eq!(model.summary().loss, loss.into());
                assert_eq!(model.summary().validation_loss, winner.validation_loss);
            }
            itq_wins += u32::from(winner.method == Method::Itq);
            assert!(candidates.iter().all(|candidate| candidate.seconds > 0.0), "{candidates:?}");
        }
    }
    assert!(itq_wins > 0, "ITQ never won, so that its losses were not looked at");
}

#[test]
fn scores_are_those_of_the_evaluation_and_models_those_of_each_method_alone() {
    let (train, validation) = fashion();
    let cancel = Cancel::default();
    let options =
        FitOptions { criterion: Some(Criterion::Labels), bits: Some(16), ..FitOptions::default() };
    let (_, candidates) = choose(&train, Some(&validation), &options);
    let nearest = neighbours(&train, &validation, 10, 0, &cancel).expect("neighbours");
    for candidate in candidates {
        let alone =
            FitOptions { method: Some(candidate.method), criterion: None, ..options.clone() };
        let mut session =
            FitSession::new(train.clone(), Some(validation.clone()), &alone).expect("options");
        session.step(usize::MAX, &cancel).expect("epochs");
        let model = session.finish().expect("a model");
        let codes = |vectors| model.encode(vectors, Layout::Lsb, 0, &cancel).expect("codes");
        let (database, queries) = (codes(&train), codes(&validation));
        let labels = labels_of(&train, Some(&validation));
        let evaluation = CodesEvaluation {
            bits: 16,
            database_codes: database.as_bytes(),
            query_codes: queries.as_bytes(),
            database_labels: &labels.vectors,
            query_labels: labels.validation.as_ref().expect("labels"),
            neighbours: &nearest,
            at: &[100],
            ties: Ties::Expected,
            average_precision: AveragePrecision::Retrieved,
            database_vectors: None,
            query_vectors: None,
        };
        let metrics = evaluate_codes(&evaluation, 0, &cancel).expect("metrics").at[0];
        assert_eq!(candidate.label_precision, Some(metrics.precision), "{candidate:?}");
        assert_eq!(Some(candidate.neighbour_recall), metrics.neighbour_recall);
        // ITQ alone reports l2, which it minimises.
        if candidate.method != Method::Itq {
            assert_eq!(candidate.validation_loss, model.summary().validation_loss);
        }
    }
}

#[test]
fn threads_change_nothing_and_rows_are_held_out_by_default() {
    let rows = Arc::new(support::vectors(3000, 16, 4));
    let with = |threads| {
        let options = FitOptions {
            criterion: Some(Criterion::Neighbours),
            threads: Some(threads),
            ..FitOptions::default()
        };
        let (model, mut candidates) = choose(&rows, None, &options);
        candidates.iter_mut().for_each(|candidate| candidate.seconds = 0.0);
        (model.fingerprint(), candidates)
    };
    let reference = with(1);
    assert_eq!(with(2), reference);
    assert_eq!(with(7), reference);
    // Random numbers have no structure: were the queries in the database, each would find itself.
    assert!(reference.1.iter().all(|candidate| candidate.neighbour_recall < 0.9), "{reference:?}");
}

#[test]
fn equal_scores_go_to_the_lower_loss() {
    // So few rows that every ranking retrieves all of them.
    let rows = Arc::new(support::vectors(9, 8, 4));
    let criterion = Some(Criterion::Neighbours);
    let (model, candidates) =
        choose(&rows, None, &FitOptions { criterion, ..FitOptions::default() });
    assert!(candidates.iter().all(|candidate| candidate.neighbour_recall == 1.0));
    let lowest = candidates.iter().map(|c| c.validation_loss).fold(f64::INFINITY, f64::min);
    assert_eq!(model.summary().validation_loss, lowest);
}

#[test]
fn labels_and_methods_that_do_not_fit_are_refused_before_any_work() {
    let (rows, other) =
        (Arc::new(support::vectors(40, 8, 1)), Arc::new(support::vectors(20, 8, 2)));
    let with = |criterion| FitOptions { criterion, ..FitOptions::default() };
    let refused = |validation: Option<&Arc<Vectors>>, labels, options: &FitOptions| {
        FitSession::labelled(rows.clone(), validation.cloned(), labels, options)
            .err()
            .expect("a refusal")
            .to_string()
    };
    let labelled = |held_out: Option<&Vectors>| Some(labels_of(&rows, held_out));
    let by_labels = with(Some(Criterion::Labels));

    assert!(refused(None, None, &by_labels).starts_with("criterion: labels were chosen but none"));
    assert!(refused(None, labelled(None), &with(None)).starts_with("labels: only a criterion"));
    let with_validation = refused(Some(&other), labelled(None), &by_labels);
    assert!(with_validation.starts_with("validationLabels: needed where both"));
    let without = refused(None, labelled(Some(&other)), &by_labels);
    assert!(without.starts_with("validationLabels: only validation vectors use them"));
    let short = FitLabels { vectors: quadrants("labels", &other), validation: None };
    let short = refused(None, Some(short), &by_labels);
    assert_eq!(short, "rows of the labels: expected 40, got 20");
    let multi = |rows: usize, classes: usize| {
        Labels::multi("labels", &vec![1; rows * classes], classes).expect("classes")
    };
    let other_kind = FitLabels { vectors: multi(40, 3), ..labels_of(&rows, Some(&other)) };
    let other_kind = refused(Some(&other), Some(other_kind), &by_labels);
    assert!(other_kind.starts_with("validationLabels: one label per row is not the kind"));
    let classes = FitLabels { vectors: multi(40, 3), validation: Some(multi(20, 2)) };
    let classes = refused(Some(&other), Some(classes), &by_labels);
    assert_eq!(classes, "classes of the validationLabels: expected 3, got 2");
    let method = FitOptions { method: Some(Method::Itq), ..by_labels.clone() };
    assert!(refused(None, labelled(None), &method).starts_with("method: itq"));
}

#[test]
fn a_method_can_be_ended_early_and_an_error_leaves_the_best_before() {
    let rows = Arc::new(support::vectors(500, 16, 3));
    let cancel = Cancel::default();
    let criterion = Some(Criterion::Loss);
    let options = FitOptions { criterion, ..FitOptions::default() };
    let mut session = FitSession::new(rows, None, &options).expect("options");
    assert_eq!(session.planned_epochs(), 250, "50 of ITQ and 200 of H²Q");
    let first = session.step(1, &cancel).expect("an epoch");
    assert_eq!(first[0].method, Method::Itq);
    assert_eq!(session.planned_epochs(), 250);
    session.end_method();
    assert_eq!(session.planned_epochs(), 201, "ITQ has run one and will run no more");
    let next = session.step(1, &cancel).expect("an epoch");
    assert_eq!((next[0].method, next[0].epoch), (Method::H2q, 1));

    cancel.cancel();
    assert_eq!(*session.step(1, &cancel).expect_err("an abort"), Error::Aborted);
    assert!(session.done());
    let best = session.finish().expect("a model").summary().method;
    assert!(best != Method::H2q && session.candidates().len() == 3);
}
