//! Float loops spelt out for WebAssembly, whose registers they fit, whatever the level of optimisation.

use std::arch::wasm32::{
    f32x4_abs, f32x4_add, f32x4_ge, f32x4_lt, f32x4_mul, f32x4_splat, i32x4_all_true,
    i32x4_bitmask, i32x4_splat, v128, v128_and, v128_load, v128_store,
};

/// Four rows of a tile, `PANEL` columns each, of `x` ([k][row]) and a panel ([k][column]). Every sum is one chain over
/// k, product and sum rounded apart: what the loop of `projection.rs` gives without a fused multiply-add.
#[inline(never)]
pub(crate) fn multiply_tile<const PANEL: usize>(x: &[f32], panel: &[f32]) -> [[f32; PANEL]; 4] {
    let mut tile = [[0.0; PANEL]; 4];
    // Eight columns at a time: eight sums, two registers of weights and what is multiplied fit sixteen registers.
    for first in (0..PANEL).step_by(8) {
        let zero = f32x4_splat(0.0);
        let (mut a, mut b, mut c, mut d) = ([zero; 2], [zero; 2], [zero; 2], [zero; 2]);
        for (x, weights) in x.as_chunks::<4>().0.iter().zip(panel.as_chunks::<PANEL>().0) {
            let weights = [load(&weights[first..]), load(&weights[first + 4..])];
            add(&mut a, x[0], weights);
            add(&mut b, x[1], weights);
            add(&mut c, x[2], weights);
            add(&mut d, x[3], weights);
        }
        for (row, sums) in tile.iter_mut().zip([a, b, c, d]) {
            store(&mut row[first..], sums[0]);
            store(&mut row[first + 4..], sums[1]);
        }
    }
    tile
}

#[inline(always)]
fn add(sums: &mut [v128; 2], x: f32, weights: [v128; 2]) {
    let x = f32x4_splat(x);
    sums[0] = f32x4_add(sums[0], f32x4_mul(x, weights[0]));
    sums[1] = f32x4_add(sums[1], f32x4_mul(x, weights[1]));
}

/// Bit j is 1 iff `z[j] >= 0`.
#[inline(always)]
pub(crate) fn signs(z: &[f32; 8]) -> u8 {
    let zero = f32x4_splat(0.0);
    let low = i32x4_bitmask(f32x4_ge(load(z), zero));
    low | i32x4_bitmask(f32x4_ge(load(&z[4..]), zero)) << 4
}

/// Whether no value is NaN or infinite.
#[inline(never)]
pub(crate) fn is_finite(values: &[f32]) -> bool {
    let (fours, rest) = values.as_chunks::<4>();
    let infinity = f32x4_splat(f32::INFINITY);
    // Whatever is not below infinity leaves its lane false.
    let below = |all, four: &[f32; 4]| v128_and(all, f32x4_lt(f32x4_abs(load(four)), infinity));
    let all = fours.iter().fold(i32x4_splat(-1), below);
    i32x4_all_true(all) && rest.iter().all(|x| x.is_finite())
}

#[inline(always)]
fn load(values: &[f32]) -> v128 {
    let values: &[f32] = &values[..4];
    // SAFETY: sixteen bytes behind a reference.
    unsafe { v128_load(values.as_ptr().cast()) }
}

#[inline(always)]
fn store(values: &mut [f32], lanes: v128) {
    let values: &mut [f32] = &mut values[..4];
    // SAFETY: as above.
    unsafe { v128_store(values.as_mut_ptr().cast(), lanes) }
}
