//! What the solvers reach on real embeddings, against the values that the paper's procedure reaches in
//! an independent implementation (three seeds: the lowest and the middle one).

mod support;

use std::collections::HashSet;
use std::sync::Arc;

use h2q_core::fit::{FitOptions, FitSession, SolverName};
use h2q_core::losses::Loss;
use h2q_core::parallel::Cancel;

struct Reference {
    loss: Loss,
    lowest: f64,
    middle: f64,
    /// How far above the middle value `sgd` may end.
    margin: f64,
}

const REFERENCES: [Reference; 4] = [
    Reference { loss: Loss::BitVariance, lowest: 0.19736, middle: 0.19736, margin: 0.001 },
    Reference { loss: Loss::L2, lowest: 0.0428, middle: 0.0448, margin: 0.02 },
    Reference { loss: Loss::L1, lowest: 0.115, middle: 0.118, margin: 0.02 },
    Reference { loss: Loss::MinEntropy, lowest: 2.516, middle: 2.516, margin: 0.003 },
];

fn validation_loss(loss: Loss, solver: SolverName, seed: u64) -> f64 {
    let train = Arc::new(support::fixture("fashion32-train.npy", 32));
    let validation = Arc::new(support::fixture("fashion32-validation.npy", 32));
    let options = FitOptions {
        loss: Some(loss.into()),
        solver: Some(solver),
        seed: Some(seed),
        ..FitOptions::default()
    };
    let mut session = FitSession::new(train, Some(validation), &options).expect("valid options");
    let reports = session.step(usize::MAX, &Cancel::default()).expect("a fit");
    let model = session.finish().expect("a model");
    println!(
        "{} {} seed {seed}: {:.5} after {} epochs, {:.3} s",
        loss.name(),
        solver.name(),
        model.summary().validation_loss,
        reports.len(),
        model.summary().seconds.unwrap_or(f64::NAN)
    );
    assert!(model.summary().orthogonality_error < 1e-5);
    model.summary().validation_loss
}

#[test]
fn auto_reaches_the_lowest_loss_of_the_papers_procedure() {
    for Reference { loss, lowest, .. } in REFERENCES {
        let reached = validation_loss(loss, SolverName::Auto, 0);
        assert!(reached <= lowest, "{}: {reached} is above {lowest}", loss.name());
    }
}

#[test]
fn sgd_reproduces_the_papers_procedure() {
    for Reference { loss, middle, margin, .. } in REFERENCES {
        let mut reached = [1, 2, 3].map(|seed| validation_loss(loss, SolverName::Sgd, seed));
        reached.sort_by(f64::total_cmp);
        let bound = middle * (1.0 + margin);
        assert!(reached[1] <= bound, "{}: median {} is above {bound}", loss.name(), reached[1]);
    }
}

#[test]
fn neighbouring_seeds_share_no_start() {
    // Six starts are tried at 16 bits. Were those of two seeds partly the same, both would often end in
    // the same minimum; only the identity, a start of every seed, may bring that about.
    let reached: Vec<[u8; 16]> = (0..12)
        .map(|seed| {
            let train = Arc::new(support::fixture("fashion32-train.npy", 32));
            let validation = Arc::new(support::fixture("fashion32-validation.npy", 32));
            let options = FitOptions { bits: Some(16), seed: Some(seed), ..FitOptions::default() };
            let mut session = FitSession::new(train, Some(validation), &options).expect("options");
            session.step(usize::MAX, &Cancel::default()).expect("a fit");
            session.finish().expect("a model").fingerprint()
        })
        .collect();
    let repeated: HashSet<_> = reached
        .iter()
        .filter(|one| reached.iter().filter(|other| other == one).count() > 1)
        .collect();
    assert!(repeated.len() <= 1, "{} minima were reached by several seeds", repeated.len());
}
