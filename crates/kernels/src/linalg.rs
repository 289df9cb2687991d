//! What the fit needs of linear algebra, on top of faer. Always sequential: parallel loops cut their
//! work into fixed tasks themselves, so that sums never depend on the number of threads.

use faer::{Mat, MatMut, MatRef, Scale};

use crate::decompositions::eigenvectors;
use crate::error::{Error, Result};
use crate::parallel::Cancel;
use crate::products::multiply_symmetric;
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

// Entry by entry, here rather than by faer's operators where they are wanted: generic code is compiled as the
// crate that asks for it, in WebAssembly for size.

/// Nothing but zeros.
pub fn zeros(rows: usize, columns: usize) -> Mat<f32> {
    Mat::zeros(rows, columns)
}

/// A copy.
pub fn copy(a: &Mat<f32>) -> Mat<f32> {
    let mut dst = Mat::zeros(a.nrows(), a.ncols());
    for j in 0..a.ncols() {
        dst.col_as_slice_mut(j).copy_from_slice(a.col_as_slice(j));
    }
    dst
}

/// `dst += a` for matrices of one shape.
pub fn add(dst: &mut Mat<f32>, a: &Mat<f32>) {
    for j in 0..a.ncols() {
        let entries = dst.col_as_slice_mut(j).iter_mut().zip(a.col_as_slice(j));
        entries.for_each(|(sum, x)| *sum += x);
    }
}

/// `a + share · (b − c)` for matrices of one shape.
pub fn extrapolate(a: &Mat<f32>, share: f32, b: &Mat<f32>, c: &Mat<f32>) -> Mat<f32> {
    let mut dst = copy(a);
    for j in 0..a.ncols() {
        let change = b.col_as_slice(j).iter().zip(c.col_as_slice(j));
        let entries = dst.col_as_slice_mut(j).iter_mut().zip(change);
        entries.for_each(|(entry, (b, c))| *entry += share * (b - c));
    }
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
    distance_of_gram_from_identity(u.as_ref())
}

/// What [`polar`] gives.
#[derive(Debug)]
pub struct Polar {
    /// The orthogonal factor, d x d.
    pub factor: Mat<f32>,
    /// How many products of two d x d matrices it took; of a symmetric result the half that is computed.
    pub products: f64,
}

/// Odd polynomials `ax + bx³ + cx⁵` of which each is nearest to 1, in the largest error, on the interval into
/// which those before it have taken `[10⁻³, 1]`; after six the error is 10⁻³ (Chen & Chow 2014; Amsel et al.
/// 2025, arXiv 2505.16932; found by Remez exchange, docs/math.md).
const QUINTICS: [[f64; 3]; 6] = [
    [8.470_328_804, -25.108_074_707, 18.629_275_599],
    [4.182_834_183, -3.108_701_110, 0.580_606_681],
    [3.961_857_279, -2.954_063_746, 0.562_976_118],
    [3.286_586_217, -2.464_720_135, 0.507_357_694],
    [2.273_749_994, -1.644_660_368, 0.416_190_927],
    [1.888_716_197, -1.265_157_225, 0.376_518_926],
];
/// Once near, the one with two derivatives of zero at 1 takes the error to its third power: below rounding.
const FLAT_QUINTIC: [f64; 3] = [1.875, -1.25, 0.375];
/// What has not arrived after them goes through all but the first again: three rounds do for the smallest
/// singular values that `toward` leaves.
const MAX_STEPS: usize = 40;
/// Share of `toward` in what [`polar`] decomposes, relative to the Frobenius norm. It keeps the condition
/// number below some 10⁵; directions that weigh less than that in `m` follow slowly.
const TOWARD: f64 = 1e-5;

/// The orthogonal polar factor: the orthogonal matrix with the largest inner product with `m`
/// (Schönemann 1966). `m` is square. A trace of the orthogonal matrix `toward` is added, so that the
/// factor is that of `m` to 10⁻⁵ of its condition number, and near `toward` where `m` has no full rank.
///
/// # Errors
/// `Aborted`; `Internal` when values are not finite.
pub fn polar(m: MatRef<'_, f32>, toward: MatRef<'_, f32>, cancel: &Cancel) -> Result<Polar> {
    let d = m.nrows();
    let norm = frobenius_norm(m);
    if norm == 0.0 {
        return Ok(Polar { factor: toward.to_owned(), products: 0.0 });
    }
    let mut x = Mat::from_fn(d, d, |i, j| {
        let sum = f64::from(m[(i, j)]) / norm + TOWARD * f64::from(toward[(i, j)]);
        sum as f32
    });
    let (mut gram, mut square, mut next) = (Mat::zeros(d, d), Mat::zeros(d, d), Mat::zeros(d, d));
    // Of a symmetric product, with the diagonal.
    let (mut products, half) = (0.0, (d + 1) as f64 / (2 * d) as f64);
    for step in 0..MAX_STEPS {
        cancel.check()?;
        multiply_symmetric(gram.as_mut(), x.transpose(), x.as_ref());
        if step == 0 {
            // Close above the largest of the squared singular values where few are large.
            let bound = frobenius_norm(gram.as_ref());
            gram *= Scale((1.0 / bound) as f32);
            x *= Scale((1.0 / bound.sqrt()) as f32);
        }
        // On average over the singular values, a little more than the quintics leave.
        let near = frobenius_distance_from_identity(gram.as_ref()) < 2e-3 * (d as f64).sqrt();
        let turn = if step == 0 { 0 } else { 1 + (step - 1) % (QUINTICS.len() - 1) };
        let [a, b, c] = if near { FLAT_QUINTIC } else { QUINTICS[turn] };
        multiply_symmetric(square.as_mut(), gram.as_ref(), gram.as_ref());
        for j in 0..d {
            let columns = gram.col_mut(j).iter_mut().zip(square.col(j).iter());
            for (entry, &squared) in columns {
                *entry = b as f32 * *entry + c as f32 * squared;
            }
            gram[(j, j)] += a as f32;
        }
        multiply(next.as_mut(), x.as_ref(), gram.as_ref());
        products += 1.0 + 2.0 * half;
        std::mem::swap(&mut x, &mut next);
        if near {
            return Ok(Polar { factor: x, products });
        }
    }
    Err(Error::Internal { reason: "a polar step did not converge".into() }.into())
}

/// The root of the sum of squares, in float64; NaN when there is one.
fn frobenius_norm(a: MatRef<'_, f32>) -> f64 {
    let squares = |j| a.col(j).iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    (0..a.ncols()).map(squares).sum::<f64>().sqrt()
}

/// [`frobenius_norm`] of A − I.
fn frobenius_distance_from_identity(a: MatRef<'_, f32>) -> f64 {
    let square = |i: usize, j: usize| {
        let entry = f64::from(a[(i, j)] - f32::from(u8::from(i == j)));
        entry * entry
    };
    let squares = |j| (0..a.nrows()).map(|i| square(i, j)).sum::<f64>();
    (0..a.ncols()).map(squares).sum::<f64>().sqrt()
}

/// max |AᵀA − I| over the entries; NaN when there is one.
fn distance_of_gram_from_identity(a: MatRef<'_, f64>) -> f64 {
    let gram = product(a.transpose(), a);
    let mut worst = 0.0f64;
    for j in 0..gram.ncols() {
        for (i, &entry) in gram.col_as_slice(j).iter().enumerate() {
            let error = (entry - f64::from(i == j)).abs();
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
    let failed = || Error::Internal { reason: "the eigenvectors did not converge".into() };
    let mut leading = eigenvectors(a, count).ok_or_else(failed)?;
    let n = a.nrows();
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
