//! The one kernel behind `transform` and `encode`: `(x − mean) W`.
//!
//! Each output is one chain `fma(x_k − mean_k, w_kj, …)` over k = 0, 1, … d−1, starting at 0. The chain
//! depends on nothing but its row and column: not on how many rows come along, on the tile shape or on
//! the number of threads, so a row gets the same bits alone and in any batch, and `encode` is exactly
//! the sign of `transform`. Lanes are output columns. A CPU without fused multiply-add rounds the
//! product too, and then differs within |z| ≤ 2 (d + 1) ε Σ|x_k − mean_k||w_kj|.

use faer::MatRef;

use crate::elements::first_not_finite;
use crate::error::{Error, Result};
use crate::level::Level;
use crate::sizes::block;

/// Output columns that are stored side by side for each input dimension.
const PANEL: usize = 32;
/// Rows that share one load of the weights.
const TILE_ROWS: usize = 4;
/// Rows of one task: small enough to notice an abort in time.
pub const TASK_ROWS: usize = block(256, 8);

/// A d x b affine map, packed for the kernel.
#[derive(Debug, Clone)]
pub struct Projection {
    mean: Option<Vec<f32>>,
    weights: Weights,
    dimensions: usize,
    columns: usize,
}

#[derive(Debug, Clone)]
enum Weights {
    /// `[panel][k][PANEL]`, columns past b are 0.
    Panels(Vec<f32>),
    /// A diagonal of ±1: nothing is added up.
    Signs(Vec<f32>),
}

impl Projection {
    /// `weights` is d x b; `mean`, where there is one, has d values.
    pub fn new(mean: Option<Vec<f32>>, weights: MatRef<'_, f32>) -> Self {
        Self::of(mean, weights.nrows(), weights.ncols(), &|k, j| weights[(k, j)])
    }

    /// [`Projection::new`] of weights that `weight` gives for row and column.
    pub fn of(
        mean: Option<Vec<f32>>,
        dimensions: usize,
        columns: usize,
        weight: &dyn Fn(usize, usize) -> f32,
    ) -> Self {
        let mut panels = vec![0.0; columns.div_ceil(PANEL) * dimensions * PANEL];
        for j in 0..columns {
            let panel = &mut panels[j / PANEL * dimensions * PANEL..];
            for k in 0..dimensions {
                panel[k * PANEL + j % PANEL] = weight(k, j);
            }
        }
        Self { mean, weights: Weights::Panels(panels), dimensions, columns }
    }

    /// The map that subtracts the mean and multiplies each column by its sign, +1 or −1.
    pub fn diagonal(mean: Option<Vec<f32>>, signs: &[i8]) -> Self {
        let (dimensions, columns) = (signs.len(), signs.len());
        let signs = signs.iter().map(|&sign| f32::from(sign)).collect();
        Self { mean, weights: Weights::Signs(signs), dimensions, columns }
    }

    /// Dimensions d of the input.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Columns b of the output.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Projects a block of rows, numbered from `first_row` on, on the calling thread.
    pub fn project_block(
        &self,
        input: &[f32],
        first_row: usize,
        out: &mut [f32],
        scratch: &mut Vec<f32>,
    ) -> Result<()> {
        match &self.weights {
            Weights::Panels(panels) => self.multiply(input, panels, out, scratch),
            Weights::Signs(signs) => {
                let rows = input.chunks(self.dimensions).zip(out.chunks_mut(self.columns));
                for (row, out) in rows {
                    for (k, out) in out.iter_mut().enumerate() {
                        *out = self.centered(row[k], k) * signs[k];
                    }
                }
            }
        }
        match first_not_finite(out) {
            None => Ok(()),
            Some(at) => Err(Error::OutOfRange { row: first_row + at / self.columns }.into()),
        }
    }

    fn multiply(&self, input: &[f32], panels: &[f32], out: &mut [f32], scratch: &mut Vec<f32>) {
        let level = Level::new();
        let tiles =
            input.chunks(TILE_ROWS * self.dimensions).zip(out.chunks_mut(TILE_ROWS * self.columns));
        for (rows, out) in tiles {
            // Values of the tile side by side: [k][row], rows past the end are 0.
            scratch.clear();
            scratch.resize(TILE_ROWS * self.dimensions, 0.0);
            for (r, row) in rows.chunks(self.dimensions).enumerate() {
                for (k, &x) in row.iter().enumerate() {
                    scratch[k * TILE_ROWS + r] = self.centered(x, k);
                }
            }
            for (p, panel) in panels.chunks(self.dimensions * PANEL).enumerate() {
                let tile = multiply_tile(level, scratch, panel);
                let columns = PANEL.min(self.columns - p * PANEL);
                for (out, tile) in out.chunks_mut(self.columns).zip(&tile) {
                    out[p * PANEL..][..columns].copy_from_slice(&tile[..columns]);
                }
            }
        }
    }

