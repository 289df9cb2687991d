//! Back to orthonormal columns after a step.

use faer::{Mat, Scale};

use super::products::product;
use crate::error::Result;
use crate::parallel::Cancel;

/// WᵀW may be this far from I, in the largest entry.
const TOLERANCE: f32 = 1e-5;
/// From here on the iteration is safe without scaling.
const NEAR: f32 = 0.5;
/// Enough for a smallest singular value of 10⁻³.
const MAX_STEPS: usize = 24;
/// The nearest matrix with orthonormal columns, by the iteration of Newton and Schulz: `W ← W (3 − WᵀW)/2`. None where
/// the columns of `w` are too near to a space of fewer dimensions, or not finite.
pub(super) fn orthonormal(
    mut w: Mat<f32>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Option<Mat<f32>>> {
    let b = w.ncols();
    for _ in 0..MAX_STEPS {
        let mut gram = product(w.transpose(), w.as_ref(), threads, cancel)?;
        let (mut error, mut bound) = (0.0f32, 0.0f32);
        for j in 0..b {
            let mut sum = 0.0;
            for (i, &entry) in gram.col(j).iter().enumerate() {
                let off = (entry - f32::from(u8::from(i == j))).abs();
                // f32::max would drop a NaN.
                error = if off > error || off.is_nan() { off } else { error };
                sum += entry.abs();
            }
            bound = bound.max(sum);
        }
        if !error.is_finite() {
            return Ok(None);
        }
        if error < TOLERANCE {
            return Ok(Some(w));
        }
        // The iteration needs singular values below √3; their squares are below the largest sum of a column.
        if error > NEAR {
            w *= Scale(1.0 / bound.sqrt());
            gram *= Scale(1.0 / bound);
        }
        gram *= Scale(-0.5);
        (0..b).for_each(|j| gram[(j, j)] += 1.5);
        w = product(w.as_ref(), gram.as_ref(), threads, cancel)?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::fit::random::{Stream, generator};
    use crate::linalg::orthogonality_error;

    #[test]
    fn columns_become_orthonormal_within_their_space_however_far_they_are() {
        for (k, b) in [(3, 1), (20, 8), (100, 70)] {
            for far in [1e-4f32, 0.3, 30.0] {
                let mut random = generator(1, Stream::Rotation);
                let w = Mat::from_fn(k, b, |i, j| {
                    f32::from(u8::from(i == j)) + far * random.random_range(-0.5f32..0.5)
                });
                let near = orthonormal(w.clone(), 1, &Cancel::default()).expect("nobody aborts");
                let near = near.expect("it has full rank");
                assert!(orthogonality_error(near.as_ref()) < 2e-5, "{k} x {b}, {far}");
                // The polar factor: wᵀ times it is symmetric.
                let symmetric = product(w.transpose(), near.as_ref(), 1, &Cancel::default())
                    .expect("a product");
                let largest = symmetric.norm_max();
                for j in 0..b {
                    for i in 0..j {
                        assert!((symmetric[(i, j)] - symmetric[(j, i)]).abs() < 1e-4 * largest);
                    }
                }
            }
        }
    }

    #[test]
    fn what_has_no_orthonormal_neighbour_has_none() {
        let never = Cancel::default();
        let same = Mat::from_fn(8, 3, |i, _| i as f32);
        assert!(orthonormal(same, 1, &never).expect("nobody aborts").is_none());
        let broken = Mat::from_fn(8, 3, |_, _| f32::NAN);
        assert!(orthonormal(broken, 1, &never).expect("nobody aborts").is_none());
    }
}
