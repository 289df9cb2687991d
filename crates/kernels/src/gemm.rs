//! A matrix product of its own for WebAssembly, where faer's runs at a fifth of what the engine can do
//! and is larger than all the rest of the core. Written over arrays that the compiler turns into SIMD, so
//! the host's tests run it too.
//!
//! The right factor is packed into panels of a few columns, side by side for each k; four rows of the left
//! one are multiplied with a panel at a time, sums in registers. Each entry adds up its products in order
//! of k, rounded after each operation, in blocks of [`DEPTH`] that are added in order: it depends on its
//! row, its column and the lengths alone.

use faer::{MatMut, MatRef};

use crate::products::Half;
use crate::real::Real;

/// Rows of a tile: 4 x 8 sums in float32 take eight of sixteen registers.
const ROWS: usize = 4;
/// Products that an entry adds up before it is stored: a panel of so many stays in the first-level cache.
const DEPTH: usize = 256;
/// Columns packed at a time: 512 KiB in float32.
const COLUMNS: usize = 512;

/// Whether a tile from (`row`, `column`) on of `columns` columns has an entry of the half that is wanted, or of
/// the whole without one.
fn has_wanted(half: Option<Half>, row: usize, column: usize, columns: usize) -> bool {
    match half {
        None => true,
        Some(Half::Upper) => column + columns > row,
        Some(Half::Lower) => column < row + ROWS,
    }
}

/// `dst = alpha · a · b`, or half of it, added to what `dst` holds where `add` says so. What lies beyond the half
/// may hold anything afterwards.
pub(crate) fn multiply<T: Real>(
    dst: MatMut<'_, T>,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    alpha: T,
    add: bool,
    half: Option<Half>,
) {
    assert!(a.nrows() == dst.nrows() && b.ncols() == dst.ncols() && a.ncols() == b.nrows());
    // Rows of the result are written whole, so they should be what lies side by side.
    let (dst, a, b, half) = if dst.row_stride() == 1 && dst.col_stride() != 1 {
        (dst.transpose_mut(), b.transpose(), a.transpose(), half.map(Half::transposed))
    } else {
        (dst, a, b, half)
    };
    // Four lanes of float32 or two of float64 fill a register.
    match size_of::<T>() {
        4 => blocks::<T, 8>(dst, a, b, alpha, add, half),
        _ => blocks::<T, 4>(dst, a, b, alpha, add, half),
    }
}

fn blocks<T: Real, const W: usize>(
    mut dst: MatMut<'_, T>,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    alpha: T,
    add: bool,
    half: Option<Half>,
) {
    let (depth, columns) = (a.ncols(), b.ncols());
    if depth == 0 && !add {
        dst.fill(T::default());
    }
    T::with_buffer(|buffer| {
        for first in (0..columns).step_by(COLUMNS) {
            let count = COLUMNS.min(columns - first);
            for start in (0..depth).step_by(DEPTH) {
                let length = DEPTH.min(depth - start);
                pack::<T, W>(b.submatrix(start, first, length, count), buffer);
                let block = Block {
                    a: a.subcols(start, length),
                    panels: buffer,
                    first,
                    alpha,
                    add: add || start > 0,
                    half,
                };
                block.multiply::<W>(dst.as_mut().subcols_mut(first, count));
            }
        }
    });
}

/// What a product with packed columns needs.
struct Block<'a, T> {
    a: MatRef<'a, T>,
    panels: &'a [T],
    /// The number that the first column has in the whole result.
    first: usize,
    alpha: T,
    add: bool,
    half: Option<Half>,
}

