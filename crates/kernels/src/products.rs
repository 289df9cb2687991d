//! Products of matrices, sequential: by faer, in WebAssembly by [`crate::gemm`]. Native results are
//! faer's, bit by bit.

use faer::{MatMut, MatRef};

use crate::real::Real;
#[cfg(not(target_family = "wasm"))]
pub(crate) use by_faer as by;
#[cfg(target_family = "wasm")]
pub(crate) use by_own_kernel as by;

/// Half of a square matrix, with the diagonal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Column >= row.
    Upper,
    /// Row >= column.
    Lower,
}

impl Half {
    /// The half that this one becomes in the transposed matrix.
    #[cfg(any(target_family = "wasm", test))]
    pub(crate) fn transposed(self) -> Self {
        match self {
            Self::Upper => Self::Lower,
            Self::Lower => Self::Upper,
        }
    }
}

/// `dst = a · b`.
pub fn multiply<T: Real>(dst: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    T::multiply(dst, a, b, T::from_f64(1.0), false);
}

/// `dst += alpha · a · b`.
pub fn multiply_add<T: Real>(dst: MatMut<'_, T>, alpha: f64, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    T::multiply(dst, a, b, T::from_f64(alpha), true);
}

/// `half` of `a · b`; the other half may hold anything afterwards.
pub fn multiply_half<T: Real>(dst: MatMut<'_, T>, half: Half, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    T::multiply_half(dst, half, a, b);
}

/// `dst = a · b` where that is symmetric: its upper half is computed and copied to the lower.
pub fn multiply_symmetric<T: Real>(dst: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    T::multiply_symmetric(dst, a, b);
}

/// `dst = a · t` for a triangular t, whose other half is 0.
pub fn times_triangular<T: Real>(
    dst: MatMut<'_, T>,
    a: MatRef<'_, T>,
    t: MatRef<'_, T>,
    half: Half,
) {
    T::times_triangular(dst, a, t, half);
}

/// `dst = s⁻¹` for an upper triangular s; of neither is the other half touched.
pub fn invert_upper(dst: MatMut<'_, f64>, s: MatRef<'_, f64>) {
    by::invert_upper(dst, s);
}

#[cfg(not(target_family = "wasm"))]
pub(crate) mod by_faer {
    use faer::linalg::matmul::matmul;
    use faer::linalg::matmul::triangular::{self, BlockStructure};
    use faer::linalg::triangular_inverse::invert_upper_triangular;
    use faer::{Accum, MatMut, MatRef, Par};

    use super::Half;
    use crate::real::Real;

    const WHOLE: BlockStructure = BlockStructure::Rectangular;

    fn structure(half: Half) -> BlockStructure {
        match half {
            Half::Upper => BlockStructure::TriangularUpper,
            Half::Lower => BlockStructure::TriangularLower,
        }
    }

    pub fn multiply<T: Real>(
        dst: MatMut<'_, T>,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        alpha: T,
        add: bool,
    ) {
        let accum = if add { Accum::Add } else { Accum::Replace };
        matmul(dst, accum, a, b, alpha, Par::Seq);
    }

    pub fn multiply_half<T: Real>(
        dst: MatMut<'_, T>,
        half: Half,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
    ) {
        let (half, one) = (structure(half), T::from_f64(1.0));
        triangular::matmul(dst, half, Accum::Replace, a, WHOLE, b, WHOLE, one, Par::Seq);
    }

    pub fn times_triangular<T: Real>(
        dst: MatMut<'_, T>,
        a: MatRef<'_, T>,
        t: MatRef<'_, T>,
        half: Half,
    ) {
        let (half, one) = (structure(half), T::from_f64(1.0));
        triangular::matmul(dst, WHOLE, Accum::Replace, a, WHOLE, t, half, one, Par::Seq);
    }

    pub fn invert_upper(dst: MatMut<'_, f64>, s: MatRef<'_, f64>) {
        invert_upper_triangular(dst, s, Par::Seq);
    }
}

#[cfg(any(target_family = "wasm", test))]
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "tests of a part"))]
pub(crate) mod by_own_kernel {
    use faer::{MatMut, MatRef};

    use super::Half;
    use crate::gemm;
    use crate::real::Real;

    pub fn multiply<T: Real>(
        dst: MatMut<'_, T>,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
        alpha: T,
        add: bool,
    ) {
        gemm::multiply(dst, a, b, alpha, add, None);
    }

    pub fn multiply_half<T: Real>(
        dst: MatMut<'_, T>,
        half: Half,
        a: MatRef<'_, T>,
        b: MatRef<'_, T>,
    ) {
        gemm::multiply(dst, a, b, T::from_f64(1.0), false, Some(half));
    }

    /// Triangles have at most 64 rows here: not worth the trouble to skip their zeros.
    pub fn times_triangular<T: Real>(
        dst: MatMut<'_, T>,
        a: MatRef<'_, T>,
        t: MatRef<'_, T>,
        _: Half,
    ) {
        gemm::multiply(dst, a, t, T::from_f64(1.0), false, None);
    }

    /// Column by column: that of the inverse is `−(inverse so far) · s / s_jj`.
    pub fn invert_upper(mut dst: MatMut<'_, f64>, s: MatRef<'_, f64>) {
        for j in 0..s.ncols() {
            let factor = 1.0 / s[(j, j)];
            (0..j).for_each(|i| dst[(i, j)] = 0.0);
            for k in 0..j {
                let scale = s[(k, j)];
                (0..=k).for_each(|i| dst[(i, j)] += dst[(i, k)] * scale);
            }
            (0..j).for_each(|i| dst[(i, j)] *= -factor);
            dst[(j, j)] = factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;

    #[test]
    fn the_inverse_of_a_triangle_is_that_of_faer() {
        for n in [1, 2, 5, 64] {
            let entry = |i: usize, j: usize| ((i * 31 + j * 17) % 13) as f64 / 26.0;
            let s =
                Mat::from_fn(
                    n,
                    n,
                    |i, j| if i == j { 1.0 + entry(i, j) } else { entry(i, j) / n as f64 },
                );
            let (mut own, mut faer) = (Mat::zeros(n, n), Mat::zeros(n, n));
            by_own_kernel::invert_upper(own.as_mut(), s.as_ref());
            invert_upper(faer.as_mut(), s.as_ref());
            for j in 0..n {
                for i in 0..=j {
                    assert!((own[(i, j)] - faer[(i, j)]).abs() < 1e-12, "{n}: ({i}, {j})");
                }
            }
        }
    }
}
