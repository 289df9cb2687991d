//! What of a file in a memory map has not been compared with its checksums yet: that is done where it is first
//! used.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::file::{CHUNK, bad};
use crate::checksum::checksum;
use crate::column::{Column, SharedBytes};
use crate::error::Result;

/// The sections of a segment as they lie in a file, with a checksum for each started 64 KiB.
pub(crate) struct Unchecked {
    bytes: SharedBytes,
    /// Of the sections, padding included.
    range: Range<usize>,
    checksums: Column<u64>,
    is_checked: Vec<AtomicBool>,
    columns: OnceLock<Result<()>>,
}

impl Unchecked {
    /// Bytes `range` of the file; `checksums` has as many as that takes.
    pub fn new(bytes: SharedBytes, range: Range<usize>, checksums: Column<u64>) -> Self {
        let is_checked = checksums.iter().map(|_| AtomicBool::new(false)).collect();
        Self { bytes, range, checksums, is_checked, columns: OnceLock::new() }
    }

    /// Compares every 64 KiB that has a byte of `within`, counted from the first section on, and asks `is_well_formed`
    /// of its bytes, unless that was done.
    ///
    /// # Errors
    /// `IndexFormat` where a checksum differs, or what `is_well_formed` says.
    pub fn check(
        &self,
        within: Range<usize>,
        is_well_formed: impl Fn(Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let sections = &(*self.bytes).as_ref()[self.range.clone()];
        for chunk in within.start / CHUNK..within.end.div_ceil(CHUNK) {
            if self.is_checked[chunk].load(Relaxed) {
                continue;
            }
            let bytes = &sections[chunk * CHUNK..sections.len().min((chunk + 1) * CHUNK)];
            if checksum(bytes) != self.checksums[chunk] {
                return Err(bad("its contents are damaged"));
            }
            is_well_formed(chunk * CHUNK..chunk * CHUNK + bytes.len())?;
            self.is_checked[chunk].store(true, Relaxed);
        }
        Ok(())
    }

    /// [`Unchecked::check`] of all from byte `first` on, and `are_well_formed`, once.
    ///
    /// # Errors
    /// As [`Unchecked::check`] or what `are_well_formed` says.
    pub fn check_columns(
        &self,
        first: usize,
        is_well_formed: impl Fn(Range<usize>) -> Result<()>,
        are_well_formed: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let check =
            || self.check(first..self.range.len(), is_well_formed).and_then(|()| are_well_formed());
        self.columns.get_or_init(check).clone()
    }
}

impl std::fmt::Debug for Unchecked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Unchecked").field("range", &self.range).finish_non_exhaustive()
    }
}
