//! The losses against their definitions and against finite differences.

mod support;

use h2q_core::losses::{Loss, Weight};

fn definition(loss: Loss, z: &[f64], columns: usize) -> f64 {
    let sign = |z: f64| if z >= 0.0 { 1.0 } else { -1.0 };
    let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
    let entry = |z: f64| match loss {
        Loss::BitVariance => sigma(z) * (1.0 - sigma(z)),
        Loss::L2 => (z - sign(z)).powi(2),
        Loss::L1 => (z - sign(z)).abs(),
        Loss::MinEntropy => unreachable!("a loss of rows"),
    };
    if loss == Loss::MinEntropy {
        let row = |z: &[f64]| z.iter().map(|z| (-z * z).exp()).sum::<f64>().ln();
        z.chunks(columns).map(row).sum::<f64>() / (z.len() / columns) as f64
    } else {
        z.iter().map(|&z| entry(z)).sum::<f64>() / z.len() as f64
    }
}

fn entries(rows: usize, columns: usize) -> Vec<f64> {
    let seed = (rows * 1000 + columns) as u64;
    support::uniform(rows * columns, seed).into_iter().map(|z| 3.0 * f64::from(z)).collect()
}

/// Around the lanes (16) and the blocks (4096) of the sums.
const SHAPES: [(usize, usize); 8] =
    [(1, 1), (1, 15), (3, 16), (5, 17), (128, 32), (241, 17), (65, 64), (4097, 1)];

#[test]
fn values_equal_the_definitions() {
    for loss in Loss::ALL {
        for (rows, columns) in SHAPES {
            let z = entries(rows, columns);
            let expected = definition(loss, &z, columns);
            let (value, _) = loss.value_and_gradient(&z, columns).expect("whole rows");
            assert!((value - expected).abs() < 1e-12, "{} {rows} x {columns}", loss.name());

            let z: Vec<f32> = z.iter().map(|&z| z as f32).collect();
            let (value, _) = loss.value_and_gradient(&z, columns).expect("whole rows");
            let error = (value - expected).abs() / expected.abs().max(0.1);
            assert!(error < 2e-6, "{} {rows} x {columns} in float32: {error}", loss.name());
        }
    }
}

#[test]
fn gradients_equal_central_differences() {
    for loss in Loss::ALL {
        for (rows, columns) in [(1, 1), (2, 7), (3, 17)] {
            let mut z = entries(rows, columns);
            let (_, gradient) = loss.value_and_gradient(&z, columns).expect("whole rows");
            for k in 0..z.len() {
                let (middle, step) = (z[k], 1e-6);
                z[k] = middle + step;
                let above = definition(loss, &z, columns);
                z[k] = middle - step;
                let below = definition(loss, &z, columns);
                z[k] = middle;
                let expected = (above - below) / (2.0 * step);
                let error = (expected - gradient[k]).abs();
                assert!(error < 1e-8, "{} entry {k}: {expected}, {}", loss.name(), gradient[k]);
            }
        }
    }
}

#[test]
fn float32_gradients_follow_float64() {
    for loss in Loss::ALL {
        let z = entries(50, 33);
        let (_, expected) = loss.value_and_gradient(&z, 33).expect("whole rows");
        let z: Vec<f32> = z.iter().map(|&z| z as f32).collect();
        let (_, actual) = loss.value_and_gradient(&z, 33).expect("whole rows");
        let largest = expected.iter().fold(0.0f64, |best, g| best.max(g.abs()));
        for (expected, actual) in expected.iter().zip(&actual) {
            let error = (expected - f64::from(*actual)).abs();
            assert!(error <= 1e-6 * largest, "{}: {expected}, {actual}", loss.name());
        }
    }
}

#[test]
fn losses_are_even_and_gradients_odd() {
    for loss in Loss::ALL {
        let z: Vec<f32> = entries(9, 24).iter().map(|&z| z as f32).collect();
        let mirrored: Vec<f32> = z.iter().map(|z| -z).collect();
        let (value, gradient) = loss.value_and_gradient(&z, 24).expect("whole rows");
        let (other, mirrored) = loss.value_and_gradient(&mirrored, 24).expect("whole rows");
        assert_eq!(value, other, "{}", loss.name());
        assert!(gradient.iter().zip(&mirrored).all(|(a, b)| *a == -*b), "{}", loss.name());
    }
}

#[test]
fn extreme_entries_stay_finite() {
    for loss in Loss::ALL {
        let z: [f32; 18] = std::array::from_fn(|i| {
            let size = [0.0, 1e-30, 1e-10, 1.0, 30.0, 100.0, 1e5, 1e9, 1e18][i / 2];
            if i % 2 == 0 { size } else { -size }
        });
        let (value, gradient) = loss.value_and_gradient(&z, 2).expect("whole rows");
        assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{}", loss.name());
    }
}

#[test]
fn majoriser_weights_are_curvature_times_z_minus_the_derivative() {
    let z: Vec<f32> = entries(20, 16).iter().map(|&z| z as f32).collect();
    for loss in Loss::ALL {
        let (mut weights, mut derivative) = (z.clone(), z.clone());
        let majoriser = Weight::Majoriser { curvature: 0.75, smoothing: 0.0 };
        let a = loss.sum_and_weights(&mut weights, 16, majoriser);
        let b = loss.sum_and_weights(&mut derivative, 16, Weight::Gradient { scale: 1.0 });
        assert_eq!(a, b);
        for ((w, d), z) in weights.iter().zip(&derivative).zip(&z) {
            assert!((w - (0.75 * z - d)).abs() < 1e-6, "{}", loss.name());
        }
    }
}

#[test]
fn broken_rows_are_refused() {
    let error = Loss::L2.value_and_gradient(&[1.0f32; 5], 2).expect_err("not whole");
    assert_eq!(error.code(), "MISMATCH");
    assert_eq!(
        Loss::L2.value_and_gradient::<f32>(&[], 2).expect_err("empty").code(),
        "EMPTY_INPUT"
    );
    assert_eq!(Loss::L2.value_and_gradient(&[1.0f32], 0).expect_err("empty").code(), "EMPTY_INPUT");
    let error = Loss::L1.value_and_gradient(&[1.0, 2.0, f32::NAN, 3.0], 2).expect_err("NaN");
    assert_eq!(error.to_string(), "row 1, column 0: NaN is not a finite float32");
    assert_eq!(Loss::parse("l3").expect_err("unknown").code(), "INVALID_OPTION");
}
