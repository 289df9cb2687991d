//! What the fit needs of linear algebra, on top of faer. Always sequential: parallel loops cut their
//! work into fixed tasks themselves, so that sums never depend on the number of threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use crate::error::{Error, Result};
use crate::real::Real;

/// `dst = a · b`.
pub fn multiply<T: Real>(dst: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    matmul(dst, Accum::Replace, a, b, T::from_f64(1.0), Par::Seq);
}

/// `dst += alpha · a · b`.
pub fn multiply_add<T: Real>(dst: MatMut<'_, T>, alpha: f64, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    matmul(dst, Accum::Add, a, b, T::from_f64(alpha), Par::Seq);
}

/// `a · b` as a new matrix.
pub fn product<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> Mat<T> {
    let mut dst = Mat::zeros(a.nrows(), b.ncols());
    multiply(dst.as_mut(), a, b);
    dst
}

/// The same numbers in the other precision.
pub fn convert<A: Real, B: Real>(a: MatRef<'_, A>) -> Mat<B> {
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| B::from_f64(a[(i, j)].into()))
}

/// A row-major copy.
pub fn to_row_major(a: MatRef<'_, f32>) -> Vec<f32> {
    (0..a.nrows()).flat_map(|i| (0..a.ncols()).map(move |j| a[(i, j)])).collect()
}

/// max |UᵀU − I| over the entries, in float64.
pub fn orthogonality_error<T: Real>(u: MatRef<'_, T>) -> f64 {
    let u: Mat<f64> = convert(u);
    let gram = product(u.transpose(), u.as_ref());
    let mut worst = 0.0f64;
    for j in 0..gram.ncols() {
        for i in 0..gram.nrows() {
            let error = (gram[(i, j)] - f64::from(i == j)).abs();
            // f64::max would drop a NaN.
            worst = if error > worst || error.is_nan() { error } else { worst };
        }
    }
    worst
}

/// The orthogonal polar factor: the orthogonal matrix with the largest inner product with `m`
/// (Schönemann 1966). `m` is square; where it has no full rank, one of the factors.
///
/// # Errors
/// `Internal` when the SVD does not converge.
pub fn polar(m: MatRef<'_, f32>) -> Result<Mat<f32>> {
    let m: Mat<f64> = convert(m);
    let failed = |_| Error::Internal { reason: "the SVD of a polar step did not converge".into() };
    let svd = m.svd().map_err(failed)?;
    Ok(convert(product(svd.U(), svd.V().transpose()).as_ref()))
}

/// Eigenvectors of the `count` largest eigenvalues of a symmetric matrix (its lower half is read), as
/// columns in falling order, each with its largest entry positive.
///
/// # Errors
/// `Internal` when the decomposition does not converge.
pub fn leading_eigenvectors(a: MatRef<'_, f64>, count: usize) -> Result<Mat<f64>> {
    let failed = |_| Error::Internal { reason: "the eigenvectors did not converge".into() };
    let eigen = a.self_adjoint_eigen(Side::Lower).map_err(failed)?;
    let (vectors, n) = (eigen.U(), a.nrows());
    let mut leading = Mat::from_fn(n, count, |i, j| vectors[(i, n - 1 - j)]);
    for j in 0..count {
        let largest = (0..n)
            .map(|i| leading[(i, j)])
            .fold(0.0f64, |best, value| if value.abs() > best.abs() { value } else { best });
        if largest < 0.0 {
            (0..n).for_each(|i| leading[(i, j)] = -leading[(i, j)]);
        }
    }
    Ok(leading)
}
