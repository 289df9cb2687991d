//! Products of Householder reflections in the UT form.
//!
//! For `V = [v1 … vm]` (d x m) and `Hi = I − 2 vi viᵀ / (viᵀvi)`:
//!
//! ```text
//! H1 H2 … Hm = I − V T Vᵀ,   T = S⁻¹,   S = striu(VᵀV) + ½ diag(VᵀV)
//! ```
//!
//! (Joffrain, Low, Quintana-Ortí, van de Geijn, Van Zee 2006; Puglisi 1992). All work is
//! matrix-matrix, there is no loop over reflections, and the result is orthogonal for every V whose
//! columns are not zero. With `Z = X U`, `D = ∂L/∂Z`, `G = Xᵀ D`:
//!
//! ```text
//! ∂L/∂V = −G V Tᵀ − Gᵀ V T + V (M + Mᵀ),   M = striu(N) + ½ diag(N),   N = Tᵀ (Vᵀ G V) Tᵀ
//! ```
//!
//! Neither G nor any product of two m x m matrices is formed: with `C = (X V) T` and `E = (D V) Tᵀ`,
//! both rows x m, `G V Tᵀ = XᵀE`, `Gᵀ V T = DᵀC` and `N = CᵀE`.
//!
//! A reflection does not change when its vector is scaled, so columns are brought to norm 1 first
//! (nothing then over- or underflows) and the gradient is divided by the norm afterwards.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_inverse::invert_upper_triangular;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::error::{Error, Result};
use crate::linalg::{convert, multiply, multiply_add, product, to_row_major};
use crate::model::check_dimensions;
use crate::real::Real;

/// `I − V T Vᵀ` with the columns of V at norm 1.
#[derive(Debug, Clone)]
pub struct UtForm<T: Real> {
    v: Mat<T>,
    t: Mat<T>,
    norms: Vec<f64>,
}

impl<T: Real> UtForm<T> {
    /// `vectors` holds one reflection vector after the other, each of `dimensions` values.
    ///
    /// # Errors
    /// `ZeroReflection` for an all-zero vector, `NotFinite`, `Mismatch` for an incomplete one.
    pub fn new(vectors: &[T], dimensions: usize) -> Result<Self> {
        if dimensions == 0 || !vectors.len().is_multiple_of(dimensions) {
            let whole = vectors.len() / dimensions.max(1) * dimensions;
            return Err(Error::mismatch("length of reflections", whole, vectors.len()));
        }
        let norms = vectors.chunks(dimensions).enumerate().map(norm).collect::<Result<Vec<_>>>()?;
        let unit: Mat<f64> = Mat::from_fn(dimensions, norms.len(), |i, j| {
            vectors[j * dimensions + i].into() / norms[j]
        });
        // S and its inverse in float64: near-parallel columns lose five digits in float32.
        let mut s = Mat::zeros(norms.len(), norms.len());
        multiply_upper(s.as_mut(), unit.transpose(), unit.as_ref());
        (0..norms.len()).for_each(|i| s[(i, i)] *= 0.5);
        let mut t = Mat::zeros(norms.len(), norms.len());
        invert_upper_triangular(t.as_mut(), s.as_ref(), Par::Seq);
        Ok(Self { v: convert(unit.as_ref()), t: convert(t.as_ref()), norms })
    }

    /// Dimensions d of the space.
    pub fn dimensions(&self) -> usize {
        self.v.nrows()
    }

    /// Number m of reflections.
    pub fn count(&self) -> usize {
        self.v.ncols()
    }

    /// U = H1 H2 … Hm, d x d.
    pub fn product(&self) -> Mat<T> {
        let mut u = Mat::identity(self.dimensions(), self.dimensions());
        let vt = product(self.v.as_ref(), self.t.as_ref());
        multiply_add(u.as_mut(), -1.0, vt.as_ref(), self.v.transpose());
        u
    }

    /// `X U = X − C Vᵀ` for rows x d input; returns `C = (X V) T`, which the gradient needs.
    pub fn apply(&self, x: MatRef<'_, T>, mut out: MatMut<'_, T>) -> Mat<T> {
        let c = times_triangular(product(x, self.v.as_ref()).as_ref(), self.t.as_ref(), UPPER);
        out.copy_from(x);
        multiply_add(out, -1.0, c.as_ref(), self.v.transpose());
        c
    }

