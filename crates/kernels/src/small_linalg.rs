//! Decompositions for WebAssembly, where faer's would be a third of the module: QR and the leading
//! eigenvectors of a symmetric matrix, in float64 and unblocked. Each is a small part of a fit. Matrices are
//! columns one after the other. The host tests them against faer.

use crate::sorting::sort_by;

/// Partial sums side by side.
const LANES: usize = 4;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|lane| sums[lane] += a[lane] * b[lane]);
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// `y += factor · x`.
fn add_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * x);
}

fn norm(x: &[f64]) -> f64 {
    let largest = x.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    let scaled = x.iter().map(|x| (x / largest).powi(2));
    largest * scaled.sum::<f64>().sqrt()
}

/// Turns `x` into a Householder vector v with v₀ = 1 and gives τ and what `(I − τ v vᵀ) x` has in its first
/// place; τ is 0 where only that place is not 0 already.
fn reflect(x: &mut [f64]) -> (f64, f64) {
    let head = x[0];
    let tail = norm(&x[1..]);
    x[0] = 1.0;
    if tail == 0.0 {
        return (0.0, head);
    }
    let beta = -head.signum() * head.hypot(tail);
    x[1..].iter_mut().for_each(|x| *x /= head - beta);
    ((beta - head) / beta, beta)
}

/// `H₁ … Hₙ R` of a square matrix.
pub(crate) struct Qr {
    n: usize,
    /// Below the diagonal of column j: the vector of reflection j, of which 1 is the first.
    vectors: Vec<f64>,
    factors: Vec<f64>,
    /// Of R.
    pub diagonal: Vec<f64>,
}

impl Qr {
    pub fn new(mut matrix: Vec<f64>, n: usize) -> Self {
        let (mut factors, mut diagonal) = (Vec::new(), Vec::new());
        for j in 0..n {
            let (done, rest) = matrix.split_at_mut((j + 1) * n);
            let vector = &mut done[j * n + j..];
            let (factor, entry) = reflect(vector);
            if factor != 0.0 {
                for column in rest.chunks_mut(n) {
                    let column = &mut column[j..];
                    add_scaled(column, -factor * dot(vector, column), vector);
                }
            }
            factors.push(factor);
            diagonal.push(entry);
        }
        Self { n, vectors: matrix, factors, diagonal }
    }

    /// The vector of reflection `j` from place j on, without a reflection `None`.
    pub fn vector(&self, j: usize) -> Option<&[f64]> {
        (self.factors[j] != 0.0).then(|| &self.vectors[j * self.n + j..(j + 1) * self.n])
    }

    /// Q.
    pub fn orthogonal(&self) -> Vec<f64> {
        let n = self.n;
        let mut q = vec![0.0; n * n];
        q.iter_mut().step_by(n + 1).for_each(|entry| *entry = 1.0);
        for j in (0..n).rev() {
            let Some(vector) = self.vector(j) else { continue };
            for column in q[j * n..].chunks_mut(n) {
                let column = &mut column[j..];
                add_scaled(column, -self.factors[j] * dot(vector, column), vector);
            }
        }
        q
    }
}

/// Eigenvectors of the `count` largest eigenvalues of a symmetric matrix, of which the lower half is read, in
/// falling order; `None` where they do not converge.
pub(crate) fn leading_eigenvectors(matrix: Vec<f64>, n: usize, count: usize) -> Option<Vec<f64>> {
    let reduced = Tridiagonal::reduce(matrix, n);
    let (mut values, mut off) = (reduced.diagonal.clone(), reduced.off.clone());
    rotate_to_diagonal(&mut values, &mut off, &mut Vec::new(), 0)?;
    sort_by(&mut values, |a, b| b.total_cmp(a));
    values.truncate(count);
    let mut vectors = match reduced.inverse_iteration(&values) {
        Some(vectors) => vectors,
        None => reduced.all_vectors(count)?,
    };
    vectors.chunks_mut(n).for_each(|vector| reduced.turn_back(vector));
    Some(vectors)
}

/// `T = Hᵀ A H`.
struct Tridiagonal {
    n: usize,
    diagonal: Vec<f64>,
    /// Of n − 1 entries.
    off: Vec<f64>,
    /// Below the first place under the diagonal of column k: reflection k.
    vectors: Vec<f64>,
    factors: Vec<f64>,
}

/// How far an eigenvector may be off, relative to the norm.
const ACCURACY: f64 = 1e-12;
/// Eigenvalues closer than this share of the norm have vectors that are made orthogonal one by one.
const CLUSTER: f64 = 1e-3;

