//! Rows in the bytes of a file that somebody else has opened or mapped.

use std::fmt;
use std::sync::Arc;

use super::Rows;
use crate::error::{Error, Result};
use crate::text;
use crate::vectors::{ElementType, check_finite};

/// Where the rows of a file lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowLayout {
    /// Number of rows, at least 1.
    pub rows: usize,
    /// Values of a row, at least 1.
    pub columns: usize,
    /// The type of the values.
    pub element: ElementType,
    /// Byte at which row 0 begins.
    pub first: usize,
    /// Whether each row begins with its number of values as u32, as in `.fvecs`.
    pub counted: bool,
}

impl RowLayout {
    fn row_bytes(&self) -> Option<usize> {
        self.columns.checked_mul(self.element.size())?.checked_add(self.prefix_bytes())
    }

    fn prefix_bytes(&self) -> usize {
        if self.counted { size_of::<u32>() } else { 0 }
    }

    /// Byte at which the last row ends, `None` beyond what can be addressed.
    fn end(&self) -> Option<usize> {
        self.rows.checked_mul(self.row_bytes()?)?.checked_add(self.first)
    }
}

/// Vectors in borrowed bytes, decoded row by row; nothing is copied but the row that is read.
#[derive(Clone)]
pub struct StoredVectors {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    layout: RowLayout,
    row_bytes: usize,
}

impl StoredVectors {
    /// Takes `bytes` as rows of `layout`. Values are checked when they are read.
    ///
    /// # Errors
    /// `Empty` for no rows or columns, `Mismatch` unless the bytes end with the last row.
    pub fn new(bytes: Arc<dyn AsRef<[u8]> + Send + Sync>, layout: RowLayout) -> Result<Self> {
        if layout.rows == 0 || layout.columns == 0 {
            let axis = if layout.rows == 0 { "rows" } else { "columns" };
            return Err(Error::Empty { what: "vectors".into(), axis }.into());
        }
        let length = (*bytes).as_ref().len();
        match (layout.row_bytes(), layout.end()) {
            (Some(row_bytes), Some(end)) if end == length => Ok(Self { bytes, layout, row_bytes }),
            (_, end) => Err(Error::mismatch("bytes", end.unwrap_or(usize::MAX), length)),
        }
    }
}

impl Rows for StoredVectors {
    fn rows(&self) -> usize {
        self.layout.rows
    }

    fn columns(&self) -> usize {
        self.layout.columns
    }

    /// `NotFinite` and, where rows are counted, `Mismatch` name the row.
    fn read<'a>(&'a self, row: usize, buffer: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        let RowLayout { columns, element, first, .. } = self.layout;
        let bytes = &(*self.bytes).as_ref()[first + row * self.row_bytes..][..self.row_bytes];
        let (prefix, values) = bytes.split_at(self.layout.prefix_bytes());
        if let Some(count) = prefix.first_chunk() {
            let count = u32::from_le_bytes(*count) as usize;
            if count != columns {
                return Err(Error::mismatch(text!["dimensions of row ", row], columns, count));
            }
        }
        buffer.clear();
        element.decode(values, buffer);
        check_finite(buffer, row * columns, columns)?;
        Ok(buffer)
    }
}

impl fmt::Debug for StoredVectors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoredVectors")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}
