//! Inner products of float32 rows in float64.
//!
//! A product of two float32 values is exact in float64, so only the sums round, and they have one
//! order: the result is the same on every CPU, with fused multiply-add or without. No sum of float32
//! rows overflows or vanishes there.

/// Partial sums side by side.
const LANES: usize = 16;

/// `Σ a_i · b_i` of two rows of the same length.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || accumulate(a, b),
    )
}

/// `1 / ‖a‖`, and 0 for a row of zeros.
pub(crate) fn reciprocal_norm(a: &[f32]) -> f64 {
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
