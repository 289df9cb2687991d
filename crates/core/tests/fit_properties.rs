//! What holds for every fit: sameness, monotone decrease, hard inputs, clear refusals.

mod support;

use std::sync::Arc;

use h2q_core::error::{Error, Result};
use h2q_core::fit::{
    Criterion, EpochReport, FitOptions, FitSession, Method, Objective, SolverName,
};
use h2q_core::linalg::orthogonality_error;
use h2q_core::losses::Loss;
use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;

fn run(rows: &Vectors, options: &FitOptions) -> Result<(Model, Vec<EpochReport>)> {
    let mut session = FitSession::new(Arc::new(rows.clone()), None, options)?;
    let reports = session.step(usize::MAX, &Cancel::default())?;
    Ok((session.finish()?, reports))
}

fn fit(rows: &Vectors, options: &FitOptions) -> (Model, Vec<EpochReport>) {
    run(rows, options).expect("a fit")
}

/// Each method and solver, and the best of them, with few epochs.
fn kinds() -> Vec<FitOptions> {
    let options = FitOptions { epochs: Some(8), ..FitOptions::default() };
    let mut kinds: Vec<FitOptions> = [Method::Itq, Method::Random, Method::Identity]
        .map(|method| FitOptions { method: Some(method), ..options.clone() })
        .into();
    for solver in [SolverName::Auto, SolverName::Sgd] {
        for loss in Loss::ALL {
            let (solver, loss) = (Some(solver), Some(loss.into()));
            kinds.push(FitOptions { solver, loss, ..options.clone() });
        }
    }
    let (loss, epochs) = (Some(Objective::Neighbours), Some(2));
    kinds.push(FitOptions { loss, epochs, ..options.clone() });
    kinds.push(FitOptions { criterion: Some(Criterion::Neighbours), epochs, ..options });
    kinds
}

/// The model without its time.
fn content(model: &Model) -> ([u8; 16], f64, f64) {
    (model.fingerprint(), model.summary().train_loss, model.summary().validation_loss)
}

#[test]
fn threads_change_no_bit_and_seeds_repeat() {
    let rows = support::vectors(6000, 24, 1);
    for kind in kinds() {
        for bits in [24, 16] {
            let with = |threads, seed| {
                let bits = Some(bits);
                let options =
                    FitOptions { bits, threads: Some(threads), seed: Some(seed), ..kind.clone() };
                content(&fit(&rows, &options).0)
            };
            let reference = with(1, 5);
            for threads in [0, 2, 3, 7] {
                assert_eq!(with(threads, 5), reference, "{kind:?}, {threads} threads");
            }
            // Another seed draws another validation split.
            assert_ne!(with(1, 6).2, reference.2, "{kind:?}");
        }
    }
}

#[test]
fn operations_are_counted_the_same_for_any_threads_and_grow_with_the_work() {
    let reports = |rows, kind: &FitOptions, threads| {
        let options = FitOptions { threads: Some(threads), ..kind.clone() };
        fit(&support::vectors(rows, 24, 1), &options).1
    };
    let flops = |reports: &[EpochReport]| -> Vec<Option<f64>> {
        reports.iter().map(|report| report.flops).collect()
    };
    let sgd =
        FitOptions { solver: Some(SolverName::Sgd), epochs: Some(2), ..FitOptions::default() };
    assert_eq!(flops(&reports(500, &sgd, 1)), [None, None]);

    let itq = FitOptions { method: Some(Method::Itq), ..FitOptions::default() };
    let counted = flops(&reports(6000, &itq, 1));
    assert_eq!(counted, flops(&reports(6000, &itq, 3)));
    // Two products of 5,400 rows per step and one of 600 rows that judge, and polar steps of 24 x 24.
    let pass = 2.0 * 24.0 * 24.0 * (2.0 * 5400.0 + 600.0);
    for pair in counted.windows(2) {
        let step = pair[1].zip(pair[0]).map_or(0.0, |(after, before)| after - before);
        let polar = (step - pass) / (2.0 * 24.0 * 24.0 * 24.0);
        // Of symmetric products one half with the diagonal, 300 of 576 entries.
        let rounds = polar / (1.0 + 2.0 * 300.0 / 576.0);
        let near = (rounds - rounds.round()).abs() < 1e-6;
        assert!((2.0..=20.0).contains(&rounds) && near, "{polar} products");
    }
    // Trials of starts are part of the first epoch of `auto`.
    let auto = flops(&reports(6000, &FitOptions::default(), 1));
    let [Some(first), Some(second)] = auto[..2] else { panic!("{auto:?}") };
    assert!(first > 4.0 * (second - first), "{auto:?}");
}

