//! What every method does first, in this order: split off the validation rows, centre, project to
//! `bits` dimensions by PCA, scale each row to norm √bits.
//!
//! The scaling is for the fit alone: a model keeps each row's norm, since the signs are the same. A row
//! that is all zeros stays so.

use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::{Accum, Mat, MatRef, Par};
use rand::seq::SliceRandom;

use super::options::Resolved;
use super::random::{Stream, generator};
use crate::error::{Error, Result};
use crate::linalg::{convert, leading_eigenvectors};
use crate::parallel::{Cancel, fill_chunks, map_tasks};
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
    /// rows x bits, each row at norm √bits.
    pub train: Vec<f32>,
    pub validation: Vec<f32>,
    pub bits: usize,
}

pub(crate) fn prepare(
    vectors: &Vectors,
    validation: Option<&Vectors>,
    options: &Resolved,
    cancel: &Cancel,
) -> Result<Prepared> {
    let (train, split);
    let (train, validation) = match validation {
        Some(validation) => (vectors, validation),
        // Too few rows to spare any: the fit is judged on the rows it sees.
        None if vectors.rows() < 10 => (vectors, vectors),
        None => {
            let (kept, held_out) = split_rows(vectors.rows(), options.seed);
            (train, split) = (vectors.select(&kept), vectors.select(&held_out));
            (&train, &split)
        }
    };
    let mean =
        if options.center { Some(column_means(train, options.threads, cancel)?) } else { None };
    let dimensions = train.columns();
    let projection = if options.bits < dimensions {
        let moments = second_moments(train, mean.as_deref(), options.threads, cancel)?;
        cancel.check()?;
        let leading = leading_eigenvectors(moments.as_ref(), options.bits)?;
        Some(convert::<f64, f32>(leading.as_ref()))
    } else {
        None
    };
    let map = match &projection {
        Some(weights) => Some(Projection::new(mean.clone(), weights.as_ref())),
        None if mean.is_some() => Some(Projection::diagonal(mean.clone(), &vec![1; dimensions])),
        None => None,
    };
    let scaled = |rows: &Vectors| scaled_rows(rows, map.as_ref(), options, cancel);
    Ok(Prepared {
        train: scaled(train)?,
        validation: scaled(validation)?,
        bits: options.bits,
        mean,
        projection,
    })
}

/// A seeded tenth of the rows, at most 10,000, for validation; both parts in rising order.
fn split_rows(rows: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut generator(seed, Stream::Split));
    let mut validation = order.split_off(rows - (rows / 10).min(MAX_VALIDATION));
    order.sort_unstable();
    validation.sort_unstable();
    (order, validation)
}

fn column_means(vectors: &Vectors, threads: usize, cancel: &Cancel) -> Result<Vec<f32>> {
    let columns = vectors.columns();
    let chunk = 16 * BLOCK_ROWS * columns;
    let chunks = vectors.as_slice().len().div_ceil(chunk);
    let sums = map_tasks(
        threads,
        chunks,
        cancel,
        || (),
        |(), i| {
            let mut sums = vec![0.0f64; columns];
            let end = vectors.as_slice().len().min((i + 1) * chunk);
            for row in vectors.as_slice()[i * chunk..end].chunks(columns) {
                sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            Ok(sums)
        },
    )?;
    let total = |j: usize| sums.iter().map(|partial| partial[j]).sum::<f64>();
    Ok((0..columns).map(|j| (total(j) / vectors.rows() as f64) as f32).collect())
}

/// `(X − mean)ᵀ (X − mean)`, of which the lower half is filled, up to a factor.
fn second_moments(
    vectors: &Vectors,
    mean: Option<&[f32]>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Mat<f64>> {
    let (rows, columns) = (vectors.rows(), vectors.columns());
    // Squares of very large or small values leave the range of float32; a power of two costs no bits.
    let largest = vectors.as_slice().iter().fold(0.0f32, |best, x| best.max(x.abs()));
    let scale =
        if largest > 0.0 { (-largest.log2().floor()).clamp(-126.0, 126.0).exp2() } else { 1.0 };
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
                for row in vectors.as_slice()[first * columns..last * columns].chunks(columns) {
                    match mean {
                        Some(mean) => {
                            block.extend(row.iter().zip(mean).map(|(x, m)| x * scale - m * scale))
                        }
                        None => block.extend(row.iter().map(|x| x * scale)),
                    }
                }
                let x = MatRef::from_row_major_slice(&block, last - first, columns);
                triangular_matmul(
                    sum.as_mut(),
                    BlockStructure::TriangularLower,
                    Accum::Replace,
                    x.transpose(),
                    BlockStructure::Rectangular,
                    x,
                    BlockStructure::Rectangular,
                    1.0,
                    Par::Seq,
                );
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
    vectors: &Vectors,
    map: Option<&Projection>,
    options: &Resolved,
    cancel: &Cancel,
) -> Result<Vec<f32>> {
    let mut rows = match map {
        None => vectors.as_slice().to_vec(),
        Some(map) => {
            let mut rows = zeros(vectors.rows() * options.bits, "projected vectors")?;
            map.project(vectors.as_slice(), &mut rows, options.threads, cancel)?;
            rows
        }
    };
    let (bits, chunk) = (options.bits, TASK_ROWS * options.bits);
    fill_chunks(
        options.threads,
        &mut rows,
        chunk,
        cancel,
        || (),
        |(), _, chunk| {
            chunk.chunks_mut(bits).for_each(scale_to_root);
            Ok(())
        },
    )?;
    Ok(rows)
}

/// Scales a row to norm √len.
fn scale_to_root(row: &mut [f32]) {
    let sum: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if sum > 0.0 {
        let factor = (row.len() as f64 / sum).sqrt();
        row.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
    }
}
