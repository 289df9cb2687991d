//! QR and eigenvectors: by faer, in WebAssembly by [`crate::small_linalg`]. Native results are faer's, bit by
//! bit.

#[cfg(not(target_family = "wasm"))]
pub use by_faer::{Qr, eigenvectors};
#[cfg(target_family = "wasm")]
pub use own::{Qr, eigenvectors};

#[cfg(not(target_family = "wasm"))]
mod by_faer {
    use faer::{Mat, MatRef, Side};

    /// `H₁ … Hₙ R` of a square matrix.
    pub struct Qr(faer::linalg::solvers::Qr<f64>);

    impl Qr {
        /// Of a square matrix.
        pub fn new(matrix: &Mat<f64>) -> Self {
            Self(matrix.qr())
        }

        /// Entry j of R's diagonal.
        pub fn diagonal(&self, j: usize) -> f64 {
            self.0.thin_R()[(j, j)]
        }

        /// Entry i > j of the vector of reflection j, of which entry j is 1; all are 0 where there is no
        /// reflection.
        pub fn vector(&self, i: usize, j: usize) -> f64 {
            self.0.Q_basis()[(i, j)]
        }

        /// Q.
        pub fn orthogonal(&self) -> Mat<f64> {
            self.0.compute_Q()
        }
    }

    /// Eigenvectors of the `count` largest eigenvalues of a symmetric matrix, of which the lower half is
    /// read, in falling order; `None` where they do not converge.
    pub fn eigenvectors(a: MatRef<'_, f64>, count: usize) -> Option<Mat<f64>> {
        let n = a.nrows();
        let leading = |a: MatRef<'_, f64>| {
            let eigen = a.self_adjoint_eigen(Side::Lower).ok()?;
            let vectors = eigen.U();
            Some(Mat::from_fn(n, count, |i, j| vectors[(i, n - 1 - j)]))
        };
        // With hundreds of eigenvalues of exactly 0 it may give up. A diagonal that tells them apart, far below what
        // the entries are known to, moves the others by less than rounding did.
        let largest = (0..n).map(|j| a[(j, j)].abs()).fold(0.0, f64::max);
        let apart = |share: f64| {
            let step = share * largest / n as f64;
            Mat::from_fn(n, n, |i, j| {
                a[(i.max(j), i.min(j))] + if i == j { step * i as f64 } else { 0.0 }
            })
        };
        leading(a).or_else(|| {
            [1e-14, 1e-12, 1e-10].into_iter().find_map(|share| leading(apart(share).as_ref()))
        })
    }
}

#[cfg(target_family = "wasm")]
mod own {
    use faer::{Mat, MatRef};

    use crate::small_linalg;

    /// `H₁ … Hₙ R` of a square matrix.
    pub struct Qr {
        factors: small_linalg::Qr,
        n: usize,
    }

    impl Qr {
        /// Of a square matrix.
        pub fn new(matrix: &Mat<f64>) -> Self {
            let n = matrix.nrows();
            Self { factors: small_linalg::Qr::new(columns(matrix.as_ref()), n), n }
        }

        /// Entry j of R's diagonal.
        pub fn diagonal(&self, j: usize) -> f64 {
            self.factors.diagonal[j]
        }

        /// Entry i > j of the vector of reflection j; all are 0 where there is no reflection.
        pub fn vector(&self, i: usize, j: usize) -> f64 {
            self.factors.vector(j).map_or(0.0, |vector| vector[i - j])
        }

        /// Q.
        pub fn orthogonal(&self) -> Mat<f64> {
            let q = self.factors.orthogonal();
            Mat::from_fn(self.n, self.n, |i, j| q[j * self.n + i])
        }
    }

    /// Eigenvectors of the `count` largest eigenvalues of a symmetric matrix, of which the lower half is
    /// read, in falling order; `None` where they do not converge.
    pub fn eigenvectors(a: MatRef<'_, f64>, count: usize) -> Option<Mat<f64>> {
        let n = a.nrows();
        let vectors = small_linalg::leading_eigenvectors(columns(a), n, count)?;
        Some(Mat::from_fn(n, count, |i, j| vectors[j * n + i]))
    }

    fn columns(a: MatRef<'_, f64>) -> Vec<f64> {
        (0..a.ncols()).flat_map(|j| (0..a.nrows()).map(move |i| a[(i, j)])).collect()
    }
}
