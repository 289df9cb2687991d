//! What codes look like without any query: how much their bits carry, how far they repeat each other, and
//! how far the vectors behind them are from their signs.

use std::f64::consts::LN_2;

use super::order::{row_of, sort_halves};
use crate::codes::Codes;
use crate::error::{Error, Result};
use crate::fit::scale_to_root;
use crate::level::Level;
use crate::losses::{Loss, Weight};
use crate::model::Model;
use crate::parallel::{Cancel, fold_tasks};
use crate::vectors::{Vectors, zeros};

/// Bits and what they share, over the rows of some codes.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeStatistics {
    /// Share of ones, per bit.
    pub ones: Vec<f64>,
    /// `-p log2 p - (1 - p) log2 (1 - p)` of a bit with a share p of ones, per bit: 1 where it is balanced,
    /// 0 where it is constant.
    pub entropy: Vec<f64>,
    /// Mean and largest absolute Pearson correlation of two different bits. A constant bit is correlated
    /// with nothing: its pairs do not count, and both are 0 where no pair is left.
    pub mean_correlation: f64,
    /// See `mean_correlation`.
    pub max_correlation: f64,
    /// Number of different codes.
    pub distinct: usize,
}

/// Rows of a word, and of one transposed block: wide enough for whole cache lines, small enough for the cache.
const WORD_ROWS: usize = 64;
const BLOCK_WORDS: usize = 64;
const BLOCK_ROWS: usize = WORD_ROWS * BLOCK_WORDS;

/// Counts in whole numbers, so threads change nothing. Bits x bits numbers are kept per thread.
///
/// # Errors
/// `OutOfMemory`, `Aborted`.
pub fn code_statistics(codes: &Codes, threads: usize, cancel: &Cancel) -> Result<CodeStatistics> {
    let (rows, bits) = (codes.rows(), codes.bits());
    let both = ones_in_both(codes, threads, cancel)?;
    let count = |bit: usize| both[bit * bits + bit] as f64;
    let n = rows as f64;
    let ones: Vec<_> = (0..bits).map(|bit| count(bit) / n).collect();
    let information = |p: f64| if p > 0.0 { -p * (p.ln() / LN_2) } else { 0.0 };
    let entropy = ones.iter().map(|&p| information(p) + information(1.0 - p)).collect();

    let (mut sum, mut max_correlation, mut pairs) = (0.0, 0.0, 0.0);
    for i in 0..bits {
        for j in i + 1..bits {
            let (a, b) = (count(i), count(j));
            let variances = a * (n - a) * b * (n - b);
            if variances > 0.0 {
                let covariance = n * both[i * bits + j] as f64 - a * b;
                let mut correlation = covariance.abs() / variances.sqrt();
                if correlation > 1.0 {
                    correlation = 1.0; // by rounding
                }
                if correlation > max_correlation {
                    max_correlation = correlation;
                }
                sum += correlation;
                pairs += 1.0;
            }
        }
    }
    let mean_correlation = if pairs > 0.0 { sum / pairs } else { 0.0 };
    let distinct = count_distinct(codes)?;
    Ok(CodeStatistics { ones, entropy, mean_correlation, max_correlation, distinct })
}

/// In how many rows bits i and j are both 1, at `i * bits + j` for `i <= j`.
fn ones_in_both(codes: &Codes, threads: usize, cancel: &Cancel) -> Result<Vec<u64>> {
    let (rows, bits) = (codes.rows(), codes.bits());
    let level = Level::new();
    let what = "counts of pairs of bits";
    let new_state = || {
        let columns = vec![[0u64; BLOCK_WORDS]; bits];
        zeros::<u64>(bits * bits, what).map(|counts| (counts, columns)).ok()
    };
    let states =
        fold_tasks(threads, rows.div_ceil(BLOCK_ROWS), cancel, new_state, |state, task| {
            let Some((counts, columns)) = state else {
                return Err(Error::out_of_memory(what, bits * bits * size_of::<u64>()));
            };
            let end = ((task + 1) * BLOCK_ROWS).min(rows);
            columns.iter_mut().for_each(|column| column.fill(0));
            for row in task * BLOCK_ROWS..end {
                transpose_row(codes.row(row), row % BLOCK_ROWS, columns);
            }
            for (i, counts) in counts.chunks_exact_mut(bits).enumerate() {
                cancel.check()?;
                level.dispatch(OnesInBoth { one: i, columns, counts });
            }
            Ok(())
        })?;
    let mut counts = states.into_iter().flatten().map(|(counts, _)| counts);
    let mut total = counts.next().unwrap_or_default();
    for counts in counts {
        total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
    }
    Ok(total)
}