#[test]
fn stepping_does_not_change_the_result() {
    let rows = support::vectors(500, 16, 2);
    for kind in kinds() {
        let whole = content(&fit(&rows, &kind).0);
        let mut session =
            FitSession::new(Arc::new(rows.clone()), None, &kind).expect("valid options");
        session.prepare(&Cancel::default()).expect("preparation");
        while !session.done() {
            let reports = session.step(1, &Cancel::default()).expect("a step");
            // The last method ends with its judgement instead of an epoch.
            assert!(reports.len() == 1 || (kind.criterion.is_some() && session.done()));
        }
        assert_eq!(session.step(1, &Cancel::default()).expect("nothing left"), []);
        assert_eq!(content(&session.finish().expect("a model")), whole, "{kind:?}");
    }
}

#[test]
fn auto_never_raises_the_bit_variance_and_itq_never_l2() {
    let rows = support::fixture("fashion32-train.npy", 32);
    let auto =
        |bits, seed| FitOptions { bits: Some(bits), seed: Some(seed), ..FitOptions::default() };
    let itq = FitOptions { method: Some(Method::Itq), ..FitOptions::default() };
    for options in [auto(32, 0), auto(32, 1), auto(16, 2), itq] {
        let (_, reports) = fit(&rows, &options);
        assert!(reports.len() >= 4, "{} epochs", reports.len());
        for pair in reports.windows(2) {
            let bound = pair[0].train_loss * (1.0 + 1e-6);
            assert!(pair[1].train_loss <= bound, "epoch {}: {pair:?}", pair[1].epoch);
        }
    }
}

#[test]
fn kept_model_has_the_lowest_validation_loss() {
    let rows = support::vectors(400, 16, 3);
    for kind in kinds() {
        let (model, reports) = fit(&rows, &kind);
        let (method, loss) = (model.summary().method, model.summary().loss);
        let own = reports.iter().filter(|r| r.method == method && r.objective == loss);
        assert!(kind.criterion.is_none() || model.summary().method != Method::Itq, "other losses");
        let lowest = own.clone().map(|r| r.validation_loss).fold(f64::INFINITY, f64::min);
        // By neighbours, a start that keeps more of them may have a higher loss.
        let is_kept = loss == Objective::Neighbours || model.summary().validation_loss <= lowest;
        assert!(is_kept, "{kind:?}");
        assert_eq!(model.summary().epochs, own.count());
    }
}

#[test]
fn hard_inputs_give_an_orthogonal_rotation_and_no_nan() {
    let base = support::vectors(60, 16, 4);
    let changed = |change: &dyn Fn(usize, usize, f32) -> f32| {
        let values = base.as_slice().iter().enumerate().map(|(i, &x)| change(i / 16, i % 16, x));
        Vectors::new(values.collect(), 16).expect("finite")
    };
    let inputs = [
        ("a constant column", changed(&|_, j, x| if j == 3 { 0.5 } else { x })),
        ("all columns the same", changed(&|i, _, _| base.row(i)[0])),
        ("duplicate rows", changed(&|_, j, _| base.row(0)[j])),
        ("a zero row", changed(&|i, _, x| if i % 7 == 0 { 0.0 } else { x })),
        ("only zeros", changed(&|_, _, _| 0.0)),
        ("tiny values", changed(&|_, _, x| x * 1e-20)),
        ("huge values", changed(&|_, _, x| x * 1e20)),
        ("one column dominates", changed(&|_, j, x| if j == 0 { x * 1e10 } else { x })),
        ("fewer rows than dimensions", base.select(&[0, 1, 2])),
        ("one row", base.select(&[5])),
    ];
    for (name, rows) in inputs {
        for kind in kinds() {
            for bits in [16, 8] {
                let options = FitOptions { bits: Some(bits), ..kind.clone() };
                let (model, _) = fit(&rows, &options);
                let summary = model.summary();
                assert!(summary.validation_loss.is_finite(), "{name}: {options:?}");
                assert!(summary.train_loss.is_finite(), "{name}: {options:?}");
                let u = model.rotation().matrix().expect("a rotation");
                assert!(orthogonality_error(u.as_ref()) < 1e-5, "{name}: {options:?}");
                if let Some(p) = model.projection() {
                    assert!(orthogonality_error(p.as_ref()) < 1e-5, "{name}: {options:?}");
                }
                let z = model.transform(&rows, 1, &Cancel::default()).expect("z");
                assert!(z.iter().all(|z| z.is_finite()), "{name}: {options:?}");
            }
        }
    }
}