impl<T: Real> Block<'_, T> {
    fn multiply<const W: usize>(&self, mut dst: MatMut<'_, T>) {
        let (rows, columns) = (dst.nrows(), dst.ncols());
        let panel_length = self.a.ncols() * W;
        for row in (0..rows).step_by(ROWS) {
            let height = ROWS.min(rows - row);
            for (panel, column) in (0..columns).step_by(W).enumerate() {
                if !has_wanted(self.half, row, self.first + column, W) {
                    continue;
                }
                let panel = &self.panels[panel * panel_length..][..panel_length];
                let tile = tile::<T, W>(self.a.subrows(row, height), panel.as_chunks().0);
                let width = W.min(columns - column);
                let out = dst.as_mut().submatrix_mut(row, column, height, width);
                self.store(out, &tile);
            }
        }
    }

    #[inline(always)]
    fn store<const W: usize>(&self, mut out: MatMut<'_, T>, tile: &[[T; W]; ROWS]) {
        for (r, sums) in tile.iter().enumerate().take(out.nrows()) {
            let row = out.as_mut().row_mut(r);
            match row.try_as_row_major_mut().map(|row| row.as_slice_mut()) {
                // A width that the compiler knows.
                Some(row) => match row.as_chunks_mut::<W>().0.first_mut() {
                    Some(row) => self.store_row(row, sums),
                    None => self.store_row(row, sums),
                },
                None => {
                    for (c, sum) in sums.iter().enumerate().take(out.ncols()) {
                        let old = if self.add { out[(r, c)] } else { T::default() };
                        out[(r, c)] = old + self.alpha * *sum;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn store_row(&self, row: &mut [T], sums: &[T]) {
        let entries = row.iter_mut().zip(sums);
        if self.add {
            entries.for_each(|(entry, sum)| *entry += self.alpha * *sum);
        } else {
            entries.for_each(|(entry, sum)| *entry = self.alpha * *sum);
        }
    }
}

/// Up to four rows of `a` times a panel; rows that `a` does not have repeat its last.
#[inline(always)]
fn tile<T: Real, const W: usize>(a: MatRef<'_, T>, panel: &[[T; W]]) -> [[T; W]; ROWS] {
    assert!(a.nrows() > 0 && a.ncols() == panel.len());
    let rows: [*const T; ROWS] = std::array::from_fn(|r| a.row(r.min(a.nrows() - 1)).as_ptr());
    let step = a.col_stride();
    let mut sums = [[T::default(); W]; ROWS];
    for (k, weights) in panel.iter().enumerate() {
        for r in 0..ROWS {
            // SAFETY: `rows[r]` is a row of `a`, which has a value for each of the panel's.
            let x = unsafe { *rows[r].offset(k as isize * step) };
            for c in 0..W {
                sums[r][c] += x * weights[c];
            }
        }
    }
    sums
}

/// `[panel][k][W]`, columns past the last are 0.
fn pack<T: Real, const W: usize>(b: MatRef<'_, T>, buffer: &mut Vec<T>) {
    let (depth, columns) = (b.nrows(), b.ncols());
    buffer.clear();
    buffer.resize(columns.div_ceil(W) * depth * W, T::default());
    for (panel, first) in buffer.chunks_mut(depth * W).zip((0..columns).step_by(W)) {
        let width = W.min(columns - first);
        let b = b.subcols(first, width);
        let panel = panel.as_chunks_mut::<W>().0;
        if b.row_stride() == 1 {
            for (c, column) in b.col_iter().enumerate() {
                let column = column.iter();
                panel.iter_mut().zip(column).for_each(|(entries, x)| entries[c] = *x);
            }
        } else {
            for (k, entries) in panel.iter_mut().enumerate() {
                match b.row(k).try_as_row_major().map(|row| row.as_slice()) {
                    Some(row) => match row.first_chunk::<W>() {
                        Some(row) => *entries = *row,
                        None => entries[..width].copy_from_slice(row),
                    },
                    None => entries.iter_mut().zip(b.row(k).iter()).for_each(|(e, x)| *e = *x),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;

    fn matrix<T: Real>(rows: usize, columns: usize, seed: usize) -> Mat<T> {
        Mat::from_fn(rows, columns, |i, j| {
            let mixed = (i * 7919 + j * 104_729 + seed * 31) as u64 * 2_654_435_761 % 1013;
            T::from_f64(mixed as f64 / 506.0 - 1.0)
        })
    }

    /// Products of all ways to store the three matrices, against the sums in float64.
    fn check<T: Real>(m: usize, k: usize, n: usize, epsilon: f64) {
        let (a, b) = (matrix::<T>(m, k, 1), matrix::<T>(k, n, 2));
        let (a_t, b_t) = (a.transpose().to_owned(), b.transpose().to_owned());
        let start = matrix::<T>(m, n, 3);
        for stored in 0..8 {
            let a = if stored & 1 == 0 { a.as_ref() } else { a_t.transpose() };
            let b = if stored & 2 == 0 { b.as_ref() } else { b_t.transpose() };
            for (add, alpha, half) in [
                (false, 1.0, None),
                (true, -0.5, None),
                (false, 1.0, Some(Half::Upper)),
                (false, 2.0, Some(Half::Lower)),
            ] {
                let mut out =
                    if stored & 4 == 0 { start.clone() } else { start.transpose().to_owned() };
                let dst = if stored & 4 == 0 { out.as_mut() } else { out.as_mut().transpose_mut() };
                multiply(dst, a, b, T::from_f64(alpha), add, half);
                for i in 0..m {
                    for j in 0..n {
                        let is_wanted = match half {
                            None => true,
                            Some(Half::Upper) => i <= j,
                            Some(Half::Lower) => i >= j,
                        };
                        let products = (0..k).map(|l| a[(i, l)].into() * b[(l, j)].into());
                        let (sum, size) = products
                            .fold((0.0, 0.0), |(sum, size), x: f64| (sum + x, size + x.abs()));
                        let old: f64 = if add { start[(i, j)].into() } else { 0.0 };
                        let entry = if stored & 4 == 0 { out[(i, j)] } else { out[(j, i)] };
                        let error = (entry.into() - (old + alpha * sum)).abs();
                        let bound = epsilon * (k + 2) as f64 * (old.abs() + alpha.abs() * size);
                        assert!(
                            !is_wanted || error <= bound,
                            "{m} x {k} x {n}, stored {stored}, {add}, {half:?}: ({i}, {j})"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn products_equal_the_plain_sums_on_both_sides_of_every_block() {
        for m in [1, 3, 4, 5, 8, 17] {
            for n in [1, 3, 4, 5, 7, 8, 9, 16, 25] {
                for k in [0, 1, 2, 7, 33] {
                    check::<f32>(m, k, n, f32::EPSILON.into());
                    check::<f64>(m, k, n, f64::EPSILON);
                }
            }
        }
        for (m, k, n) in
            [(5, DEPTH - 1, 9), (4, DEPTH, 8), (6, DEPTH + 1, 7), (9, 2 * DEPTH + 3, 10)]
        {
            check::<f32>(m, k, n, f32::EPSILON.into());
            check::<f64>(m, k, n, f64::EPSILON);
        }
        for n in [COLUMNS - 1, COLUMNS, COLUMNS + 5] {
            check::<f32>(5, 3, n, f32::EPSILON.into());
            check::<f32>(n, 3, 5, f32::EPSILON.into());
        }
    }

    #[test]
    fn a_view_with_gaps_in_both_directions_is_written_and_read() {
        let (a, b) = (matrix::<f32>(12, 10, 1), matrix::<f32>(10, 18, 2));
        let mut out = Mat::<f32>::zeros(12, 18);
        let whole = {
            let mut whole = Mat::<f32>::zeros(6, 9);
            let (a, b) = (every_second(a.as_ref(), 6, 10), every_second(b.as_ref(), 10, 9));
            multiply(whole.as_mut(), a, b, 1.0, false, None);
            whole
        };
        // SAFETY: rows and columns 0, 2, 4, … of a matrix twice as large.
        let dst = unsafe {
            let (rows, columns) = (out.row_stride(), out.col_stride());
            MatMut::from_raw_parts_mut(out.as_ptr_mut(), 6, 9, 2 * rows, 2 * columns)
        };
        let (a, b) = (every_second(a.as_ref(), 6, 10), every_second(b.as_ref(), 10, 9));
        multiply(dst, a, b, 1.0, false, None);
        for i in 0..6 {
            for j in 0..9 {
                assert_eq!(out[(2 * i, 2 * j)], whole[(i, j)]);
            }
        }
    }

    /// Every second row, and every second column where there are enough.
    fn every_second(a: MatRef<'_, f32>, rows: usize, columns: usize) -> MatRef<'_, f32> {
        let by = |all: usize, half: usize| (all / half) as isize;
        let (row, column) = (by(a.nrows(), rows), by(a.ncols(), columns));
        let (row_stride, col_stride) = (row * a.row_stride(), column * a.col_stride());
        // SAFETY: no more rows and columns than steps of that size stay within.
        unsafe { MatRef::from_raw_parts(a.as_ptr(), rows, columns, row_stride, col_stride) }
    }
}
