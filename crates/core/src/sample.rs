//! A uniform sample of the rows of a file that may be larger than the memory, in one pass.

use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::vectors::{ElementType, Vectors, check_finite, reserve};

/// Sees every row once and keeps those that were drawn before the first came: every set of `keep` rows
/// is as likely as any other. Holds the rows kept and one slice.
#[derive(Debug)]
pub struct VectorsSampler {
    kept: Vec<f32>,
    rows: usize,
    columns: usize,
    /// Rows to keep, in rising order.
    chosen: Vec<usize>,
    /// Rows seen so far, and how many of them were kept.
    seen: usize,
    next: usize,
    slice: Vec<f32>,
}

impl VectorsSampler {
    /// Draws `keep` of `rows` rows of `columns` values; all of them if there are no more.
    ///
    /// # Errors
    /// `Empty` for zero rows, columns or rows to keep, `OutOfMemory`.
    pub fn new(rows: usize, columns: usize, keep: usize, seed: u64) -> Result<Self> {
        let keep = keep.min(rows);
        let kept = reserve(keep, columns)?;
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let mut chosen = index::sample(&mut generator, rows, keep).into_vec();
        chosen.sort_unstable();
        Ok(Self { kept, rows, columns, chosen, seen: 0, next: 0, slice: Vec::new() })
    }

    /// The rows that are kept, in rising order.
    pub fn chosen(&self) -> &[usize] {
        &self.chosen
    }

    /// The next whole rows, every value of which is checked.
    ///
    /// # Errors
    /// `NotFinite` naming row and column, `Mismatch` for a split row or too many of them.
    pub fn push(&mut self, bytes: &[u8], element: ElementType) -> Result<()> {
        let row_bytes = self.columns * element.size();
        if !bytes.len().is_multiple_of(row_bytes) {
            let whole = bytes.len() / row_bytes * row_bytes;
            return Err(Error::mismatch("bytes of whole rows", whole, bytes.len()));
        }
        let end = self.seen + bytes.len() / row_bytes;
        if end > self.rows {
            return Err(Error::mismatch("rows", self.rows, end));
        }
        self.slice.clear();
        element.decode(bytes, &mut self.slice);
        check_finite(&self.slice, self.seen * self.columns, self.columns)?;
        while let Some(&row) = self.chosen.get(self.next)
            && row < end
        {
            let start = (row - self.seen) * self.columns;
            self.kept.extend_from_slice(&self.slice[start..][..self.columns]);
            self.next += 1;
        }
        self.seen = end;
        Ok(())
    }

    /// The rows kept, in order, once all rows have come.
    ///
    /// # Errors
    /// `Mismatch` when rows are missing.
    pub fn finish(self) -> Result<Vectors> {
        if self.seen != self.rows {
            return Err(Error::mismatch("rows", self.rows, self.seen));
        }
        Vectors::new(self.kept, self.columns)
    }
}