impl Tridiagonal {
    /// By Householder reflections (Golub and Van Loan, *Matrix Computations*, 8.3.1), in the lower half.
    fn reduce(mut matrix: Vec<f64>, n: usize) -> Self {
        let (mut diagonal, mut off, mut factors) = (Vec::new(), Vec::new(), Vec::new());
        let mut product = vec![0.0; n];
        for k in 0..n {
            diagonal.push(matrix[k * n + k]);
            if k + 1 == n {
                break;
            }
            let (done, rest) = matrix.split_at_mut((k + 1) * n);
            let vector = &mut done[k * n + k + 1..];
            let (factor, entry) = reflect(vector);
            off.push(entry);
            factors.push(factor);
            if factor == 0.0 {
                continue;
            }
            // p = A v from the lower half of A alone.
            let p = &mut product[k + 1..];
            p.fill(0.0);
            for (j, column) in rest.chunks(n).enumerate() {
                let column = &column[k + 1 + j..];
                add_scaled(&mut p[j..], vector[j], column);
                p[j] += dot(&column[1..], &vector[j + 1..]);
            }
            p.iter_mut().for_each(|p| *p *= factor);
            let half = -0.5 * factor * dot(p, vector);
            add_scaled(p, half, vector);
            for (j, column) in rest.chunks_mut(n).enumerate() {
                let column = &mut column[k + 1 + j..];
                add_scaled(column, -vector[j], &p[j..]);
                add_scaled(column, -p[j], &vector[j..]);
            }
        }
        Self { n, diagonal, off, vectors: matrix, factors }
    }

    /// Turns an eigenvector of T into one of A.
    fn turn_back(&self, vector: &mut [f64]) {
        for (k, factor) in self.factors.iter().enumerate().rev() {
            let reflection = &self.vectors[k * self.n + k + 1..(k + 1) * self.n];
            let part = &mut vector[k + 1..];
            add_scaled(part, -factor * dot(reflection, part), reflection);
        }
    }

    fn norm(&self) -> f64 {
        let off = |i: usize| self.off.get(i).map_or(0.0, |x| x.abs());
        let row = |i: usize| self.diagonal[i].abs() + off(i) + if i > 0 { off(i - 1) } else { 0.0 };
        (0..self.n).map(row).fold(0.0, f64::max)
    }

    /// Eigenvectors of T for `values`, which fall; `None` where one is not as good as can be expected.
    fn inverse_iteration(&self, values: &[f64]) -> Option<Vec<f64>> {
        let (n, size) = (self.n, self.norm());
        let tiny = size * f64::EPSILON;
        if tiny == 0.0 {
            return None;
        }
        let mut vectors: Vec<f64> = Vec::with_capacity(n * values.len());
        let mut state = 1u64;
        let mut shift = f64::INFINITY;
        for (j, &value) in values.iter().enumerate() {
            // Equal values get shifts that differ, or their systems would be the same.
            shift = value.min(shift - 4.0 * tiny);
            let first = values.partition_point(|other| *other > value + CLUSTER * size).min(j);
            let system = Factored::new(self, shift, tiny);
            let mut x: Vec<f64> = (0..n)
                .map(|_| {
                    // Any direction will do, but not one that an eigenvector may be at right angles to.
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 33) as f64 / (1u64 << 31) as f64 - 0.5
                })
                .collect();
            for _ in 0..4 {
                system.solve(&mut x);
                let length = norm(&x);
                x.iter_mut().for_each(|x| *x /= length);
                // Twice is enough (Kahan and Parlett).
                for other in vectors[first * n..].chunks(n).chain(vectors[first * n..].chunks(n)) {
                    let part = dot(other, &x);
                    add_scaled(&mut x, -part, other);
                }
                let length = norm(&x);
                x.iter_mut().for_each(|x| *x /= length);
            }
            let orthogonal = vectors.chunks(n).all(|other| dot(other, &x).abs() < ACCURACY);
            // A NaN fails too.
            if !(orthogonal && self.residual(&x, value) < ACCURACY * size) {
                return None;
            }
            vectors.extend(x);
        }
        Some(vectors)
    }

    /// `‖T x − value · x‖`.
    fn residual(&self, x: &[f64], value: f64) -> f64 {
        let row = |i: usize| {
            let before = if i > 0 { self.off[i - 1] * x[i - 1] } else { 0.0 };
            let after = if i + 1 < self.n { self.off[i] * x[i + 1] } else { 0.0 };
            before + (self.diagonal[i] - value) * x[i] + after
        };
        (0..self.n).map(|i| row(i).powi(2)).sum::<f64>().sqrt()
    }

    /// The leading eigenvectors of T out of all of them.
    fn all_vectors(&self, count: usize) -> Option<Vec<f64>> {
        let n = self.n;
        let mut vectors = vec![0.0; n * n];
        vectors.iter_mut().step_by(n + 1).for_each(|entry| *entry = 1.0);
        let (mut values, mut off) = (self.diagonal.clone(), self.off.clone());
        rotate_to_diagonal(&mut values, &mut off, &mut vectors, n)?;
        let mut order: Vec<usize> = (0..n).collect();
        sort_by(&mut order, |a, b| values[*b].total_cmp(&values[*a]));
        let leading = order.into_iter().take(count);
        Some(leading.flat_map(|i| vectors[i * n..(i + 1) * n].iter().copied()).collect())
    }
}

