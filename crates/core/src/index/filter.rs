//! Which codes a search may find.

use std::sync::{Arc, OnceLock};

use super::bitmap::Bitmap;
use super::segment::Segment;
use crate::error::{Error, Result};
use crate::sorting;

/// Allows or denies a set of codes.
#[derive(Debug)]
pub struct Filter {
    set: Set,
    is_denied: bool,
}

#[derive(Debug)]
enum Set {
    /// By row of the index.
    Rows(Bitmap),
    /// Ids; rows where the index has none. What is not in order is put so by the first search.
    Ids { given: Arc<Vec<i64>>, rising: OnceLock<Vec<i64>> },
}

impl Filter {
    /// Allows (or, with `is_denied`, all but) the rows whose bit is set: bit `row % 8` of byte `row / 8`.
    ///
    /// # Errors
    /// `Mismatch` for other than `⌈rows / 8⌉` bytes, `rows` counting every row ever added; `OutOfMemory`.
    pub fn rows(bytes: &[u8], rows: usize, is_denied: bool) -> Result<Self> {
        if bytes.len() != rows.div_ceil(8) {
            return Err(Error::mismatch("bytes of the filter", rows.div_ceil(8), bytes.len()));
        }
        Ok(Self { set: Set::Rows(Bitmap::from_bytes(bytes, rows)?), is_denied })
    }

    /// Allows (or all but) the codes with these ids, in any order, repeated or unknown ones included.
    pub fn ids(ids: impl Into<Arc<Vec<i64>>>, is_denied: bool) -> Self {
        Self { set: Set::Ids { given: ids.into(), rising: OnceLock::new() }, is_denied }
    }

    /// The positions of `segment` that it lets pass.
    pub(super) fn positions(&self, segment: &Segment) -> Result<Bitmap> {
        let count = segment.count();
        let mut positions = match &self.set {
            Set::Rows(rows) => return self.judged(rows, segment),
            Set::Ids { given, rising } => {
                let mut positions = Bitmap::none(count)?;
                let mut ids = match given.is_sorted() {
                    true => &given[..],
                    false => rising.get_or_init(|| {
                        let mut ids = given.to_vec();
                        sorting::sort(&mut ids);
                        ids
                    }),
                };
                // Both rise: each id is looked for behind the last one found.
                let mut position = 0;
                while let (Some((id, rest)), true) = (ids.split_first(), position < count) {
                    position += seek(count - position, |i| segment.id((position + i) as u32) < *id);
                    if position < count && segment.id(position as u32) == *id {
                        positions.insert(position);
                        position += 1;
                    } else {
                        ids = rest;
                    }
                }
                positions
            }
        };
        if self.is_denied {
            positions.invert();
        }
        Ok(positions)
    }

    /// Rows that were added after the filter was made have not been judged, and do not pass.
    fn judged(&self, rows: &Bitmap, segment: &Segment) -> Result<Bitmap> {
        let count = segment.count();
        if segment.rows.is_none() {
            let mut positions = rows.slice(segment.first_row as usize, count)?;
            if self.is_denied {
                positions.invert();
                positions.keep_below(rows.length().saturating_sub(segment.first_row as usize));
            }
            return Ok(positions);
        }
        let mut positions = Bitmap::none(count)?;
        for position in 0..count {
            let row = segment.row(position as u32) as usize;
            if row < rows.length() && rows.has(row) != self.is_denied {
                positions.insert(position);
            }
        }
        Ok(positions)
    }
}

/// The first of `0..count` where `is_before` ends, near the front in a few steps.
fn seek(count: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let mut reach = 1;
    while reach < count && is_before(reach - 1) {
        reach *= 2;
    }
    let (mut low, mut high) = (reach / 2, reach.min(count));
    while low < high {
        let middle = (low + high) / 2;
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
