//! What every method does first, in this order: split off the validation rows, centre, project to
//! `bits` dimensions by PCA, scale each row to norm √bits.
//!
//! The scaling is for the fit alone: a model keeps each row's norm, since the signs are the same. A row
//! that is all zeros stays so.

use faer::{Mat, MatRef};
use rand::seq::SliceRandom;

use super::options::Resolved;
use super::part::Part;
use super::random::{Stream, generator};
use crate::error::{Error, Result};
use crate::linalg::{convert, leading_eigenvectors};
use crate::parallel::{Cancel, fill_chunks, map_tasks};
use crate::products::{Half, multiply_half};
use crate::projection::{Projection, TASK_ROWS};
use crate::vectors::{Vectors, zeros};

/// Rows whose products are summed in float32 before they join the float64 total.
const BLOCK_ROWS: usize = 512;
/// The most validation rows that are split off.
const MAX_VALIDATION: usize = 10_000;

/// Rows ready for a solver, and the map that made them.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub mean: Option<Vec<f32>>,
    /// d x bits with orthonormal columns; absent when bits = d.
    pub projection: Option<Mat<f32>>,
    /// As many leading directions as were asked for, of which the projection has the first.
    #[cfg_attr(not(feature = "neighbours"), allow(dead_code, reason = "nobody asks for it"))]
    pub basis: Option<Mat<f32>>,
    /// rows x bits, each row at norm √bits.
    pub train: Vec<f32>,
    pub validation: Vec<f32>,
    pub bits: usize,
}

/// The rows that teach and the rows that judge.
#[derive(Debug)]
pub(crate) struct Split<'a> {
    pub train: Part<'a>,
    pub held_out: Part<'a>,
}

impl<'a> Split<'a> {
    /// Without validation rows, a seeded tenth of the rows, at most 10,000.
    pub fn new(vectors: &'a Vectors, validation: Option<&'a Vectors>, seed: u64) -> Self {
        let rows = vectors.rows();
        if let Some(validation) = validation {
            return Self { train: Part::all(vectors), held_out: Part::all(validation) };
        }
        // Too few rows to spare any: the fit is judged on the rows it sees.
        if rows < 10 {
            return Self { train: Part::all(vectors), held_out: Part::all(vectors) };
        }
        let mut order: Vec<usize> = (0..rows).collect();
        order.shuffle(&mut generator(seed, Stream::Split));
        let held_out = order.split_off(rows - (rows / 10).min(MAX_VALIDATION));
        Self { train: Part::named(vectors, order), held_out: Part::named(vectors, held_out) }
    }
}

/// `basis` is how many directions are wanted, where the bits are not enough.
pub(crate) fn prepare(
    split: &Split,
    options: &Resolved,
    basis: Option<usize>,
    cancel: &Cancel,
) -> Result<Prepared> {
    let train = &split.train;
    let mean =
        if options.center { Some(column_means(train, options.threads, cancel)?) } else { None };
    let dimensions = train.columns();
    let (bits, mut wide) = (options.bits, None);
    let projection = if bits < dimensions {
        let moments = second_moments(train, mean.as_deref(), options.threads, cancel)?;
        cancel.check()?;
        let count = basis.map_or(bits, |wanted| wanted.max(bits));
        let leading = leading_eigenvectors(moments.as_ref(), count)?;
        let leading = convert::<f64, f32>(leading.as_ref());
        let projection = leading.subcols(0, bits).to_owned();
        wide = basis.is_some().then_some(leading);
        Some(projection)
    } else {
        None
    };
    let map = match &projection {
        Some(weights) => Some(Projection::new(mean.clone(), weights.as_ref())),
        None if mean.is_some() => Some(Projection::diagonal(mean.clone(), &vec![1; dimensions])),
        None => None,
    };
    let scaled = |rows: &Part| scaled_rows(rows, map.as_ref(), options, cancel);
    Ok(Prepared {
        train: scaled(train)?,
        validation: scaled(&split.held_out)?,
        bits: options.bits,
        mean,
        projection,
        basis: wide,
    })
}