/// `T − shift · I = P L U`, where U has two upper diagonals.
struct Factored {
    /// Diagonals of U.
    upper: Vec<[f64; 3]>,
    /// Below each pivot: the multiplier, and whether rows were swapped.
    lower: Vec<(f64, bool)>,
}

impl Factored {
    fn new(t: &Tridiagonal, shift: f64, tiny: f64) -> Self {
        let off = |i: usize| t.off.get(i).copied().unwrap_or(0.0);
        let (mut upper, mut lower) = (Vec::with_capacity(t.n), Vec::with_capacity(t.n));
        let mut row = [t.diagonal[0] - shift, off(0), 0.0];
        for i in 0..t.n {
            if i + 1 < t.n {
                let next = [off(i), t.diagonal[i + 1] - shift, off(i + 1)];
                let is_swapped = next[0].abs() > row[0].abs();
                let (pivot, other) = if is_swapped { (next, row) } else { (row, next) };
                let pivot = [nonzero(pivot[0], tiny), pivot[1], pivot[2]];
                let factor = other[0] / pivot[0];
                row = [other[1] - factor * pivot[1], other[2] - factor * pivot[2], 0.0];
                upper.push(pivot);
                lower.push((factor, is_swapped));
            } else {
                upper.push([nonzero(row[0], tiny), 0.0, 0.0]);
            }
        }
        Self { upper, lower }
    }

    fn solve(&self, x: &mut [f64]) {
        for (i, (factor, is_swapped)) in self.lower.iter().enumerate() {
            if *is_swapped {
                x.swap(i, i + 1);
            }
            x[i + 1] -= factor * x[i];
        }
        for (i, [pivot, first, second]) in self.upper.iter().enumerate().rev() {
            let at = |i: usize| x.get(i).copied().unwrap_or(0.0);
            x[i] = (x[i] - first * at(i + 1) - second * at(i + 2)) / pivot;
        }
    }
}

fn nonzero(pivot: f64, tiny: f64) -> f64 {
    if pivot.abs() < tiny { tiny.copysign(pivot) } else { pivot }
}

/// The QL algorithm with implicit shifts (`tql2` of EISPACK): `diagonal` becomes the eigenvalues. Row i of
/// `vectors`, n values each, goes with entry i; with n = 0 there are none.
fn rotate_to_diagonal(
    diagonal: &mut [f64],
    off: &mut Vec<f64>,
    vectors: &mut [f64],
    n: usize,
) -> Option<()> {
    const MOST: usize = 60;
    let count = diagonal.len();
    off.push(0.0);
    for l in 0..count {
        for turn in 0.. {
            let is_split = |m: &usize| {
                let size = diagonal[*m].abs() + diagonal[*m + 1].abs();
                off[*m].abs() <= f64::EPSILON * size
            };
            let m = (l..count - 1).find(is_split).unwrap_or(count - 1);
            if m == l {
                break;
            }
            if turn == MOST {
                return None;
            }
            let g = (diagonal[l + 1] - diagonal[l]) / (2.0 * off[l]);
            let r = g.hypot(1.0);
            let mut g = diagonal[m] - diagonal[l] + off[l] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut is_whole = true;
            for i in (l..m).rev() {
                let (f, b) = (s * off[i], c * off[i]);
                let r = f.hypot(g);
                off[i + 1] = r;
                if r == 0.0 {
                    diagonal[i + 1] -= p;
                    off[m] = 0.0;
                    is_whole = false;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = diagonal[i + 1] - p;
                let r = (diagonal[i] - g) * s + 2.0 * c * b;
                p = s * r;
                diagonal[i + 1] = g + p;
                g = c * r - b;
                if n > 0 {
                    let (low, high) = vectors[i * n..(i + 2) * n].split_at_mut(n);
                    for (a, b) in low.iter_mut().zip(high) {
                        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
                    }
                }
            }
            if is_whole {
                diagonal[l] -= p;
                off[l] = g;
                off[m] = 0.0;
            }
        }
    }
    Some(())
}

#[cfg(test)]
#[path = "small_linalg_tests.rs"]
mod tests;
