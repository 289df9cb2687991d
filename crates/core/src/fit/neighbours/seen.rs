//! The rows of a sample as the objective sees them.

use faer::MatRef;

use super::products::{matrix, matrix_mut};
use crate::dot::reciprocal_norm;
use crate::error::Result;
use crate::linalg::multiply;
use crate::parallel::Cancel;
use crate::parts::fill_chunks;
use crate::vectors::{Vectors, zeros};

const TASK_ROWS: usize = 256;

/// How rows are seen: `basisᵀ (x − mean)`.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub mean: Option<&'a [f32]>,
    /// d x k with orthonormal columns; all coordinates where there is none.
    pub basis: Option<MatRef<'a, f32>>,
    /// Likewise the directions in which rows are compared.
    pub units: Option<MatRef<'a, f32>>,
}

/// Rows of one kind.
#[derive(Debug)]
pub(super) struct Seen {
    /// count x k.
    pub rows: Vectors,
    /// count x any, at norm 1: of the rows as they came.
    pub units: Vectors,
}

impl Seen {
    /// `start` is k x b: each row gets a length at which its part within those directions has norm √b. Of a row that has
    /// next to no part there, half of what a row of any direction has counts: it must not outweigh all others.
    pub async fn new(
        vectors: Vectors,
        view: &View<'_>,
        start: MatRef<'_, f32>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let rows = see(&vectors, view, Some(start), threads, cancel).await?;
        let units = see(&vectors, view, None, threads, cancel).await?;
        Ok(Self { rows, units })
    }

    pub fn count(&self) -> usize {
        self.rows.rows()
    }
}

/// Rows as they are seen, at a length that `start` gives, or those at norm 1 where there is none.
async fn see(
    vectors: &Vectors,
    view: &View<'_>,
    start: Option<MatRef<'_, f32>>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Vectors> {
    let basis = if start.is_some() { view.basis } else { view.units };
    let k = basis.map_or(vectors.columns(), |basis| basis.ncols());
    let mut out = zeros(vectors.rows() * k, "the sample of a fit")?;
    let see_task = |block: &mut Vec<f32>, task: usize, out: &mut [f32]| {
        block.clear();
        for row in (task * TASK_ROWS..).take(out.len() / k).map(|row| vectors.row(row)) {
            match (start, view.mean) {
                (None, _) => {
                    let factor = reciprocal_norm(row);
                    block.extend(row.iter().map(|&x| (f64::from(x) * factor) as f32));
                }
                (_, Some(mean)) => block.extend(row.iter().zip(mean).map(|(x, mean)| x - mean)),
                _ => block.extend_from_slice(row),
            }
        }
        match basis {
            Some(basis) => {
                let rows = out.len() / k;
                multiply(matrix_mut(out, rows), matrix(block, rows), basis);
            }
            None => out.copy_from_slice(block),
        }
        match start {
            Some(start) => scale_rows(out, start, block),
            None if basis.is_some() => {
                out.chunks_mut(k).for_each(|row| scale_row(row, reciprocal_norm(row)));
            }
            None => {}
        }
        Ok(())
    };
    fill_chunks(threads, &mut out, TASK_ROWS * k, cancel, Vec::new, see_task).await?;
    Vectors::new(out, k)
}

/// See [`Seen::new`]; `z` is scratch.
fn scale_rows(rows: &mut [f32], start: MatRef<'_, f32>, z: &mut Vec<f32>) {
    let (k, b) = (start.nrows(), start.ncols());
    let count = rows.len() / k;
    z.resize(count * b, 0.0);
    multiply(matrix_mut(z, count), matrix(rows, count), start);
    for (row, z) in rows.chunks_mut(k).zip(z.chunks(b)) {
        let most = 2.0 * reciprocal_norm(row) * (k as f64).sqrt();
        scale_row(row, (reciprocal_norm(z) * (b as f64).sqrt()).min(most));
    }
}

/// Multiplies all values.
fn scale_row(row: &mut [f32], factor: f64) {
    row.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
}
