//! The linear scan: blocks of codes that stay in the cache while every query of a tile is compared with them.

use std::ops::Range;

use super::top_k::Collector;
use crate::error::Result;
use crate::hamming::{GROUP, Kernel, Line, Scan};
use crate::parallel::Cancel;
use crate::sizes::block;

/// Bytes of codes that every query of a tile is compared with before the next ones: they stay in the
/// first-level cache.
const BLOCK_BYTES: usize = block(8 << 10, 1 << 10);
/// Queries that share one pass over the codes.
pub const TILE: usize = block(64, 4);
/// Codes of the first block, of which all are hits so far; the next ones are twice as long each.
const FIRST_ROWS: usize = 64;

/// Codes that are scanned.
pub struct Strip<'a> {
    /// What compares.
    pub kernel: Kernel,
    /// All codes that there are, as [`crate::hamming::Blocks`] has them.
    pub lines: &'a [Line],
    /// Words of each code.
    pub words: usize,
    /// Bit p tells whether position p may be a hit; all may where there is none.
    pub allowed: Option<&'a [u64]>,
    /// Those to scan, from a multiple of 64 on.
    pub positions: Range<usize>,
}

impl Strip<'_> {
    /// Offers the codes to the collectors, which have seen no later ones; `query` gives the words that
    /// each of them is compared with.
    ///
    /// # Errors
    /// `OutOfMemory`, `Aborted`.
    pub fn offer<'q>(
        &self,
        collectors: &mut [Collector],
        query: &dyn Fn(usize) -> &'q [u64],
        cancel: &Cancel,
    ) -> Result<()> {
        let most = ((BLOCK_BYTES / (self.words * 64)).max(1) * GROUP).next_multiple_of(64);
        let mut next = self.positions.start;
        let mut count = FIRST_ROWS;
        while next < self.positions.end {
            cancel.check()?;
            let rows = count.min(self.positions.end - next);
            let lines = &self.lines[next / GROUP * self.words..];
            let block = Scan {
                query: &[],
                lines: &lines[..rows.div_ceil(GROUP) * self.words],
                first: next as u32,
                end: (next + rows) as u32,
                allowed: self.allowed.map(|allowed| &allowed[next / 64..]),
                limit: 0,
            };
            for (i, collector) in collectors.iter_mut().enumerate() {
                collector.reserve(rows)?;
                let scan = Scan { query: query(i), limit: collector.limit(), ..block };
                self.kernel.collect(scan, &mut collector.keys);
                collector.settle();
            }
            next += rows;
            count = (2 * count).min(most);
        }
        Ok(())
    }
}
