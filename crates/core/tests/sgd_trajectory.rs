//! SGD from the identity, step by step, against an independent float64 program.

mod support;

use faer::MatMut;
use h2q_core::fit::HouseholderSgd;
use h2q_core::losses::Loss;
use h2q_core::reflections::UtForm;
use serde_json::Value;

const ROWS: usize = 512;
const DIMENSIONS: usize = 32;
const BATCH: usize = 128;

/// The first 512 rows at norm √32.
fn rows() -> Vec<f32> {
    let train = support::fixture("fashion32-train.npy", DIMENSIONS);
    let mut rows = train.as_slice()[..ROWS * DIMENSIONS].to_vec();
    for row in rows.chunks_mut(DIMENSIONS) {
        let norm: f64 = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let scale = (DIMENSIONS as f64).sqrt() / norm;
        row.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
    }
    rows
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("an array").iter();
    numbers.map(|number| number.as_f64().expect("a number")).collect()
}

#[test]
fn batch_losses_follow_the_float64_trajectory() {
    let path = format!(
        "{}/../../test/fixtures/householder-sgd-trajectory.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    let reference: Value = serde_json::from_str(&text).expect("JSON");
    let runs = reference["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 4, "one run per loss");
    let rows = rows();
    for run in runs {
        let loss = Loss::parse(run["loss"].as_str().expect("a name")).expect("a loss");
        let rate = run["learningRate"].as_f64().expect("a rate");
        let mut sgd = HouseholderSgd::from_identity(DIMENSIONS, loss, rate);
        let expected = numbers(&run["batchLosses"]);
        assert_eq!(expected.len(), 12);
        let batches = rows.chunks(BATCH * DIMENSIONS).cycle();
        for (step, (expected, batch)) in expected.iter().zip(batches).enumerate() {
            let actual = sgd.step(batch).expect("a step");
            let error = (actual / expected - 1.0).abs();
            assert!(error <= 1e-5, "{} step {step}: {actual}, {expected}", loss.name());
        }

        let form = UtForm::new(sgd.vectors(), DIMENSIONS).expect("no zero vector");
        let mut z = vec![0.0; rows.len()];
        let x = faer::MatRef::from_row_major_slice(&rows, ROWS, DIMENSIONS);
        form.apply(x, MatMut::from_row_major_slice_mut(&mut z, ROWS, DIMENSIONS));
        let (last, _) = loss.value_and_gradient(&z, DIMENSIONS).expect("whole rows");
        let expected = run["lossOnAll512AfterLastStep"].as_f64().expect("a number");
        assert!((last / expected - 1.0).abs() <= 1e-5, "{}: {last}, {expected}", loss.name());

        // V_row0 runs over the vectors: its entry j is component 0 of vector j.
        for (j, expected) in numbers(&run["V_row0_first4"]).into_iter().enumerate() {
            let actual = f64::from(sgd.vectors()[j * DIMENSIONS]);
            assert!((actual - expected).abs() < 1e-5, "{} V: {actual}, {expected}", loss.name());
        }
        let u = form.product();
        for (j, expected) in numbers(&run["U_row0_first4"]).into_iter().enumerate() {
            assert!((f64::from(u[(0, j)]) - expected).abs() < 1e-5, "{} U", loss.name());
        }
    }
}
