//! Inner products in float64: of float32 rows, and of a row with the signs that a code stands for.
//!
//! A product of two float32 values is exact in float64, so only the sums round, and they have one
//! order: the result is the same on every CPU, with fused multiply-add or without. No sum of float32
//! rows overflows or vanishes there.

use crate::level::Level;

/// Partial sums side by side.
const LANES: usize = 16;

/// `Σ a_i · b_i` of two rows of the same length.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    Level::new().dispatch(
        #[inline(always)]
        || accumulate(a, b),
    )
}

/// `1 / ‖a‖`, and 0 for a row of zeros.
pub fn reciprocal_norm(a: &[f32]) -> f64 {
    let norm = dot(a, a).sqrt();
    if norm == 0.0 { 0.0 } else { 1.0 / norm }
}

#[inline(always)]
fn accumulate(a: &[f32], b: &[f32]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    sums.iter().sum::<f64>() + rest
}

/// `Σ ±z_j`, + where bit j is 1. `z` has 64 values per word.
pub fn signed_sum(z: &[f64], words: &[u64]) -> f64 {
    Level::new().dispatch(
        #[inline(always)]
        || accumulate_signed(z, words),
    )
}

#[inline(always)]
fn accumulate_signed(z: &[f64], words: &[u64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (z, &word) in z.as_chunks::<64>().0.iter().zip(words) {
        for (group, z) in z.as_chunks::<LANES>().0.iter().enumerate() {
            for lane in 0..LANES {
                let flip = (!word >> (group * LANES + lane)) << 63;
                sums[lane] += f64::from_bits(z[lane].to_bits() ^ flip);
            }
        }
    }
    sums.iter().sum()
}
