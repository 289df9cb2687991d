//! What every method does first, in this order: split off the validation rows, centre, project to
//! `bits` dimensions by PCA, scale each row to norm √bits.
//!
//! The scaling is for the fit alone: a model keeps each row's norm, since the signs are the same. A row
//! that is all zeros stays so.

use std::mem::{replace, take};

use faer::{Mat, MatRef};
use rand::seq::SliceRandom;

use super::options::Resolved;
use super::part::Part;
use super::random::{Stream, generator};
use crate::error::{Error, Result};
use crate::linalg::{convert, leading_eigenvectors};
use crate::parallel::Cancel;
use crate::parts::{fill_chunks, in_parts, map_steps, pause, whole};
use crate::products::{Half, multiply_half};
use crate::projection::{Projection, TASK_ROWS};
use crate::vectors::{Vectors, zeros};

/// Rows whose products are summed in float32 before they join the float64 total.
const BLOCK_ROWS: usize = 512;
/// Blocks of one partial sum of the means.
const MEAN_BLOCKS: usize = 16;
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

in_parts! {
    /// `basis` is how many directions are wanted, where the bits are not enough.
    pub(crate) fn prepare(
        split: &Split<'_>,
        options: &Resolved,
        basis: Option<usize>,
        cancel: &Cancel,
    ) -> Result<Prepared> {
        let train = &split.train;
        let mean = match options.center {
            true => Some(whole!(column_means(train, options.threads, cancel))?),
            false => None,
        };
        whole!(pause());
        let dimensions = train.columns();
        let (bits, mut wide) = (options.bits, None);
        let projection = if bits < dimensions {
            let moments = whole!(second_moments(train, mean.as_deref(), options.threads, cancel))?;
            cancel.check()?;
            let leading = leading(&moments, basis.map_or(bits, |wanted| wanted.max(bits)))?;
            let projection = leading.subcols(0, bits).to_owned();
            wide = basis.is_some().then_some(leading);
            Some(projection)
        } else {
            None
        };
        let map = map_of(mean.as_ref(), projection.as_ref(), dimensions);
        let map = map.as_ref();
        Ok(Prepared {
            train: whole!(scaled_rows(train, map, options, cancel))?,
            validation: whole!(scaled_rows(&split.held_out, map, options, cancel))?,
            bits: options.bits,
            mean,
            projection,
            basis: wide,
        })
    }
}

fn leading(moments: &Mat<f64>, count: usize) -> Result<Mat<f32>> {
    Ok(convert::<f64, f32>(leading_eigenvectors(moments.as_ref(), count)?.as_ref()))
}

fn map_of(
    mean: Option<&Vec<f32>>,
    projection: Option<&Mat<f32>>,
    dimensions: usize,
) -> Option<Projection> {
    match projection {
        Some(weights) => Some(Projection::new(mean.cloned(), weights.as_ref())),
        None if mean.is_some() => Some(Projection::diagonal(mean.cloned(), &vec![1; dimensions])),
        None => None,
    }
}