#[test]
fn centring_removes_the_mean_and_projection_keeps_the_largest_spread() {
    let shifted: Vec<f32> = support::uniform(1000 * 16, 9)
        .into_iter()
        .enumerate()
        .map(|(i, x)| x * if i % 16 < 8 { 4.0 } else { 0.1 } + 50.0)
        .collect();
    let rows = Vectors::new(shifted, 16).expect("finite");
    let options =
        FitOptions { bits: Some(8), method: Some(Method::Identity), ..FitOptions::default() };
    let (model, _) = fit(&rows, &options);
    assert!(model.mean().expect("a mean").iter().all(|m| (m - 50.0).abs() < 0.5));
    // The eight wide columns carry all but a thousandth of the variance.
    let p = model.projection().expect("a projection");
    for j in 0..8 {
        let wide: f32 = (0..8).map(|i| p[(i, j)] * p[(i, j)]).sum();
        assert!(wide > 0.999, "direction {j}: {wide}");
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let (model, _) = fit(&support::vectors(100, 19, 1), &FitOptions::default());
    let summary = model.summary();
    assert_eq!(
        (summary.bits, summary.method, summary.loss),
        (16, Method::H2q, Loss::BitVariance.into())
    );
    assert!(model.mean().is_some() && model.projection().is_some());
    let (model, _) = fit(&support::vectors(100, 16, 1), &FitOptions::default());
    assert!(model.mean().is_none() && model.projection().is_none());
}

#[test]
fn unusable_options_are_named() {
    let rows = support::vectors(20, 16, 1);
    let refused = |options: FitOptions| run(&rows, &options).expect_err("refused").to_string();
    let bits = |bits| FitOptions { bits: Some(bits), ..FitOptions::default() };
    for wrong in [0, 7, 12, 24] {
        assert!(refused(bits(wrong)).starts_with(&format!("bits: {wrong} is not")));
    }
    let itq = FitOptions { method: Some(Method::Itq), ..FitOptions::default() };
    assert!(
        refused(FitOptions { loss: Some(Loss::L1.into()), ..itq.clone() }).starts_with("loss: l1")
    );
    assert!(
        refused(FitOptions { solver: Some(SolverName::Sgd), ..itq }).starts_with("solver: sgd")
    );
    let rate = FitOptions { learning_rate: Some(0.5), ..FitOptions::default() };
    assert!(refused(rate.clone()).starts_with("learningRate: only solver sgd"));
    let sgd = FitOptions { solver: Some(SolverName::Sgd), ..FitOptions::default() };
    for wrong in [0.0, -1.0, 1e39, f64::NAN, f64::INFINITY] {
        let options = FitOptions { learning_rate: Some(wrong), ..sgd.clone() };
        assert!(refused(options).starts_with("learningRate: "), "{wrong}");
    }
    let options = FitOptions { batch_size: Some(0), ..sgd.clone() };
    assert!(refused(options).starts_with("batchSize: 0"));
    for wrong in [0, 17] {
        let options = FitOptions { reflections: Some(wrong), ..sgd.clone() };
        assert!(refused(options).starts_with(&format!("reflections: {wrong} is not from 1 to")));
    }
    // The limit is the bits, not the dimensions.
    let options = FitOptions { reflections: Some(9), bits: Some(8), ..sgd };
    assert!(refused(options).starts_with("reflections: 9"));
    let options = FitOptions { reflections: Some(4), ..FitOptions::default() };
    assert!(refused(options).starts_with("reflections: only solver sgd"));
    let other = Some(Arc::new(support::vectors(3, 15, 1)));
    let error = FitSession::new(Arc::new(rows.clone()), other, &FitOptions::default());
    assert_eq!(error.err().expect("refused").code(), "MISMATCH");
}

#[test]
fn sgd_with_few_reflections_learns_a_model_of_that_many() {
    let rows = support::fixture("fashion32-train.npy", 32);
    for (bits, count) in [(32, 1), (32, 8), (32, 31), (32, 32), (16, 5)] {
        let options = FitOptions {
            bits: Some(bits),
            solver: Some(SolverName::Sgd),
            reflections: Some(count),
            epochs: Some(4),
            ..FitOptions::default()
        };
        let (model, reports) = fit(&rows, &options);
        let rotation = model.rotation();
        assert_eq!((rotation.dimensions, rotation.reflections.len()), (bits, count * bits));
        let u = rotation.matrix().expect("no zero reflection");
        assert!(orthogonality_error(u.as_ref()) < 1e-12);
        assert!(model.summary().orthogonality_error < 1e-5);
        // The start has the loss of plain sign: its U is diagonal.
        let sign = FitOptions {
            bits: Some(bits),
            method: Some(Method::Identity),
            ..FitOptions::default()
        };
        let start = fit(&rows, &sign).0.summary().validation_loss;
        let losses: Vec<f64> = reports.iter().map(|report| report.validation_loss).collect();
        assert!(losses[0] < start && losses[3] < losses[0], "m {count}: {start}, {losses:?}");

        let again = Model::from_bytes(&model.to_bytes()).expect("a whole file");
        assert_eq!(again.rotation(), rotation);
    }
}

#[test]
fn a_cancelled_fit_stops_and_still_gives_its_best() {
    let rows = Arc::new(support::vectors(500, 16, 1));
    let mut session = FitSession::new(rows, None, &FitOptions::default()).expect("valid options");
    let cancel = Cancel::default();
    session.step(2, &cancel).expect("two epochs");
    cancel.cancel();
    assert_eq!(*session.step(1, &cancel).expect_err("stopped"), Error::Aborted);
    assert!(session.done());
    assert_eq!(session.finish().expect("a model").summary().epochs, 2);
}

#[test]
fn divergence_of_sgd_is_an_error_and_not_a_nan() {
    let rows = support::vectors(500, 16, 1);
    let options = FitOptions {
        solver: Some(SolverName::Sgd),
        loss: Some(Loss::L2.into()),
        learning_rate: Some(1e38),
        epochs: Some(50),
        ..FitOptions::default()
    };
    match run(&rows, &options) {
        Ok((model, reports)) => {
            assert!(model.summary().validation_loss.is_finite());
            assert!(reports.iter().all(|r| r.validation_loss.is_finite()));
        }
        Err(error) => assert_eq!(error.code(), "DIVERGED"),
    }
}

/// Their second moments have 595 eigenvalues of exactly 0, on which the decomposition gives up at first.
#[test]
fn few_sparse_rows_of_many_dimensions_have_principal_directions() {
    let (rows, d) = (5, 600);
    let values = (0..rows * d).map(|i| f32::from(u8::from((i / d * 31 + i % d * 17) % 300 == 0)));
    let rows = Vectors::new(values.collect(), d).expect("finite");
    for bits in [8, 64] {
        let (bits, method) = (Some(bits), Some(Method::Identity));
        let (model, _) = fit(&rows, &FitOptions { bits, method, ..FitOptions::default() });
        let projection = model.projection().expect("bits are fewer than dimensions");
        assert!(orthogonality_error(projection.as_ref()) < 1e-5);
    }
}

#[test]
fn too_large_values_are_refused_and_not_turned_into_nan() {
    let values = (0..100 * 32).map(|i| if i / 32 % 2 == 0 { 3e38 } else { -3e38 }).collect();
    let rows = Vectors::new(values, 32).expect("finite");
    for method in [Method::Identity, Method::H2q] {
        let options = FitOptions { bits: Some(16), method: Some(method), ..FitOptions::default() };
        match run(&rows, &options) {
            Ok((model, _)) => assert!(model.summary().train_loss.is_finite()),
            Err(error) => assert_eq!(error.code(), "OUT_OF_RANGE"),
        }
    }
}