    /// ∂L/∂V as d x m, given X, C from [`UtForm::apply`] and `d = ∂L/∂Z` (rows x d).
    pub fn gradient(&self, x: MatRef<'_, T>, c: MatRef<'_, T>, d: MatRef<'_, T>) -> Mat<T> {
        let e = times_triangular(product(d, self.v.as_ref()).as_ref(), self.t.transpose(), LOWER);
        // M + Mᵀ: the upper half of N with its diagonal, mirrored.
        let mut symmetric = Mat::zeros(self.count(), self.count());
        multiply_upper(symmetric.as_mut(), c.transpose(), e.as_ref());
        for j in 0..self.count() {
            (0..j).for_each(|i| symmetric[(j, i)] = symmetric[(i, j)]);
        }
        let mut gradient = Mat::zeros(self.dimensions(), self.count());
        multiply(gradient.as_mut(), self.v.as_ref(), symmetric.as_ref());
        multiply_add(gradient.as_mut(), -1.0, x.transpose(), e.as_ref());
        multiply_add(gradient.as_mut(), -1.0, d.transpose(), c);
        for (j, norm) in self.norms.iter().enumerate() {
            let scale = T::from_f64(1.0 / norm);
            gradient.col_mut(j).iter_mut().for_each(|entry| *entry *= scale);
        }
        gradient
    }
}

const WHOLE: BlockStructure = BlockStructure::Rectangular;
const UPPER: BlockStructure = BlockStructure::TriangularUpper;
const LOWER: BlockStructure = BlockStructure::TriangularLower;

/// `a · t` for a t of which one half is zero.
fn times_triangular<T: Real>(a: MatRef<'_, T>, t: MatRef<'_, T>, half: BlockStructure) -> Mat<T> {
    let mut out = Mat::zeros(a.nrows(), t.ncols());
    let one = T::from_f64(1.0);
    triangular::matmul(out.as_mut(), WHOLE, Accum::Replace, a, WHOLE, t, half, one, Par::Seq);
    out
}

/// The upper half of `a · b`, with the diagonal.
fn multiply_upper<T: Real>(dst: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    let one = T::from_f64(1.0);
    triangular::matmul(dst, UPPER, Accum::Replace, a, WHOLE, b, WHOLE, one, Par::Seq);
}

/// An orthogonal matrix `U = H1 … Hm · diag(signs)`.
///
/// m ≤ d reflections have determinant (−1)^m, so half of all orthogonal matrices need the signs too.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// Dimensions d.
    pub dimensions: usize,
    /// m vectors of d values, one after the other; the identity has none.
    pub reflections: Vec<f32>,
    /// d values of +1 or −1.
    pub signs: Vec<i8>,
}

impl Rotation {
    /// The rotation that changes nothing.
    pub fn identity(dimensions: usize) -> Self {
        Self { dimensions, reflections: Vec::new(), signs: vec![1; dimensions] }
    }

    /// Factors an orthogonal matrix by Householder QR, whose R is then diag(±1).
    pub fn from_matrix(u: MatRef<'_, f32>) -> Self {
        let d = u.nrows();
        let u: Mat<f64> = convert(u);
        let qr = u.qr();
        let (basis, r) = (qr.Q_basis(), qr.thin_R());
        let mut rotation = Self::identity(d);
        for j in 0..d {
            rotation.signs[j] = if r[(j, j)] < 0.0 { -1 } else { 1 };
            // A column that is already in place has no reflection (faer gives it an infinite tau).
            if (j + 1..d).any(|i| basis[(i, j)] != 0.0) {
                let vector = (0..d).map(|i| match i.cmp(&j) {
                    std::cmp::Ordering::Less => 0.0,
                    std::cmp::Ordering::Equal => 1.0,
                    std::cmp::Ordering::Greater => basis[(i, j)] as f32,
                });
                rotation.reflections.extend(vector);
            }
        }
        rotation
    }

    /// U, d x d, computed in float64.
    ///
    /// # Errors
    /// As [`UtForm::new`].
    pub fn matrix(&self) -> Result<Mat<f64>> {
        let vectors: Vec<f64> = self.reflections.iter().map(|&x| x.into()).collect();
        let mut u = UtForm::new(&vectors, self.dimensions)?.product();
        for (j, &sign) in self.signs.iter().enumerate() {
            u.col_mut(j).iter_mut().for_each(|entry| *entry *= f64::from(sign));
        }
        Ok(u)
    }
}

/// The dense product `H1 … Hm` of reflection vectors (one after the other), d x d row-major.
///
/// # Errors
/// As [`UtForm::new`]; `InvalidOption` for more than [`crate::model::MAX_DIMENSIONS`].
pub fn reflection_product(vectors: &[f32], dimensions: usize) -> Result<Vec<f32>> {
    check_dimensions(dimensions)?;
    Ok(to_row_major(UtForm::new(vectors, dimensions)?.product().as_ref()))
}

/// The Euclidean norm, safe for values whose squares leave the range of float64.
fn norm<T: Real>((index, vector): (usize, &[T])) -> Result<f64> {
    let largest = vector.iter().map(|x| (*x).into().abs()).fold(0.0, f64::max);
    if let Some(column) = vector.iter().position(|x| !(*x).into().is_finite()) {
        let value = vector[column].into().to_string();
        return Err(Error::NotFinite { row: index, column, value });
    }
    if largest == 0.0 {
        return Err(Error::ZeroReflection { index });
    }
    let sum: f64 = vector.iter().map(|x| ((*x).into() / largest).powi(2)).sum();
    Ok(largest * sum.sqrt())
}
