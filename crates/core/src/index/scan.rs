//! The linear scan of a segment: every code is compared.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::bitmap::Bitmap;
use super::segment::Segment;
use super::top_k::{self, Collector, Wanted};
use crate::error::Result;
use crate::hamming::scan::Scan;
use crate::hamming::{GROUP, Kernel};
use crate::parallel::{Cancel, map_tasks, resolve_threads};

/// Bytes of codes that every query of a tile is compared with before the next ones: they stay in the
/// first-level cache.
const BLOCK_BYTES: usize = 16 << 10;
/// Queries that share one pass over the codes.
const TILE: usize = 64;
/// Codes and bytes of a task where queries are too few to go round.
const STRIP_ROWS: usize = 1 << 16;
const STRIP_BYTES: usize = 4 << 20;
/// A thread is not worth its start for less.
const THREAD_BYTES: usize = 1 << 20;
/// Codes of the first block, of which all are hits so far; the next ones are twice as long each.
const FIRST_ROWS: usize = 64;

/// The queries of a search: `words` words each.
#[derive(Clone, Copy)]
pub(super) struct Queries<'a> {
    pub data: &'a [u64],
    pub words: usize,
}

impl<'a> Queries<'a> {
    pub fn get(&self, query: usize) -> &'a [u64] {
        &self.data[query * self.words..][..self.words]
    }
}

/// What is scanned, and for whom.
pub(super) struct LinearScan<'a> {
    pub kernel: Kernel,
    pub segment: &'a Segment,
    pub allowed: Option<&'a Bitmap>,
    pub queries: Queries<'a>,
    pub wanted: Wanted,
    /// Per query, the distance that k codes found elsewhere do not exceed.
    pub bounds: &'a [AtomicU32],
}

impl LinearScan<'_> {
    /// The keys that each of the queries named in `pending` finds, in the same order.
    pub fn run(&self, pending: &[u32], threads: usize, cancel: &Cancel) -> Result<Vec<Vec<u64>>> {
        let rows = self.segment.count();
        let code_bytes = self.queries.words * 8;
        let compared = rows.saturating_mul(code_bytes).saturating_mul(pending.len());
        let threads = resolve_threads(threads).min(compared / THREAD_BYTES).max(1);
        let tiles: Vec<_> = pending.chunks(TILE).collect();
        // Many queries: a task is a tile of queries over all codes. Few: the codes are cut as well, at
        // borders that depend on the input alone.
        let strip_rows = match tiles.len() < 16 {
            true => (STRIP_BYTES / code_bytes).max(STRIP_ROWS).next_multiple_of(64),
            false => rows.next_multiple_of(64),
        };
        let strips = rows.div_ceil(strip_rows);
        // Strip after strip, so that threads that work side by side read the same codes.
        let work = |_: &mut (), task: usize| {
            let start = task / tiles.len() * strip_rows;
            let strip = start..(start + strip_rows).min(rows);
            self.scan_strip(tiles[task % tiles.len()], strip, cancel)
        };
        let mut found = map_tasks(threads, tiles.len() * strips, cancel, || (), work)?;
        let mut all = Vec::with_capacity(pending.len());
        for (t, tile) in tiles.iter().enumerate() {
            for q in 0..tile.len() {
                let mut keys = std::mem::take(&mut found[t][q]);
                for strip in 1..strips {
                    let more = std::mem::take(&mut found[strip * tiles.len() + t][q]);
                    keys.try_reserve(more.len()).map_err(|_| {
                        crate::error::Error::out_of_memory("hits", 8 * (keys.len() + more.len()))
                    })?;
                    keys.extend(more);
                }
                all.push(if strips > 1 { top_k::finish(keys, self.wanted) } else { keys });
            }
        }
        Ok(all)
    }

    /// The keys among the positions of `strip` for each query of a tile.
    fn scan_strip(
        &self,
        tile: &[u32],
        strip: Range<usize>,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<u64>>> {
        let blocks = &self.segment.blocks;
        let group_bytes = self.queries.words * 64;
        let most = ((BLOCK_BYTES / group_bytes).max(1) * GROUP).next_multiple_of(64);
        let mut collectors: Vec<_> = tile
            .iter()
            .map(|query| {
                let mut collector = Collector::new(self.wanted, blocks.bits());
                if let Wanted::Nearest(_) = self.wanted {
                    collector.bound(self.bounds[*query as usize].load(Relaxed));
                }
                collector
            })
            .collect();
        let mut next = strip.start;
        let mut count = FIRST_ROWS;
        while next < strip.end {
            cancel.check()?;
            let rows = count.min(strip.end - next);
            let block = Scan {
                query: &[],
                lines: blocks.range(next, rows),
                first: next as u32,
                end: (next + rows) as u32,
                allowed: self.allowed.map(|allowed| &allowed.words()[next / 64..]),
                limit: 0,
            };
            for (query, collector) in tile.iter().zip(&mut collectors) {
                collector.reserve(rows)?;
                let query = self.queries.get(*query as usize);
                let scan = Scan { query, limit: collector.limit(), ..block };
                self.kernel.collect(scan, &mut collector.keys);
                collector.settle();
            }
            next += rows;
            count = (2 * count).min(most);
        }
        let finish = |(query, collector): (&u32, Collector)| {
            if let Some(kth) = collector.kth() {
                self.bounds[*query as usize].fetch_min(kth, Relaxed);
            }
            collector.finish()
        };
        Ok(tile.iter().zip(collectors).map(finish).collect())
    }
}
