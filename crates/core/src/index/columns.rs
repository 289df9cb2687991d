//! What is asked of the columns of a file.

use super::bitmap::Bitmap;
use super::file::bad;
use crate::error::Result;

/// What an index needs its columns to be.
///
/// # Errors
/// `IndexFormat`, `OutOfMemory`.
pub(super) fn check_columns(
    ids: Option<&[i64]>,
    rows: Option<&[u32]>,
    factors: Option<&[f32]>,
    count: usize,
) -> Result<()> {
    check_order(ids, rows, count)?;
    if factors.iter().copied().flatten().any(|factor| !factor.is_finite()) {
        return Err(bad("it has a factor that is not finite"));
    }
    Ok(())
}

/// Every row once, in order of (id, row).
fn check_order(ids: Option<&[i64]>, rows: Option<&[u32]>, count: usize) -> Result<()> {
    if let Some(rows) = rows {
        let mut seen = Bitmap::none(count)?;
        for row in rows {
            if *row as usize >= count || seen.has(*row as usize) {
                return Err(bad("its table of rows is malformed"));
            }
            seen.insert(*row as usize);
        }
    }
    let row = |position: usize| rows.map_or(position as u32, |rows| rows[position]);
    let is_ordered = |p: usize| match ids {
        Some(ids) => (ids[p - 1], row(p - 1)) < (ids[p], row(p)),
        None => row(p - 1) < row(p),
    };
    if !(1..count).all(is_ordered) {
        return Err(bad("its codes are not in the order of their ids"));
    }
    Ok(())
}
