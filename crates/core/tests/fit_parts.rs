//! Fits part by part: what comes of them is what comes of fits at once.

mod support;

use std::sync::Arc;

use h2q_core::fit::{Criterion, FitOptions, FitSession, Method, Objective};
use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;

/// One thread: with more of them parts are as long as they take.
fn options() -> FitOptions {
    let loss = Some(Objective::Neighbours);
    FitOptions { bits: Some(16), loss, epochs: Some(3), threads: Some(1), ..FitOptions::default() }
}

fn session(options: &FitOptions) -> FitSession {
    let all = support::fixture("fashion32-train.npy", 32);
    let rows: Arc<Vectors> = Arc::new(all.select(&(0..1_500).collect::<Vec<_>>()));
    FitSession::new(rows, None, options).expect("valid options")
}

fn at_once(options: &FitOptions) -> Model {
    let mut session = session(options);
    session.step(usize::MAX, &Cancel::default()).expect("epochs");
    session.finish().expect("a model")
}

/// How often `part` is asked until it says that it is over.
fn parts(mut part: impl FnMut() -> bool) -> usize {
    (1..).find(|_| part()).expect("an end")
}

fn steps(session: &mut FitSession) -> usize {
    let never = Cancel::default();
    parts(|| {
        session.step_part(&never).expect("a part");
        session.done()
    })
}

#[test]
fn parts_come_to_what_all_at_once_comes_to() {
    let neighbours = Some(Criterion::Neighbours);
    for options in [
        options(),
        FitOptions { threads: Some(2), ..options() },
        FitOptions { method: None, loss: None, criterion: neighbours, ..options() },
        FitOptions { loss: None, ..options() },
        FitOptions { loss: None, method: Some(Method::Random), epochs: None, ..options() },
    ] {
        let mut session = session(&options);
        let never = Cancel::default();
        let prepared = parts(|| session.prepare_part(&never).expect("a part"));
        let stepped = if session.done() { 0 } else { steps(&mut session) };
        let mut model = None;
        parts(|| {
            model = session.finish_part().expect("a part");
            model.is_some()
        });
        let fingerprint = model.map(|model| model.fingerprint());
        assert_eq!(fingerprint, Some(at_once(&options).fingerprint()), "{options:?}");
        if options.threads == Some(1) && options.loss == Some(Objective::Neighbours) {
            // The last has the choice among seven projections.
            assert!(prepared > 50 && stepped > 3 * 21 + 7 * 4, "{prepared} and {stepped} parts");
        }
    }
}

#[test]
fn a_model_in_the_middle_of_an_epoch_changes_nothing() {
    let never = Cancel::default();
    let mut session = session(&options());
    session.prepare(&never).expect("a start");
    for _ in 0..2 {
        for _ in 0..30 {
            session.step_part(&never).expect("a part");
        }
        // A choice that is under way, and one that is made.
        assert!(session.finish_part().expect("a part").is_none());
        session.step_part(&never).expect("a part");
        session.finish().expect("a model");
    }
    steps(&mut session);
    let model = session.finish().expect("a model");
    assert_eq!(model.fingerprint(), at_once(&options()).fingerprint());
}

#[test]
fn what_is_kept_of_a_fit_that_is_ended_is_chosen_once() {
    let mut session = session(&options());
    session.step(1, &Cancel::default()).expect("an epoch");
    session.end_method();
    let mut chosen = || parts(|| session.finish_part().expect("a part").is_some());
    let first = chosen();
    assert!(first > 7 * 4, "{first} parts");
    assert_eq!(chosen(), 1);
}

#[test]
fn a_preparation_that_was_cancelled_begins_anew() {
    let mut session = session(&options());
    let cancel = Cancel::default();
    (0..20).for_each(|_| assert!(!session.prepare_part(&cancel).expect("a part")));
    cancel.cancel();
    assert_eq!(session.prepare_part(&cancel).expect_err("cancelled").code(), "ABORTED");
    session.step(usize::MAX, &Cancel::default()).expect("epochs");
    let model = session.finish().expect("a model");
    assert_eq!(model.fingerprint(), at_once(&options()).fingerprint());
}
