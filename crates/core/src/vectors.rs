//! Row-major float32 vectors that the core owns. Every value in a [`Vectors`] is finite.

pub(crate) use h2q_kernels::buffers::zeros;
pub use h2q_kernels::elements::ElementType;
use h2q_kernels::elements::first_not_finite;

use crate::error::{Error, Result};
use crate::text;

/// `rows x columns` finite float32 values, row-major; at least one row and one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    data: Vec<f32>,
    columns: usize,
}

impl Vectors {
    /// Takes `data` as rows of `columns` values.
    ///
    /// # Errors
    /// `Empty` without values, `Mismatch` when the length is no multiple of `columns`, `NotFinite`.
    pub fn new(data: Vec<f32>, columns: usize) -> Result<Self> {
        if columns == 0 || data.is_empty() {
            let axis = if columns == 0 { "columns" } else { "rows" };
            return Err(Error::Empty { what: "vectors".into(), axis }.into());
        }
        if !data.len().is_multiple_of(columns) {
            let whole = data.len() / columns * columns;
            return Err(Error::mismatch("length of vectors", whole, data.len()));
        }
        check_finite(&data, 0, columns)?;
        Ok(Self { data, columns })
    }

    /// Number of vectors.
    pub fn rows(&self) -> usize {
        self.data.len() / self.columns
    }

    /// Dimensions of each vector.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row after row.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// The values of one row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.columns..][..self.columns]
    }

    /// A copy of the named rows, in the order given.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut data = Vec::with_capacity(rows.len() * self.columns);
        rows.iter().for_each(|&row| data.extend_from_slice(self.row(row)));
        Self { data, columns: self.columns }
    }

    /// Gives up the buffer.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }
}

/// Fills a [`Vectors`] piece by piece, so that the caller never blocks for long.
#[derive(Debug)]
pub struct VectorsBuilder {
    data: Vec<f32>,
    rows: usize,
    columns: usize,
    first_row: usize,
}

impl VectorsBuilder {
    /// Reserves the memory for `rows x columns` values. `first_row` is added to the row named in
    /// errors, for a block out of a larger file.
    ///
    /// # Errors
    /// `Empty` for zero rows or columns, `OutOfMemory` when the memory cannot be had.
    pub fn new(rows: usize, columns: usize, first_row: usize) -> Result<Self> {
        Ok(Self { data: reserve(rows, columns)?, rows, columns, first_row })
    }

    /// Appends whole elements.
    ///
    /// # Errors
    /// `NotFinite` naming row and column, `Mismatch` for a split element or too many of them.
    pub fn push(&mut self, bytes: &[u8], element: ElementType) -> Result<()> {
        if !bytes.len().is_multiple_of(element.size()) {
            let whole = bytes.len() / element.size() * element.size();
            return Err(Error::mismatch("bytes of whole elements", whole, bytes.len()));
        }
        let (start, expected) = (self.data.len(), self.rows * self.columns);
        let total = start + bytes.len() / element.size();
        if total > expected {
            return Err(Error::mismatch("values", expected, total));
        }
        element.decode(bytes, &mut self.data);
        check_finite(&self.data[start..], start, self.columns)
            .map_err(|error| error.in_rows_from(self.first_row))
    }

    /// The vectors, once all values have come.
    ///
    /// # Errors
    /// `Mismatch` when values are missing.
    pub fn finish(self) -> Result<Vectors> {
        let expected = self.rows * self.columns;
        if self.data.len() != expected {
            return Err(Error::mismatch("values", expected, self.data.len()));
        }
        Ok(Vectors { data: self.data, columns: self.columns })
    }
}

/// Room for `rows x columns` values, at least one.
pub(crate) fn reserve(rows: usize, columns: usize) -> Result<Vec<f32>> {
    if rows == 0 || columns == 0 {
        let axis = if rows == 0 { "rows" } else { "columns" };
        return Err(Error::Empty { what: "vectors".into(), axis }.into());
    }
    let too_large = || Error::OutOfMemory {
        what: text![rows, " x ", columns, " vectors"],
        bytes: rows.saturating_mul(columns).saturating_mul(4),
    };
    let length = rows.checked_mul(columns).ok_or_else(too_large)?;
    let mut data = Vec::new();
    data.try_reserve_exact(length).map_err(|_| too_large())?;
    Ok(data)
}

/// `offset` is the position of `values[0]` in the whole input.
pub(crate) fn check_finite(values: &[f32], offset: usize, columns: usize) -> Result<()> {
    match first_not_finite(values) {
        None => Ok(()),
        Some(at) => {
            let (row, column) = ((offset + at) / columns, (offset + at) % columns);
            Err(Error::not_finite(row, column, values[at].into()))
        }
    }
}
