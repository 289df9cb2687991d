//! The polar factor over condition numbers and scales, against the factors it was made from.

mod support;

use faer::Mat;
use h2q_core::linalg::{convert, orthogonality_error, polar};
use h2q_core::parallel::Cancel;

fn orthogonal(d: usize, seed: u64) -> Mat<f64> {
    let values = support::uniform(d * d, seed);
    Mat::from_fn(d, d, |i, j| f64::from(values[i * d + j])).qr().compute_Q()
}

#[test]
fn polar_factor_is_orthogonal_and_right_for_any_condition_and_scale() {
    for d in [1, 2, 8, 33, 64, 128] {
        let (left, right) = (orthogonal(d, 1), orthogonal(d, 2));
        let expected = &left * right.transpose();
        for condition in [1.0f64, 10.0, 1e3, 1e5, 1e7] {
            for scale in [1e-15, 1.0, 1e15] {
                let singular = |k: usize| condition.powf(-(k as f64) / d.max(2) as f64) * scale;
                let m = Mat::from_fn(d, d, |i, j| left[(i, j)] * singular(j)) * right.transpose();
                let m: Mat<f32> = convert(m.as_ref());
                let u = polar(m.as_ref(), Mat::identity(d, d).as_ref(), &Cancel::default())
                    .expect("a factor")
                    .factor;
                let context = format!("d {d}, condition {condition:e}, scale {scale:e}");
                assert!(orthogonality_error(u.as_ref()) < 1e-5, "{context}");
                let mut worst = 0.0f64;
                for j in 0..d {
                    for i in 0..d {
                        worst = worst.max((f64::from(u[(i, j)]) - expected[(i, j)]).abs());
                    }
                }
                // The condition of the problem times the precision of float32 and the trace of the identity.
                let precision = 1e-6 + 1e-5 * (d as f64).sqrt();
                assert!(worst < 2.0 * precision * condition, "{context}: {worst}");
            }
        }
    }
}

#[test]
fn polar_factor_of_a_singular_matrix_is_orthogonal() {
    for d in [4, 40] {
        for rank in [0, 1, d / 2] {
            let (left, right) = (orthogonal(d, 3), orthogonal(d, 4));
            let m = Mat::from_fn(d, d, |i, j| if j < rank { left[(i, j)] } else { 0.0 })
                * right.transpose();
            let m: Mat<f32> = convert(m.as_ref());
            let u = polar(m.as_ref(), Mat::identity(d, d).as_ref(), &Cancel::default())
                .expect("a factor")
                .factor;
            assert!(orthogonality_error(u.as_ref()) < 1e-5, "d {d}, rank {rank}");
        }
    }
}

#[test]
fn a_cancelled_polar_step_stops() {
    let cancel = Cancel::default();
    cancel.cancel();
    let m = Mat::<f32>::identity(8, 8);
    assert_eq!(polar(m.as_ref(), m.as_ref(), &cancel).expect_err("stopped").code(), "ABORTED");
}
