//! Products in tasks, between which a cancel is heeded; what a task gives depends on the shapes alone.

use faer::{Mat, MatMut, MatRef};

use crate::error::Result;
use crate::linalg::multiply;
use crate::parallel::{Cancel, fill_chunks};
use crate::parts;
use crate::real::Real;

/// Rows and columns of one task.
pub(super) const TASK_ROWS: usize = 128;
const TASK_COLUMNS: usize = 64;

/// `rows` row-major rows.
pub(super) fn matrix<T: Real>(values: &[T], rows: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice(values, rows, values.len() / rows)
}

/// [`matrix`] to write to.
pub(super) fn matrix_mut<T: Real>(values: &mut [T], rows: usize) -> MatMut<'_, T> {
    let columns = values.len() / rows;
    MatMut::from_row_major_slice_mut(values, rows, columns)
}

/// Row-major rows of `w.nrows()` values each, times `w`: as many rows of `w.ncols()` values.
pub(super) fn project<T: Real>(
    rows: &[T],
    w: MatRef<'_, T>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Vec<T>> {
    let mut z = vec![T::default(); rows.len() / w.nrows() * w.ncols()];
    fill_chunks(threads, &mut z, TASK_ROWS * w.ncols(), cancel, || (), projecting(rows, w))?;
    Ok(z)
}

/// [`project`] of many rows.
pub(super) async fn project_in_parts(
    rows: &[f32],
    w: MatRef<'_, f32>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Vec<f32>> {
    let mut z = vec![0.0; rows.len() / w.nrows() * w.ncols()];
    let chunk = TASK_ROWS * w.ncols();
    parts::fill_chunks(threads, &mut z, chunk, cancel, || (), projecting(rows, w)).await?;
    Ok(z)
}

/// A task of [`project`].
fn projecting<T: Real>(
    rows: &[T],
    w: MatRef<'_, T>,
) -> impl Fn(&mut (), usize, &mut [T]) -> Result<()> {
    let (k, b) = (w.nrows(), w.ncols());
    move |(), task, z| {
        let count = z.len() / b;
        let x = matrix(&rows[task * TASK_ROWS * k..][..count * k], count);
        multiply(matrix_mut(z, count), x, w);
        Ok(())
    }
}

/// `a · b`.
pub(super) fn product(
    a: MatRef<'_, f32>,
    b: MatRef<'_, f32>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Mat<f32>> {
    let (rows, columns) = (a.nrows(), b.ncols());
    let mut values = vec![0.0; rows * columns];
    fill_chunks(
        threads,
        &mut values,
        rows * TASK_COLUMNS,
        cancel,
        || (),
        |(), task, out| {
            let count = out.len() / rows;
            let of = b.subcols(task * TASK_COLUMNS, count);
            multiply(MatMut::from_column_major_slice_mut(out, rows, count), a, of);
            Ok(())
        },
    )?;
    Ok(MatRef::from_column_major_slice(&values, rows, columns).to_owned())
}