in_parts! {
    pub(super) fn column_means(
        rows: &Part<'_>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        let (count, columns) = (rows.count(), rows.columns());
        let add = |sums: &mut Vec<f64>, chunk: usize, step: usize| {
            if step == 0 {
                *sums = vec![0.0; columns];
            }
            let first = (chunk * MEAN_BLOCKS + step) * BLOCK_ROWS;
            for row in first..count.min(first + BLOCK_ROWS) {
                sums.iter_mut().zip(rows.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        };
        let end = |sums: &mut Vec<f64>, _: usize| Ok(take(sums));
        let steps = [count.div_ceil(MEAN_BLOCKS * BLOCK_ROWS), MEAN_BLOCKS];
        let sums = whole!(map_steps(threads, steps, cancel, Vec::new, add, end))?;
        let total = |j: usize| sums.iter().map(|partial| partial[j]).sum::<f64>();
        Ok((0..columns).map(|j| (total(j) / count as f64) as f32).collect())
    }
}

/// The power of two that brings `x` to `1..2`, as far as that and its reciprocal are normal numbers.
fn reciprocal_power(x: f32) -> f32 {
    let exponent = (x.to_bits() >> 23) as i32 - 127;
    f32::from_bits(((127 - exponent.clamp(-126, 126)) as u32) << 23)
}

in_parts! {
    /// `(X − mean)ᵀ (X − mean)`, of which the lower half is filled, up to a factor.
    fn second_moments(
        part: &Part<'_>,
        mean: Option<&[f32]>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Mat<f64>> {
        let moments = Moments::new(part, mean);
        let new = || Strip::new(part.columns());
        let step = |strip: &mut Strip, number: usize, step: usize| moments.add(strip, number, step);
        let end = |strip: &mut Strip, _: usize| Ok(replace(&mut strip.total, Mat::new()));
        let strips = whole!(map_steps(threads, moments.steps(), cancel, new, step, end))?;
        let mut strips = strips.into_iter();
        let first = strips.next().ok_or(Error::Internal { reason: "no rows to project".into() })?;
        Ok(strips.fold(first, |total, strip| total + strip))
    }
}

/// Rows in strips, each of as many blocks but the last. The strips and so the sums depend on the shape alone.
struct Moments<'a> {
    part: &'a Part<'a>,
    mean: Option<&'a [f32]>,
    scale: f32,
    strips: usize,
    strip_rows: usize,
}

/// A sum of products, with room for one block of rows: two matrices of columns².
struct Strip {
    total: Mat<f64>,
    sum: Mat<f32>,
    block: Vec<f32>,
}

impl Strip {
    fn new(columns: usize) -> Self {
        Self { total: Mat::new(), sum: Mat::zeros(columns, columns), block: Vec::new() }
    }
}

impl<'a> Moments<'a> {
    fn new(part: &'a Part<'a>, mean: Option<&'a [f32]>) -> Self {
        let rows = part.count();
        // Squares of very large or small values leave the range of float32; a power of two costs no bits.
        let values = (0..rows).flat_map(|row| part.row(row));
        let largest = values.fold(0.0f32, |best, x| best.max(x.abs()));
        let scale = if largest > 0.0 { reciprocal_power(largest) } else { 1.0 };
        let strips = rows.div_ceil(4 * BLOCK_ROWS).min(8);
        Self { part, mean, scale, strips, strip_rows: rows.div_ceil(strips) }
    }

    /// Strips, and blocks of each.
    fn steps(&self) -> [usize; 2] {
        [self.strips, self.strip_rows.div_ceil(BLOCK_ROWS)]
    }

    /// Adds a block to a strip, which begins anew with its first.
    fn add(&self, strip: &mut Strip, number: usize, step: usize) {
        let Self { part, mean, scale, strip_rows, .. } = *self;
        let Strip { total, sum, block } = strip;
        let columns = part.columns();
        if step == 0 {
            *total = Mat::zeros(columns, columns);
        }
        let end = part.count().min((number + 1) * strip_rows);
        let first = number * strip_rows + step * BLOCK_ROWS;
        let last = end.min(first + BLOCK_ROWS);
        if first >= last {
            return;
        }
        block.clear();
        for row in (first..last).map(|row| part.row(row)) {
            match mean {
                Some(mean) => {
                    block.extend(row.iter().zip(mean).map(|(x, m)| x * scale - m * scale))
                }
                None => block.extend(row.iter().map(|x| x * scale)),
            }
        }
        let x = MatRef::from_row_major_slice(block, last - first, columns);
        multiply_half(sum.as_mut(), Half::Lower, x.transpose(), x);
        for j in 0..columns {
            for i in j..columns {
                total[(i, j)] += f64::from(sum[(i, j)]);
            }
        }
    }
}

in_parts! {
    fn scaled_rows(
        part: &Part<'_>,
        map: Option<&Projection>,
        options: &Resolved,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        let Resolved { bits, threads, .. } = *options;
        let mut rows = zeros(part.count() * bits, "prepared vectors")?;
        let scale = |buffers: &mut Buffers, task: usize, out: &mut [f32]| {
            scale_block(part, map, buffers, task * TASK_ROWS, out, bits)
        };
        let new = Buffers::default;
        whole!(fill_chunks(threads, &mut rows, TASK_ROWS * bits, cancel, new, scale))?;
        Ok(rows)
    }
}

type Buffers = (Vec<f32>, Vec<f32>);

fn scale_block(
    part: &Part,
    map: Option<&Projection>,
    (input, scratch): &mut Buffers,
    first: usize,
    out: &mut [f32],
    bits: usize,
) -> Result<()> {
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
