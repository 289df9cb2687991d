//! What the fit needs of linear algebra, on top of faer. Always sequential: parallel loops cut their
//! work into fixed tasks themselves, so that sums never depend on the number of threads.

use faer::{Mat, MatMut, MatRef, Side};

use crate::error::{Error, Result};
use crate::parallel::Cancel;
pub use crate::products::{multiply, multiply_add};
use crate::real::Real;

/// `a · b` as a new matrix.
pub fn product<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> Mat<T> {
    let mut dst = Mat::zeros(a.nrows(), b.ncols());
    multiply(dst.as_mut(), a, b);
    dst
}

/// The first `count` values of a buffer, which grows when it is too small and never shrinks.
pub fn grown<T: Real>(buffer: &mut Vec<T>, count: usize) -> &mut [T] {
    if buffer.len() < count {
        buffer.resize(count, T::default());
    }
    &mut buffer[..count]
}

/// [`grown`] as a column-major matrix.
pub fn grown_matrix<T: Real>(buffer: &mut Vec<T>, rows: usize, columns: usize) -> MatMut<'_, T> {
    MatMut::from_column_major_slice_mut(grown(buffer, rows * columns), rows, columns)
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
    distance_from_identity(gram.as_ref())
}

/// What [`polar`] gives.
#[derive(Debug)]
pub struct Polar {
    /// The orthogonal factor, d x d.
    pub factor: Mat<f32>,
    /// How many products of two d x d matrices it took, those within an SVD aside.
    pub products: usize,
}

/// The orthogonal polar factor: the orthogonal matrix with the largest inner product with `m`
/// (Schönemann 1966). `m` is square; where it has no full rank, one of the factors.
///
/// # Errors
/// `Aborted`; `Internal` when the SVD does not converge.
pub fn polar(m: MatRef<'_, f32>, cancel: &Cancel) -> Result<Polar> {
    let mut products = 0;
    if let Some(factor) = newton_schulz(m, cancel, &mut products)? {
        return Ok(Polar { factor, products });
    }
    let svd = m.svd().map_err(|_| Error::Internal {
        reason: "the SVD of a polar step did not converge".into(),
    })?;
    // One plain step removes what float32 left of U's and V's own errors.
    let u = product(svd.U(), svd.V().transpose());
    let mut gram = product(u.transpose(), u.as_ref());
    newton_schulz_factor(gram.as_mut(), 1.0);
    Ok(Polar { factor: product(u.as_ref(), gram.as_ref()), products: products + 3 })
}

/// Enough for a condition number of some 10^4; beyond, an SVD is faster.
const NEWTON_SCHULZ_STEPS: usize = 16;

/// The polar factor by `X ← ρX (3I − ρ²XᵀX)/2`, where ρ stretches the smallest singular value as far as
/// convergence allows (Chen & Chow 2014). `None` when it has not converged in time. Counts its products.
fn newton_schulz(
    m: MatRef<'_, f32>,
    cancel: &Cancel,
    products: &mut usize,
) -> Result<Option<Mat<f32>>> {
    let d = m.nrows();
    // The geometric mean of the largest column and row sums bounds the largest singular value.
    let (mut columns, mut rows) = (vec![0.0f32; d], vec![0.0f32; d]);
    for j in 0..d {
        for i in 0..d {
            columns[j] += m[(i, j)].abs();
            rows[i] += m[(i, j)].abs();
        }
    }
    let largest = |sums: &[f32]| sums.iter().copied().fold(0.0f32, f32::max);
    let bound = largest(&columns).sqrt() * largest(&rows).sqrt();
    if !(bound.is_finite() && bound > 0.0) {
        return Ok(None);
    }
    let mut x = Mat::from_fn(d, d, |i, j| m[(i, j)] / bound);
    let (mut gram, mut next) = (Mat::zeros(d, d), Mat::zeros(d, d));
    // A guess from below of the smallest singular value: too small only costs steps.
    let mut smallest = 1e-3f64;
    for _ in 0..NEWTON_SCHULZ_STEPS {
        cancel.check()?;
        multiply(gram.as_mut(), x.transpose(), x.as_ref());
        // Once near, a plain step squares the error: below rounding.
        let near = distance_from_identity(gram.as_ref()) < 1e-3;
        // The full stretch of 3 would press the largest singular values down into the rounding errors.
        let squared = (3.0 / (1.0 + smallest + smallest * smallest)).min(2.5);
        let squared = if near { 1.0 } else { squared };
        newton_schulz_factor(gram.as_mut(), squared);
        multiply(next.as_mut(), x.as_ref(), gram.as_ref());
        *products += 2;
        std::mem::swap(&mut x, &mut next);
        if near {
            return Ok(Some(x));
        }
        smallest *= 0.5 * squared.sqrt() * (3.0 - squared * smallest * smallest);
    }
    Ok(None)
}

/// Turns `XᵀX` into the factor `ρ (3I − ρ²XᵀX)/2` of X, given ρ².
fn newton_schulz_factor(mut gram: MatMut<'_, f32>, squared: f64) {
    let (half, squared) = ((0.5 * squared.sqrt()) as f32, squared as f32);
    for j in 0..gram.ncols() {
        for (i, entry) in gram.as_mut().col_mut(j).iter_mut().enumerate() {
            let identity = f32::from(u8::from(i == j));
            *entry = half * (3.0 * identity - squared * *entry);
        }
    }
}

/// max |A − I| over the entries; NaN when there is one.
fn distance_from_identity<T: Real>(a: MatRef<'_, T>) -> f64 {
    let mut worst = 0.0f64;
    for j in 0..a.ncols() {
        for i in 0..a.nrows() {
            let error = (a[(i, j)].into() - f64::from(i == j)).abs();
            // f64::max would drop a NaN.
            worst = if error > worst || error.is_nan() { error } else { worst };
        }
    }
    worst
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
