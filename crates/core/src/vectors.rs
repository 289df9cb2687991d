//! Row-major float32 vectors that the core owns. Every value in a [`Vectors`] is finite.

use crate::error::{Error, Result};

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
            return Err(Error::Empty { what: "vectors".into(), axis });
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

/// A buffer of zeros, or `OutOfMemory`.
pub(crate) fn zeros<T: Clone + Default>(length: usize, what: &str) -> Result<Vec<T>> {
    let mut buffer = Vec::new();
    let bytes = length.saturating_mul(size_of::<T>());
    buffer.try_reserve_exact(length).map_err(|_| Error::out_of_memory(what, bytes))?;
    buffer.resize(length, T::default());
    Ok(buffer)
}

/// Position of the first NaN or infinity.
pub(crate) fn first_not_finite(values: &[f32]) -> Option<usize> {
    // Most blocks have none, and this test of a whole block becomes SIMD.
    let is_finite = |block: &[f32]| block.iter().fold(true, |all, x| all & x.is_finite());
    let block = values.chunks(4096).position(|block| !is_finite(block))?;
    let start = block * 4096;
    values[start..].iter().position(|x| !x.is_finite()).map(|at| start + at)
}

/// How the elements of a buffer or file are stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// IEEE half precision.
    F16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision, rounded to float32.
    F64,
    /// Unsigned bytes.
    U8,
    /// Signed bytes.
    I8,
}

impl ElementType {
    /// Parses the names used by `.npy` headers without the byte order: `f2 f4 f8 u1 i1`.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "u1" => Self::U8,
            "i1" => Self::I8,
            _ => {
                return Err(Error::InvalidOption {
                    option: "elementType",
                    value: name.into(),
                    expected: "one of f2, f4, f8, u1, i1",
                });
            }
        })
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::U8 | Self::I8 => 1,
        }
    }

    /// Appends the elements in `bytes` to `out`.
    pub(crate) fn decode(self, bytes: &[u8], out: &mut Vec<f32>) {
        match self {
            Self::F16 => out.extend(
                bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()),
            ),
            Self::F32 => {
                out.extend(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)))
            }
            Self::F64 => {
                out.extend(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32))
            }
            Self::U8 => out.extend(bytes.iter().map(|&b| f32::from(b))),
            Self::I8 => out.extend(bytes.iter().map(|&b| f32::from(b as i8))),
        }
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
        return Err(Error::Empty { what: "vectors".into(), axis });
    }
    let too_large = || Error::OutOfMemory {
        what: format!("{rows} x {columns} vectors"),
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
