//! Rows times a rotation that is given as reflections and signs, one reflection after the other.
//!
//! Where a model is read in WebAssembly: it takes a tenth of the code of the blocked products of
//! `h2q_core::reflections`. Reflections that come from a QR decomposition begin with zeros, which are
//! passed over.

use crate::error::{Error, Result};

/// Rows that share one pass over the reflections.
const TILE: usize = 4;

/// `rows` rows of `signs.len()` values, which `row` gives for row and column, times `H1 H2 … Hm diag(signs)`
/// with `Hi = I − 2 vi viᵀ / (viᵀvi)`, worked out in float64. `reflections` holds one finite vi after the other,
/// whole ones.
///
/// # Errors
/// `ZeroReflection`.
pub fn rotate_rows(
    rows: usize,
    row: &dyn Fn(usize, usize) -> f32,
    reflections: &[f32],
    signs: &[i8],
) -> Result<Vec<f32>> {
    let dimensions = signs.len();
    // Where each begins to be more than zeros, and 2 / vᵀv: squares of float32 do not leave float64.
    let mut starts = Vec::with_capacity(dimensions);
    for (index, vector) in reflections.chunks_exact(dimensions).enumerate() {
        let start = vector.iter().position(|x| *x != 0.0);
        let start = start.ok_or(Error::ZeroReflection { index })?;
        let squares: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        starts.push((start, 2.0 / squares));
    }
    let mut out = vec![0.0; rows * dimensions];
    let mut tile = vec![[0.0; TILE]; dimensions];
    for first in (0..rows).step_by(TILE) {
        let count = TILE.min(rows - first);
        for (j, values) in tile.iter_mut().enumerate() {
            for r in 0..count {
                values[r] = f64::from(row(first + r, j));
            }
        }
        for (vector, (start, scale)) in reflections.chunks_exact(dimensions).zip(&starts) {
            reflect(&mut tile[*start..], &vector[*start..], *scale);
        }
        for (j, (values, sign)) in tile.iter().zip(signs).enumerate() {
            for r in 0..count {
                out[(first + r) * dimensions + j] = (values[r] * f64::from(*sign)) as f32;
            }
        }
    }
    Ok(out)
}

/// `x ← x − scale (x·v) v` for each of the rows that lie side by side.
#[inline(never)]
fn reflect(rows: &mut [[f64; TILE]], vector: &[f32], scale: f64) {
    let mut sums = [0.0; TILE];
    for (x, v) in rows.iter().zip(vector) {
        let v = f64::from(*v);
        for r in 0..TILE {
            sums[r] += x[r] * v;
        }
    }
    for (x, v) in rows.iter_mut().zip(vector) {
        let v = f64::from(*v) * scale;
        for r in 0..TILE {
            x[r] -= sums[r] * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// `x H1 … Hm diag(signs)` by its definition.
    fn naive(x: &[f32], reflections: &[f32], signs: &[i8]) -> Vec<f64> {
        let mut x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        for v in reflections.chunks_exact(signs.len()) {
            let dot: f64 = x.iter().zip(v).map(|(x, v)| x * f64::from(*v)).sum();
            let square: f64 = v.iter().map(|v| f64::from(*v).powi(2)).sum();
            x.iter_mut().zip(v).for_each(|(x, v)| *x -= 2.0 * dot / square * f64::from(*v));
        }
        x.iter().zip(signs).map(|(x, sign)| x * f64::from(*sign)).collect()
    }

    #[test]
    fn rows_are_reflected_one_after_the_other() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        for (rows, dimensions, count) in [(1, 1, 1), (5, 8, 3), (8, 16, 16), (7, 24, 0)] {
            let mut value = || random.random::<f32>() - 0.5;
            let x: Vec<f32> = (0..rows * dimensions).map(|_| value()).collect();
            let mut reflections: Vec<f32> = (0..count * dimensions).map(|_| value()).collect();
            // As of a QR decomposition.
            for (i, v) in reflections.chunks_exact_mut(dimensions).enumerate() {
                v[..i].fill(0.0);
            }
            let signs: Vec<i8> = (0..dimensions).map(|j| if j % 3 == 0 { -1 } else { 1 }).collect();
            let row = |i: usize, j: usize| x[i * dimensions + j];
            let own = rotate_rows(rows, &row, &reflections, &signs).expect("no zero reflection");
            for (x, own) in x.chunks_exact(dimensions).zip(own.chunks_exact(dimensions)) {
                for (own, wanted) in own.iter().zip(naive(x, &reflections, &signs)) {
                    assert!((f64::from(*own) - wanted).abs() < 1e-7, "{own} {wanted}");
                }
            }
        }
    }

    #[test]
    fn a_reflection_of_zeros_is_refused() {
        let error = rotate_rows(1, &|_, _| 1.0, &[1.0, 1.0, 0.0, 0.0], &[1, 1]);
        assert_eq!(error, Err(Box::new(Error::ZeroReflection { index: 1 })));
    }
}