pub(super) fn column_means(rows: &Part, threads: usize, cancel: &Cancel) -> Result<Vec<f32>> {
    let columns = rows.columns();
    let chunk = 16 * BLOCK_ROWS;
    let chunks = rows.count().div_ceil(chunk);
    let sums = map_tasks(
        threads,
        chunks,
        cancel,
        || (),
        |(), i| {
            let mut sums = vec![0.0f64; columns];
            for row in i * chunk..rows.count().min((i + 1) * chunk) {
                sums.iter_mut().zip(rows.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            Ok(sums)
        },
    )?;
    let total = |j: usize| sums.iter().map(|partial| partial[j]).sum::<f64>();
    Ok((0..columns).map(|j| (total(j) / rows.count() as f64) as f32).collect())
}

/// The power of two that brings `x` to `1..2`, as far as that and its reciprocal are normal numbers.
fn reciprocal_power(x: f32) -> f32 {
    let exponent = (x.to_bits() >> 23) as i32 - 127;
    f32::from_bits(((127 - exponent.clamp(-126, 126)) as u32) << 23)
}

/// `(X − mean)ᵀ (X − mean)`, of which the lower half is filled, up to a factor.
fn second_moments(
    part: &Part,
    mean: Option<&[f32]>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Mat<f64>> {
    let (rows, columns) = (part.count(), part.columns());
    // Squares of very large or small values leave the range of float32; a power of two costs no bits.
    let values = (0..rows).flat_map(|row| part.row(row));
    let largest = values.fold(0.0f32, |best, x| best.max(x.abs()));
    let scale = if largest > 0.0 { reciprocal_power(largest) } else { 1.0 };
    // The strips and so the sums depend on the shape alone; each strip holds two columns² matrices.
    let strips = rows.div_ceil(4 * BLOCK_ROWS).min(8);
    let strip_rows = rows.div_ceil(strips);
    let partial = map_tasks(
        threads,
        strips,
        cancel,
        || (),
        |(), strip| {
            let mut total = Mat::<f64>::zeros(columns, columns);
            let mut sum = Mat::<f32>::zeros(columns, columns);
            let mut block = Vec::new();
            let end = rows.min((strip + 1) * strip_rows);
            for first in (strip * strip_rows..end).step_by(BLOCK_ROWS) {
                cancel.check()?;
                block.clear();
                let last = end.min(first + BLOCK_ROWS);
                for row in (first..last).map(|row| part.row(row)) {
                    match mean {
                        Some(mean) => {
                            block.extend(row.iter().zip(mean).map(|(x, m)| x * scale - m * scale))
                        }
                        None => block.extend(row.iter().map(|x| x * scale)),
                    }
                }
                let x = MatRef::from_row_major_slice(&block, last - first, columns);
                multiply_half(sum.as_mut(), Half::Lower, x.transpose(), x);
                for j in 0..columns {
                    for i in j..columns {
                        total[(i, j)] += f64::from(sum[(i, j)]);
                    }
                }
            }
            Ok(total)
        },
    )?;
    let mut partial = partial.into_iter();
    let first = partial.next().ok_or(Error::Internal { reason: "no rows to project".into() })?;
    Ok(partial.fold(first, |total, strip| total + strip))
}

fn scaled_rows(
    part: &Part,
    map: Option<&Projection>,
    options: &Resolved,
    cancel: &Cancel,
) -> Result<Vec<f32>> {
    let bits = options.bits;
    let mut rows = zeros(part.count() * bits, "prepared vectors")?;
    let buffers = || (Vec::new(), Vec::new());
    fill_chunks(
        options.threads,
        &mut rows,
        TASK_ROWS * bits,
        cancel,
        buffers,
        |(input, scratch), i, out| {
            let first = i * TASK_ROWS;
            let input = part.block(first, out.len() / bits, input);
            match map {
                None => out.copy_from_slice(input),
                Some(map) => {
                    let numbered = |mut error: Box<Error>| {
                        if let Error::OutOfRange { row } = &mut *error {
                            *row = part.number(*row);
                        }
                        error
                    };
                    map.project_block(input, first, out, scratch).map_err(numbered)?;
                }
            }
            out.chunks_mut(bits).for_each(scale_to_root);
            Ok(())
        },
    )?;
    Ok(rows)
}

/// Scales a row to norm √len.
pub(crate) fn scale_to_root(row: &mut [f32]) {
    let sum: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if sum > 0.0 {
        let factor = (row.len() as f64 / sum).sqrt();
        row.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::reciprocal_power;

    #[test]
    fn values_are_brought_to_one() {
        for x in [1.0, 1.9999999, 2.0, 0.75, 3e38, 1e-30, f32::MIN_POSITIVE] {
            let scaled = x * reciprocal_power(x);
            assert!((0.99..4.0).contains(&scaled), "{x} becomes {scaled}");
            assert_eq!(reciprocal_power(x).to_bits() << 9, 0, "no power of two");
        }
        assert_eq!(reciprocal_power(1e-45), reciprocal_power(f32::MIN_POSITIVE));
    }
}
