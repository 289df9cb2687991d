//! Products of Householder reflections in the UT form.
//!
//! For `V = [v1 … vm]` (d x m) and `Hi = I − 2 vi viᵀ / (viᵀvi)`:
//!
//! ```text
//! H1 H2 … Hm = I − V T Vᵀ,   T = S⁻¹,   S = striu(VᵀV) + ½ diag(VᵀV)
//! ```
//!
//! (Joffrain, Low, Quintana-Ortí, van de Geijn, Van Zee 2006; Puglisi 1992). All work is
//! matrix-matrix, and the result is orthogonal for every V whose columns are not zero. With `Z = X U`,
//! `D = ∂L/∂Z`, `G = Xᵀ D`:
//!
//! ```text
//! ∂L/∂V = −G V Tᵀ − Gᵀ V T + V (M + Mᵀ),   M = striu(N) + ½ diag(N),   N = Tᵀ (Vᵀ G V) Tᵀ
//! ```
//!
//! With `W = V T` and `Y = V Tᵀ` that is `C = X W` and `E = D Y`, both rows x m, `Z = X − C Vᵀ`,
//! `G V Tᵀ = XᵀE`, `Gᵀ V T = DᵀC` and `N = CᵀE`.
//!
//! S, its inverse and V (M + Mᵀ) cost m²·d. Many reflections are therefore cut into blocks, each in its
//! own UT form: forwards the output of one is the input of the next, backwards `D ← D − E Vᵀ`.
//!
//! The gradient depends on X and D only through Xᵀ D, so (I, Xᵀ D) may stand for (X, D):
//! [`Input::Identity`]. Then Z is U itself and C is W.
//!
//! A reflection does not change when its vector is scaled, so columns are brought to norm 1 first
//! (nothing then over- or underflows) and the gradient is divided by the norm afterwards.

use std::ops::Range;

use faer::{Mat, MatMut, MatRef};

use crate::error::{Error, Result};
use crate::linalg::{grown, grown_matrix, multiply, multiply_add, to_row_major};
use crate::model::check_dimensions;
use crate::products::{Half, invert_upper, multiply_half, multiply_symmetric, times_triangular};
use crate::real::Real;
use crate::sizes::block;

/// Reflections of one block. The work beside the products with the rows grows with it, the number of
/// products with 1 over it.
const BLOCK: usize = block(64, 4);

/// `U1 U2 … Up` with `Uk = I − Vk Tk Vkᵀ` and the columns of V at norm 1. All matrices are column-major.
#[derive(Debug, Clone)]
pub struct UtForm<T: Real> {
    dimensions: usize,
    /// d x m.
    v: Vec<T>,
    /// `Vk Tk` for each block, d x m: column j is `2 H1 … H(j−1) vj` within its block.
    w: Vec<T>,
    /// `Vk Tkᵀ` for each block, d x m.
    y: Vec<T>,
    norms: Vec<f64>,
    scratch: UpdateScratch<T>,
}

/// What [`UtForm::update`] works in.
#[derive(Debug, Clone, Default)]
struct UpdateScratch<T> {
    v: Vec<f64>,
    s: Vec<f64>,
    t: Vec<f64>,
    rounded: Vec<T>,
}

/// What [`UtForm::gradient_into`] works in; it keeps its size between calls.
#[derive(Debug, Clone, Default)]
pub struct GradientScratch<T> {
    e: Vec<T>,
    n: Vec<T>,
}

impl<T: Real> GradientScratch<T> {
    /// Makes room for `rows` rows and `count` reflections.
    pub fn reserve(&mut self, rows: usize, count: usize) {
        grown(&mut self.e, rows * count);
    }
}

impl<T: Real> UtForm<T> {
    /// `vectors` holds one reflection vector after the other, each of `dimensions` values.
    ///
    /// # Errors
    /// `ZeroReflection` for an all-zero vector, `NotFinite`, `Mismatch` for an incomplete one.
    pub fn new(vectors: &[T], dimensions: usize) -> Result<Self> {
        let mut form = Self::identity(dimensions);
        form.update(vectors)?;
        Ok(form)
    }

    /// The form without a reflection.
    pub fn identity(dimensions: usize) -> Self {
        let (v, w, y, norms) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { dimensions, v, w, y, norms, scratch: UpdateScratch::default() }
    }

    /// [`UtForm::new`] in place. Allocates only when there are more vectors than ever before.
    ///
    /// # Errors
    /// As [`UtForm::new`]; the form is then of no use until the next update.
    pub fn update(&mut self, vectors: &[T]) -> Result<()> {
        let d = self.dimensions;
        if d == 0 || !vectors.len().is_multiple_of(d) {
            let whole = vectors.len() / d.max(1) * d;
            return Err(Error::mismatch("length of reflections", whole, vectors.len()));
        }
        self.norms.clear();
        for (index, vector) in vectors.chunks(d).enumerate() {
            self.norms.push(norm(index, vector)?);
        }
        [&mut self.v, &mut self.w, &mut self.y]
            .into_iter()
            .for_each(|matrix| matrix.resize(vectors.len(), T::default()));
        for block in blocks(self.count()) {
            self.update_block(vectors, block);
        }
        Ok(())
    }

