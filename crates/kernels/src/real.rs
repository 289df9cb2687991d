//! The two floating-point types of h2q. Everything that the gradient tests check is generic, so
//! that finite differences run in float64 on the very code that fits run in float32.

use std::cell::Cell;
use std::thread::LocalKey;

use faer::traits::RealField;
use faer::{MatMut, MatRef};

use crate::losses::{self, Loss, Weight};
use crate::products::{self, Half};
use crate::ranking::{self, Ranking};

/// float32 in use, float64 in the tests that compare against finite differences.
pub trait Real: RealField + Copy + Default + PartialOrd + Into<f64> + Send + Sync {
    /// Rounds from float64.
    fn from_f64(value: f64) -> Self;
    /// e to the power of `self`, for `self <= 0`.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// Absolute value.
    fn magnitude(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Lends `work` a buffer of the thread, which keeps its memory from call to call.
    fn with_buffer(work: impl FnOnce(&mut Vec<Self>));

    /// What [`products::multiply`] and [`products::multiply_add`] call.
    fn multiply(
        dst: MatMut<'_, Self>,
        a: MatRef<'_, Self>,
        b: MatRef<'_, Self>,
        alpha: Self,
        add: bool,
    );
    /// What [`products::multiply_half`] calls.
    fn multiply_half(dst: MatMut<'_, Self>, half: Half, a: MatRef<'_, Self>, b: MatRef<'_, Self>);
    /// What [`products::multiply_symmetric`] calls.
    fn multiply_symmetric(dst: MatMut<'_, Self>, a: MatRef<'_, Self>, b: MatRef<'_, Self>);
    /// What [`products::times_triangular`] calls.
    fn times_triangular(
        dst: MatMut<'_, Self>,
        a: MatRef<'_, Self>,
        t: MatRef<'_, Self>,
        half: Half,
    );
    /// What [`Loss::sum_and_weights`] calls.
    fn sum_and_weights(loss: Loss, z: &mut [Self], columns: usize, weight: Weight) -> f64;
    /// What [`Ranking::compare`] calls.
    fn compare(ranking: Ranking<'_, Self>, sharpness: f64) -> f64;
}

/// The loops, compiled here for one type.
macro_rules! loops {
    () => {
        fn multiply(
            dst: MatMut<'_, Self>,
            a: MatRef<'_, Self>,
            b: MatRef<'_, Self>,
            alpha: Self,
            add: bool,
        ) {
            products::by::multiply(dst, a, b, alpha, add);
        }
        fn multiply_half(
            dst: MatMut<'_, Self>,
            half: Half,
            a: MatRef<'_, Self>,
            b: MatRef<'_, Self>,
        ) {
            products::by::multiply_half(dst, half, a, b);
        }
        fn multiply_symmetric(mut dst: MatMut<'_, Self>, a: MatRef<'_, Self>, b: MatRef<'_, Self>) {
            products::by::multiply_half(dst.as_mut(), Half::Upper, a, b);
            for j in 0..dst.ncols() {
                (0..j).for_each(|i| dst[(j, i)] = dst[(i, j)]);
            }
        }
        fn times_triangular(
            dst: MatMut<'_, Self>,
            a: MatRef<'_, Self>,
            t: MatRef<'_, Self>,
            half: Half,
        ) {
            products::by::times_triangular(dst, a, t, half);
        }
        fn sum_and_weights(loss: Loss, z: &mut [Self], columns: usize, weight: Weight) -> f64 {
            losses::sum_and_weights(loss, z, columns, weight)
        }
        fn compare(ranking: Ranking<'_, Self>, sharpness: f64) -> f64 {
            ranking::compare(ranking, sharpness)
        }
    };
}

fn lend<T>(buffer: &'static LocalKey<Cell<Vec<T>>>, work: impl FnOnce(&mut Vec<T>)) {
    let mut lent = buffer.take();
    work(&mut lent);
    buffer.set(lent);
}

impl Real for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
    fn exp(self) -> Self {
        f64::exp(self)
    }
    fn ln(self) -> Self {
        f64::ln(self)
    }
    fn magnitude(self) -> Self {
        self.abs()
    }
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
    fn with_buffer(work: impl FnOnce(&mut Vec<Self>)) {
        thread_local! {
            static BUFFER: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
        }
        lend(&BUFFER, work);
    }
    loops!();
}

impl Real for f32 {
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    /// Branch-free, so that loops over it become SIMD: 2^n · p(r) with |r| <= ln 2 / 2 and the degree-6
    /// polynomial of the Cephes library (Moshier); relative error below 2e-7, 0 below -87.
    #[inline(always)]
    fn exp(self) -> Self {
        // 1.5 · 2^23: adding it rounds to an integer, which then stands in the lowest bits.
        const ROUND: f32 = 12_582_912.0;
        let x = self.clamp(-87.3, 0.0);
        let rounded = x * std::f32::consts::LOG2_E + ROUND;
        let n = rounded - ROUND;
        let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
        let mut p = 1.987_569_1e-4;
        for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5] {
            p = p * r + coefficient;
        }
        let p = p * r * r + r + 1.0;
        // 2^n from its exponent bits; a conversion to an integer would saturate, which is slow.
        p * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
    }
    fn ln(self) -> Self {
        // WebAssembly has no instruction for either, and one of them is enough to download.
        if cfg!(target_family = "wasm") { f64::from(self).ln() as f32 } else { f32::ln(self) }
    }
    #[inline(always)]
    fn magnitude(self) -> Self {
        self.abs()
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        let e = Real::exp(-2.0 * self.abs());
        ((1.0 - e) / (1.0 + e)).copysign(self)
    }
    fn with_buffer(work: impl FnOnce(&mut Vec<Self>)) {
        thread_local! {
            static BUFFER: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
        }
        lend(&BUFFER, work);
    }
    loops!();
}