/// Adds to `counts` in how many rows of a block column `one` and each column are both 1, from `one` on. To be
/// dispatched; no closure, so that all of it is compiled for the CPU's SIMD level.
struct OnesInBoth<'a> {
    one: usize,
    columns: &'a [[u64; BLOCK_WORDS]],
    counts: &'a mut [u64],
}

impl pulp::WithSimd for OnesInBoth<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { one, columns, counts } = self;
        for (count, other) in counts[one..].iter_mut().zip(&columns[one..]) {
            let both = columns[one].iter().zip(other).map(|(a, b)| (a & b).count_ones());
            *count += u64::from(both.sum::<u32>());
        }
    }
}

/// Puts the ones of a code into the columns of its bits.
fn transpose_row(code: &[u8], row: usize, columns: &mut [[u64; BLOCK_WORDS]]) {
    let (word, shift) = (row / WORD_ROWS, row % WORD_ROWS);
    for (byte, columns) in code.iter().zip(columns.as_chunks_mut::<8>().0) {
        for (bit, column) in columns.iter_mut().enumerate() {
            column[word] |= u64::from(byte >> bit & 1) << shift;
        }
    }
}

/// Number of different codes: rows are sorted by a hash, and by their bytes where that is the same.
fn count_distinct(codes: &Codes) -> Result<usize> {
    let mut rows = zeros::<u64>(codes.rows(), "rows in order of their codes")?;
    for (row, item) in rows.iter_mut().enumerate() {
        let mut hash = 0u64;
        for bytes in codes.row(row).chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            // Multiplying carries every bit to the upper half, which is all that is kept.
            hash = (hash.rotate_left(32) ^ u64::from_le_bytes(word))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        *item = hash >> 32 << 32 | row as u64;
    }
    let code = |item: &u64| codes.row(row_of(*item));
    sort_halves(&mut rows, &|a, b| code(a).cmp(code(b)));
    let differ = |pair: &&[u64]| code(&pair[0]) != code(&pair[1]);
    Ok(1 + rows.windows(2).filter(differ).count())
}

/// The losses of the transformed `vectors`, each row scaled to norm √bits as for a fit, in the order of
/// [`Loss::ALL`]: what a fit would call its loss on these rows. A row of zeros stays one.
///
/// # Errors
/// As [`Model::transform`].
pub fn quantization_losses(
    model: &Model,
    vectors: &Vectors,
    threads: usize,
    cancel: &Cancel,
) -> Result<[f64; 4]> {
    let bits = model.bits();
    let losses = Loss::ALL.len();
    let mut by_row = zeros(vectors.rows() * losses, "losses")?;
    model.map_rows(vectors, &mut by_row, threads, cancel, &|_, z, out| {
        let (mut scaled, mut scratch) = (vec![0.0; bits], vec![0.0; bits]);
        for (z, out) in z.chunks_exact(bits).zip(out.chunks_exact_mut(losses)) {
            scaled.copy_from_slice(z);
            scale_to_root(&mut scaled);
            for (out, loss) in out.iter_mut().zip(Loss::ALL) {
                scratch.copy_from_slice(&scaled);
                let weight = Weight::Gradient { scale: 0.0 };
                *out = loss.sum_and_weights(&mut scratch, bits, weight) as f32;
            }
        }
    })?;
    let mut sums = [0.0; 4];
    for (i, value) in by_row.iter().enumerate() {
        sums[i % losses] += f64::from(*value);
    }
    for (sum, loss) in sums.iter_mut().zip(Loss::ALL) {
        *sum /= loss.terms(vectors.rows(), bits) as f64;
    }
    Ok(sums)
}
