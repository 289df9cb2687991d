//! Against faer, and against what the decompositions are.

use faer::{Mat, MatRef, Side};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn random(n: usize, seed: u64) -> Mat<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Mat::from_fn(n, n, |_, _| random.random::<f64>() - 0.5)
}

fn columns(a: MatRef<'_, f64>) -> Vec<f64> {
    a.col_iter().flat_map(|column| column.iter().copied()).collect()
}

fn largest_difference(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    (a - b).norm_max()
}

/// Q diag(values) Qᵀ for a random orthogonal Q.
fn with_eigenvalues(values: &[f64], seed: u64) -> Mat<f64> {
    let q = random(values.len(), seed).qr().compute_Q();
    let scaled = Mat::from_fn(q.nrows(), q.ncols(), |i, j| q[(i, j)] * values[j]);
    let a = &scaled * q.transpose();
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[(i.max(j), i.min(j))])
}

/// Orthonormal to 1e-12, eigenvectors to 1e-11 of the norm, and together they have the largest eigenvalues.
fn check(a: &Mat<f64>, vectors: &[f64], count: usize) {
    let n = a.nrows();
    let x = MatRef::from_column_major_slice(vectors, n, count);
    let gram = x.transpose() * x;
    assert!(largest_difference(gram.as_ref(), Mat::identity(count, count).as_ref()) < 1e-12);
    let eigen = a.self_adjoint_eigen(Side::Lower).expect("eigenvalues");
    let values = eigen.S().column_vector();
    let size = a.norm_max() * n as f64 + f64::MIN_POSITIVE;
    let ax = a * x;
    for j in 0..count {
        let value = values[n - 1 - j];
        for i in 0..n {
            assert!((ax[(i, j)] - value * x[(i, j)]).abs() < 1e-11 * size, "{n}, vector {j}");
        }
    }
}

#[test]
fn eigenvectors_of_plain_and_of_degenerate_matrices() {
    for n in [1, 2, 3, 8, 33, 100] {
        let a = random(n, n as u64);
        let gram = a.transpose() * &a;
        let falling: Vec<f64> = (0..n).map(|i| 0.5f64.powi(i as i32)).collect();
        let pairs: Vec<f64> = (0..n).map(|i| (i / 2) as f64).collect();
        let few: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i < 3))).collect();
        let close: Vec<f64> = (0..n).map(|i| 1.0 + 1e-10 * i as f64).collect();
        for a in [
            gram.clone(),
            &gram * faer::Scale(1e-200),
            with_eigenvalues(&falling, 1),
            with_eigenvalues(&pairs, 2),
            with_eigenvalues(&few, 3),
            with_eigenvalues(&close, 4),
            Mat::identity(n, n),
            Mat::zeros(n, n),
            Mat::from_fn(n, n, |_, _| 1.0),
            Mat::from_fn(n, n, |i, j| f64::from(u8::from(i == j)) * (i % 3) as f64),
            Mat::from_fn(n, n, |i, j| if i.abs_diff(j) == 1 { 1.0 } else { 0.0 }),
        ] {
            for count in [1, n.div_ceil(2), n] {
                let vectors = leading_eigenvectors(columns(a.as_ref()), n, count);
                check(&a, &vectors.expect("convergence"), count);
                let reduced = Tridiagonal::reduce(columns(a.as_ref()), n);
                let mut all = reduced.all_vectors(count).expect("convergence");
                all.chunks_mut(n).for_each(|vector| reduced.turn_back(vector));
                check(&a, &all, count);
            }
        }
    }
}

#[test]
fn well_separated_eigenvectors_are_those_of_faer() {
    let values: Vec<f64> = (0..60).map(|i| 1.05f64.powi(-i)).collect();
    let a = with_eigenvalues(&values, 5);
    let own = leading_eigenvectors(columns(a.as_ref()), 60, 20).expect("convergence");
    let faer = a.self_adjoint_eigen(Side::Lower).expect("eigenvalues");
    for (j, vector) in own.chunks(60).enumerate() {
        let other: Vec<f64> = faer.U().col(59 - j).iter().copied().collect();
        assert!((dot(vector, &other).abs() - 1.0).abs() < 1e-12);
        let sign = dot(vector, &other).signum();
        assert!(vector.iter().zip(&other).all(|(a, b)| (a - sign * b).abs() < 1e-11));
    }
}

#[test]
fn the_upper_half_is_not_read() {
    let values: Vec<f64> = (0..20).map(f64::from).collect();
    let a = with_eigenvalues(&values, 6);
    let broken = Mat::from_fn(20, 20, |i, j| if i < j { f64::NAN } else { a[(i, j)] });
    let wanted = leading_eigenvectors(columns(a.as_ref()), 20, 5);
    assert_eq!(leading_eigenvectors(columns(broken.as_ref()), 20, 5), wanted);
}

#[test]
fn qr_gives_the_matrix_back_and_has_the_signs_of_faer() {
    for n in [1, 2, 5, 32, 65] {
        let mut singular = random(n, 9);
        singular.col_mut(n / 2).fill(0.0);
        let orthogonal = random(n, 8).qr().compute_Q();
        let all = [random(n, 7), orthogonal, Mat::identity(n, n), singular];
        for (number, a) in all.into_iter().enumerate() {
            let qr = Qr::new(columns(a.as_ref()), n);
            let q = qr.orthogonal();
            let q = MatRef::from_column_major_slice(&q, n, n);
            let gram = q.transpose() * q;
            assert!(largest_difference(gram.as_ref(), Mat::identity(n, n).as_ref()) < 1e-13);
            let r = q.transpose() * &a;
            let faer = a.qr();
            for j in 0..n {
                assert!((r[(j, j)] - qr.diagonal[j]).abs() < 1e-13);
                assert!((j + 1..n).all(|i| r[(i, j)].abs() < 1e-13));
                let other = faer.thin_R()[(j, j)];
                // Behind a column of zeros the signs are free.
                assert!(number == 3 || (other - qr.diagonal[j]).abs() < 1e-12, "{n}, {j}");
            }
        }
    }
}