    fn centered(&self, x: f32, k: usize) -> f32 {
        match &self.mean {
            Some(mean) => x - mean[k],
            None => x,
        }
    }
}

type Tile = [[f32; PANEL]; TILE_ROWS];

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
fn multiply_tile(_: Level, x: &[f32], panel: &[f32]) -> Tile {
    crate::simd128::multiply_tile(x, panel)
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn multiply_tile(level: Level, x: &[f32], panel: &[f32]) -> Tile {
    // The body is compiled once per CPU level; only levels with fused multiply-add may use it, for the
    // others it would be a slow library call.
    match level.arch() {
        pulp::Arch::Scalar => accumulate::<PANEL>(x, panel, |a, b, c| a * b + c),
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V3(v3) => v3.vectorize(
            #[inline(always)]
            || accumulate::<{ PANEL / 2 }>(x, panel, f32::mul_add),
        ),
        #[allow(unreachable_patterns, reason = "the set of levels depends on the target")]
        arch => arch.dispatch(
            #[inline(always)]
            || accumulate::<PANEL>(x, panel, f32::mul_add),
        ),
    }
}

/// `COLUMNS` at a time, so that the running sums fit the registers of the level.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
fn accumulate<const COLUMNS: usize>(
    x: &[f32],
    panel: &[f32],
    fused: impl Fn(f32, f32, f32) -> f32,
) -> Tile {
    let mut tile = [[0.0; PANEL]; TILE_ROWS];
    for first in (0..PANEL).step_by(COLUMNS) {
        let mut sums = [[0.0f32; COLUMNS]; TILE_ROWS];
        for (x, weights) in x.as_chunks::<TILE_ROWS>().0.iter().zip(panel.as_chunks::<PANEL>().0) {
            let weights = &weights[first..first + COLUMNS];
            for r in 0..TILE_ROWS {
                for c in 0..COLUMNS {
                    sums[r][c] = fused(x[r], weights[c], sums[r][c]);
                }
            }
        }
        for (tile, sums) in tile.iter_mut().zip(&sums) {
            tile[first..first + COLUMNS].copy_from_slice(sums);
        }
    }
    tile
}

/// The SIMD level of the float kernels on this CPU: `scalar`, `avx2`, `avx512` or the target's own name.
pub fn simd_level() -> &'static str {
    match Level::new().arch() {
        _ if cfg!(target_feature = "simd128") => "simd128",
        pulp::Arch::Scalar => "scalar",
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V3(_) => "avx2",
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V4(_) => "avx512",
        #[allow(unreachable_patterns, reason = "the set of levels depends on the target")]
        _ => std::env::consts::ARCH,
    }
}

#[cfg(test)]
mod tests {
    //! The variants that this CPU does not choose.

    use super::*;

    fn inputs(dimensions: usize) -> (Vec<f32>, Vec<f32>) {
        let value = |i: usize| ((i * 2_654_435_761) % 1013) as f32 / 506.0 - 1.0;
        (
            (0..dimensions * TILE_ROWS).map(value).collect(),
            (0..dimensions * PANEL).map(value).collect(),
        )
    }

    #[test]
    fn tile_width_changes_no_bit() {
        for dimensions in [1, 7, 64, 1001] {
            let (x, panel) = inputs(dimensions);
            let whole = accumulate::<PANEL>(&x, &panel, f32::mul_add);
            let halves = accumulate::<{ PANEL / 2 }>(&x, &panel, f32::mul_add);
            assert_eq!(whole, halves);
            let chosen = multiply_tile(Level::new(), &x, &panel);
            let separate = accumulate::<PANEL>(&x, &panel, |a, b, c| a * b + c);
            let is_fused = !["scalar", "simd128"].contains(&simd_level());
            assert_eq!(chosen, if is_fused { whole } else { separate });
        }
    }

    #[test]
    fn without_fused_multiply_add_results_stay_within_the_documented_bound() {
        for dimensions in [1, 7, 64, 1001] {
            let (x, panel) = inputs(dimensions);
            let fused = accumulate::<PANEL>(&x, &panel, f32::mul_add);
            let separate = accumulate::<PANEL>(&x, &panel, |a, b, c| a * b + c);
            for r in 0..TILE_ROWS {
                for c in 0..PANEL {
                    let size: f32 = (0..dimensions)
                        .map(|k| (x[k * TILE_ROWS + r] * panel[k * PANEL + c]).abs())
                        .sum();
                    let bound = 2.0 * (dimensions + 1) as f32 * f32::EPSILON * size;
                    assert!((fused[r][c] - separate[r][c]).abs() <= bound);
                }
            }
        }
    }
}
