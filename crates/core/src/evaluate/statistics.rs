//! What codes look like without any query: how much their bits carry, how far they repeat each other, and
//! how far the vectors behind them are from their signs.

use pulp::Arch;

use crate::codes::Codes;
use crate::error::Result;
use crate::fit::scale_to_root;
use crate::losses::{Loss, Weight};
use crate::model::Model;
use crate::parallel::{Cancel, fold_tasks, map_tasks};
use crate::sorting;
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
    let information = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    let entropy = ones.iter().map(|&p| information(p) + information(1.0 - p)).collect();

    let (mut sum, mut max_correlation, mut pairs) = (0.0, 0.0f64, 0.0);
    for i in 0..bits {
        for j in i + 1..bits {
            let (a, b) = (count(i), count(j));
            let variances = a * (n - a) * b * (n - b);
            if variances > 0.0 {
                let covariance = n * both[i * bits + j] as f64 - a * b;
                // Rounding may lead a little beyond 1.
                let correlation = (covariance.abs() / variances.sqrt()).min(1.0);
                sum += correlation;
                max_correlation = max_correlation.max(correlation);
                pairs += 1.0;
            }
        }
    }
    let mean_correlation = if pairs > 0.0 { sum / pairs } else { 0.0 };
    let distinct = count_distinct(codes, threads, cancel)?;
    Ok(CodeStatistics { ones, entropy, mean_correlation, max_correlation, distinct })
}

/// In how many rows bits i and j are both 1, at `i * bits + j` for `i <= j`.
fn ones_in_both(codes: &Codes, threads: usize, cancel: &Cancel) -> Result<Vec<u64>> {
    let (rows, bits) = (codes.rows(), codes.bits());
    let arch = Arch::new();
    let new_state = || {
        let columns = vec![[0u64; BLOCK_WORDS]; bits];
        zeros::<u64>(bits * bits, "counts of pairs of bits").map(|counts| (counts, columns))
    };
    let states =
        fold_tasks(threads, rows.div_ceil(BLOCK_ROWS), cancel, new_state, |state, task| {
            let (counts, columns) = state.as_mut().map_err(|error| error.clone())?;
            let end = ((task + 1) * BLOCK_ROWS).min(rows);
            columns.iter_mut().for_each(|column| column.fill(0));
            for row in task * BLOCK_ROWS..end {
                transpose_row(codes.row(row), row % BLOCK_ROWS, columns);
            }
            for (i, counts) in counts.chunks_exact_mut(bits).enumerate() {
                cancel.check()?;
                arch.dispatch(OnesInBoth { one: i, columns, counts });
            }
            Ok(())
        })?;
    let mut total = zeros(bits * bits, "counts of pairs of bits")?;
    for state in states {
        total.iter_mut().zip(state?.0).for_each(|(total, count)| *total += count);
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

/// Number of different codes: rows are dealt out by a hash, so that equal ones meet, and sorted share by share.
fn count_distinct(codes: &Codes, threads: usize, cancel: &Cancel) -> Result<usize> {
    const SHARE: usize = 1 << 14;
    let shares = codes.rows().div_ceil(SHARE);
    let prefix = |row: usize| {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(codes.row(row)).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(bytes)
    };
    // Fibonacci hashing: the golden ratio spreads neighbours.
    let share_of = |prefix: u64| {
        ((u128::from(prefix.wrapping_mul(0x9e37_79b9_7f4a_7c15)) * shares as u128) >> 64) as usize
    };
    let mut ends = vec![0; shares];
    (0..codes.rows()).for_each(|row| ends[share_of(prefix(row))] += 1);
    let mut end = 0;
    for count in &mut ends {
        (*count, end) = (end, end + *count);
    }
    let mut dealt = zeros::<(u64, u32)>(codes.rows(), "rows in order of their codes")?;
    for row in 0..codes.rows() {
        let prefix = prefix(row);
        let next = &mut ends[share_of(prefix)];
        dealt[*next] = (prefix, row as u32);
        *next += 1;
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let ranges: Vec<_> = starts.zip(&ends).map(|(start, end)| start..*end).collect();
    let dealt = &dealt;
    let counts = map_tasks(threads, shares, cancel, Vec::new, |share, task| {
        share.clear();
        share.extend_from_slice(&dealt[ranges[task].clone()]);
        let rest = |row: u32| &codes.row(row as usize)[8.min(codes.bits() / 8)..];
        sorting::sort_by(share, |a, b| {
            a.0.cmp(&b.0).then_with(|| rest(a.1).cmp(rest(b.1))).then(a.1.cmp(&b.1))
        });
        let differ =
            |pair: &[(u64, u32)]| pair[0].0 != pair[1].0 || rest(pair[0].1) != rest(pair[1].1);
        let first = usize::from(!share.is_empty());
        Ok(first + share.windows(2).filter(|pair| differ(pair)).count())
    })?;
    Ok(counts.into_iter().sum())
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
    let mut by_row = zeros::<[f64; 4]>(vectors.rows(), "losses")?;
    model.map_rows(vectors, &mut by_row, threads, cancel, |z, out| {
        let (mut scaled, mut scratch) = (vec![0.0; bits], vec![0.0; bits]);
        for (z, out) in z.chunks_exact(bits).zip(out) {
            scaled.copy_from_slice(z);
            scale_to_root(&mut scaled);
            for (out, loss) in out.iter_mut().zip(Loss::ALL) {
                scratch.copy_from_slice(&scaled);
                *out = loss.sum_and_weights(&mut scratch, bits, Weight::Gradient { scale: 0.0 });
            }
        }
    })?;
    let mut sums = [0.0; 4];
    for row in &by_row {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    for (sum, loss) in sums.iter_mut().zip(Loss::ALL) {
        *sum /= loss.terms(vectors.rows(), bits) as f64;
    }
    Ok(sums)
}
