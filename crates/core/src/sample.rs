//! A uniform sample of the rows of a file that may be larger than the memory, in one pass.
//!
//! Selection sampling (Fan, Muller and Rezucha 1962; Knuth, TAOCP 2, 3.4.2, algorithm S): of `r` rows
//! still to come `k` are still wanted, so the next one is kept with probability `k/r`. That makes every
//! set of rows as likely as any other, and what is remembered does not grow with the file.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::text;
use crate::vectors::{ElementType, Vectors, check_finite, reserve};

/// Sees every row once and keeps some. Holds the rows kept, their numbers and one slice.
#[derive(Debug)]
pub struct VectorsSampler {
    kept: Vec<f32>,
    /// Numbers of the rows kept, in rising order.
    chosen: Vec<usize>,
    rows: usize,
    columns: usize,
    keep: usize,
    /// Rows seen so far.
    seen: usize,
    generator: ChaCha8Rng,
    slice: Vec<f32>,
}

impl VectorsSampler {
    /// To keep `keep` of `rows` rows of `columns` values; all of them if there are no more. The seed
    /// decides which: they do not depend on how the rows are cut into slices.
    ///
    /// # Errors
    /// `Empty` for zero rows, columns or rows to keep, `OutOfMemory`.
    pub fn new(rows: usize, columns: usize, keep: usize, seed: u64) -> Result<Self> {
        let keep = keep.min(rows);
        let kept = reserve(keep, columns)?;
        let mut chosen = Vec::new();
        let bytes = keep.saturating_mul(size_of::<usize>());
        let no_room = |_| Error::out_of_memory(text!["numbers of ", keep, " rows"], bytes);
        chosen.try_reserve_exact(keep).map_err(no_room)?;
        let generator = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { kept, chosen, rows, columns, keep, seen: 0, generator, slice: Vec::new() })
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
        check_finite(&self.slice, 0, self.columns)
            .map_err(|error| error.in_rows_from(self.seen))?;
        for (row, values) in (self.seen..end).zip(self.slice.chunks_exact(self.columns)) {
            let wanted = self.keep - self.chosen.len();
            if wanted > 0 && self.generator.random_range(0..self.rows - row) < wanted {
                self.chosen.push(row);
                self.kept.extend_from_slice(values);
            }
        }
        self.seen = end;
        Ok(())
    }

    /// The rows kept, in order, and their numbers, once all rows have come.
    ///
    /// # Errors
    /// `Mismatch` when rows are missing.
    pub fn finish(self) -> Result<(Vectors, Vec<usize>)> {
        if self.seen != self.rows {
            return Err(Error::mismatch("rows", self.rows, self.seen));
        }
        Ok((Vectors::new(self.kept, self.columns)?, self.chosen))
    }
}