    fn update_block(&mut self, vectors: &[T], block: Range<usize>) {
        let (d, b) = (self.dimensions, block.len());
        let values = block.start * d..block.end * d;
        let UpdateScratch { v: exact, s, t, rounded } = &mut self.scratch;
        let exact = grown(exact, b * d);
        let v = &mut self.v[values.clone()];
        let columns =
            v.chunks_mut(d).zip(exact.chunks_mut(d)).zip(vectors[values.clone()].chunks(d));
        for (((unit, exact), vector), norm) in columns.zip(&self.norms[block]) {
            let scale = 1.0 / norm;
            for ((unit, exact), x) in unit.iter_mut().zip(exact).zip(vector) {
                *unit = T::from_f64((*x).into() * scale);
                *exact = (*unit).into();
            }
        }
        // S and its inverse in float64: near-parallel columns lose five digits in float32.
        let exact = MatRef::from_column_major_slice(exact, d, b);
        let (mut s, mut t) = (grown_matrix(s, b, b), grown_matrix(t, b, b));
        multiply_half(s.as_mut(), Half::Upper, exact.transpose(), exact);
        (0..b).for_each(|i| s[(i, i)] *= 0.5);
        invert_upper(t.as_mut(), s.as_ref());
        let mut rounded = grown_matrix(rounded, b, b);
        for j in 0..b {
            (0..=j).for_each(|i| rounded[(i, j)] = T::from_f64(t[(i, j)]));
            (j + 1..b).for_each(|i| rounded[(i, j)] = T::default());
        }
        let (v, t) = (MatRef::from_column_major_slice(v, d, b), rounded.as_ref());
        let (w, y) = (&mut self.w[values.clone()], &mut self.y[values]);
        times_triangular(MatMut::from_column_major_slice_mut(w, d, b), v, t, Half::Upper);
        times_triangular(
            MatMut::from_column_major_slice_mut(y, d, b),
            v,
            t.transpose(),
            Half::Lower,
        );
    }

    /// Dimensions d of the space.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Number m of reflections.
    pub fn count(&self) -> usize {
        self.norms.len()
    }

    /// Those columns of one of the d x m matrices.
    fn columns<'a>(&self, matrix: &'a [T], block: &Range<usize>) -> MatRef<'a, T> {
        let values = block.start * self.dimensions..block.end * self.dimensions;
        MatRef::from_column_major_slice(&matrix[values], self.dimensions, block.len())
    }

    /// U = H1 H2 … Hm, d x d.
    pub fn product(&self) -> Mat<T> {
        let d = self.dimensions;
        let (mut u, mut c) = (Mat::zeros(d, d), Mat::zeros(d, self.count()));
        self.apply_into(Input::Identity, u.as_mut(), c.as_mut());
        u
    }

    /// `X U = X − C Vᵀ` for rows x d input; returns C, rows x m, which the gradient needs.
    pub fn apply(&self, x: MatRef<'_, T>, out: MatMut<'_, T>) -> Mat<T> {
        let mut c = Mat::zeros(x.nrows(), self.count());
        self.apply_into(Input::Rows(x), out, c.as_mut());
        c
    }

    /// [`UtForm::apply`] without an allocation.
    pub fn apply_into(&self, x: Input<'_, T>, mut out: MatMut<'_, T>, mut c: MatMut<'_, T>) {
        x.copy_to(out.as_mut());
        for block in blocks(self.count()) {
            let mut c = c.as_mut().subcols_mut(block.start, block.len());
            let input = if block.start == 0 { x } else { Input::Rows(out.as_ref()) };
            input.multiply(c.as_mut(), self.columns(&self.w, &block));
            let v = self.columns(&self.v, &block);
            multiply_add(out.as_mut(), -1.0, c.as_ref(), v.transpose());
        }
    }

    /// ∂L/∂V as d x m, given X, C from [`UtForm::apply`] and `d = ∂L/∂Z` (rows x d).
    pub fn gradient(&self, x: MatRef<'_, T>, c: MatRef<'_, T>, d: MatRef<'_, T>) -> Mat<T> {
        let mut gradient = Mat::zeros(self.dimensions, self.count());
        let scratch = &mut GradientScratch::default();
        self.gradient_into(Input::Rows(x), c, d.to_owned().as_mut(), gradient.as_mut(), scratch);
        gradient
    }

    /// [`UtForm::gradient`] without an allocation once `scratch` has its size. `d` is overwritten.
    pub fn gradient_into(
        &self,
        x: Input<'_, T>,
        c: MatRef<'_, T>,
        mut d: MatMut<'_, T>,
        mut gradient: MatMut<'_, T>,
        scratch: &mut GradientScratch<T>,
    ) {
        let mut e = grown_matrix(&mut scratch.e, d.nrows(), self.count());
        // Backwards: d is the derivative at the block's output.
        for block in blocks(self.count()).rev() {
            let (v, c) = (self.columns(&self.v, &block), c.subcols(block.start, block.len()));
            let mut e = e.as_mut().subcols_mut(block.start, block.len());
            multiply(e.as_mut(), d.as_ref(), self.columns(&self.y, &block));
            let mut symmetric = grown_matrix(&mut scratch.n, block.len(), block.len());
            multiply_symmetric(symmetric.as_mut(), c.transpose(), e.as_ref());
            let mut gradient = gradient.as_mut().subcols_mut(block.start, block.len());
            multiply(gradient.as_mut(), v, symmetric.as_ref());
            multiply_add(gradient, -1.0, d.as_ref().transpose(), c);
            if block.start > 0 {
                multiply_add(d.as_mut(), -1.0, e.as_ref(), v.transpose());
            }
        }
        // Forwards: z, which takes the place of d, is the block's input.
        let mut z = d;
        for block in blocks(self.count()) {
            let (c, e) =
                (c.subcols(block.start, block.len()), e.as_ref().subcols(block.start, block.len()));
            let mut gradient = gradient.as_mut().subcols_mut(block.start, block.len());
            let input = if block.start == 0 { x } else { Input::Rows(z.as_ref()) };
            input.subtract_product(gradient.as_mut(), e);
            for (column, norm) in gradient.col_iter_mut().zip(&self.norms[block.clone()]) {
                let scale = T::from_f64(1.0 / norm);
                column.iter_mut().for_each(|entry| *entry *= scale);
            }
            if block.end < self.count() {
                if block.start == 0 {
                    x.copy_to(z.as_mut());
                }
                multiply_add(z.as_mut(), -1.0, c, self.columns(&self.v, &block).transpose());
            }
        }
    }
}

/// The rows X that a form is applied to.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, T: Real> {
    /// X = I, so that Z = U. Products with it cost nothing.
    Identity,
    /// Rows x d.
    Rows(MatRef<'a, T>),
}

impl<T: Real> Input<'_, T> {
    fn copy_to(self, mut dst: MatMut<'_, T>) {
        match self {
            Self::Identity => {
                dst.fill(T::default());
                dst.diagonal_mut().fill(T::from_f64(1.0));
            }
            Self::Rows(x) => dst.copy_from(x),
        }
    }

    /// `dst = X a`.
    fn multiply(self, mut dst: MatMut<'_, T>, a: MatRef<'_, T>) {
        match self {
            Self::Identity => dst.copy_from(a),
            Self::Rows(x) => multiply(dst, x, a),
        }
    }

    /// `dst −= Xᵀ a`.
    fn subtract_product(self, mut dst: MatMut<'_, T>, a: MatRef<'_, T>) {
        match self {
            Self::Identity => dst -= a,
            Self::Rows(x) => multiply_add(dst, -1.0, x.transpose(), a),
        }
    }
}

/// The reflections of each block.
fn blocks(count: usize) -> impl DoubleEndedIterator<Item = Range<usize>> {
    (0..count.div_ceil(BLOCK)).map(move |k| k * BLOCK..count.min((k + 1) * BLOCK))
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
fn norm<T: Real>(index: usize, vector: &[T]) -> Result<f64> {
    let squared = sum_of_squares(vector);
    // Not so for anything finite in float32.
    if squared > 1e-200 && squared.is_finite() {
        return Ok(squared.sqrt());
    }
    if let Some(column) = vector.iter().position(|x| !(*x).into().is_finite()) {
        return Err(Error::not_finite(index, column, vector[column].into()));
    }
    let largest = vector.iter().map(|x| (*x).into().abs()).fold(0.0, f64::max);
    if largest == 0.0 {
        return Err(Error::ZeroReflection { index }.into());
    }
    let sum: f64 = vector.iter().map(|x| ((*x).into() / largest).powi(2)).sum();
    Ok(largest * sum.sqrt())
}

/// In float64, by independent partial sums.
fn sum_of_squares<T: Real>(vector: &[T]) -> f64 {
    let mut lanes = [0.0f64; 16];
    let (chunks, tail) = vector.as_chunks::<16>();
    let add = |lane: &mut f64, x: &T| *lane += (*x).into() * (*x).into();
    chunks.iter().for_each(|chunk| lanes.iter_mut().zip(chunk).for_each(|(lane, x)| add(lane, x)));
    lanes.iter_mut().zip(tail).for_each(|(lane, x)| add(lane, x));
    lanes.iter().sum()
}
