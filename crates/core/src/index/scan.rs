//! The linear scan of a segment: every code is compared.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::bitmap::Bitmap;
use super::reserve;
use super::segment::Segment;
use super::strip::{Strip, TILE};
use super::top_k::{self, Collector, Wanted};
use crate::error::Result;
use crate::hamming::Kernel;
use crate::parallel::{Cancel, fold_tasks, map_tasks, resolve_threads};
use crate::sizes::block;

/// Tiles from which on each is a task of its own, over all codes.
const MANY_TILES: usize = block(16, 3);
/// Bytes of a task where tiles are fewer, so that threads end at about the same time.
const STRIP_BYTES: usize = block(256 << 10, 2 << 10);
/// A thread is not worth its start for less.
const THREAD_BYTES: usize = block(4 << 20, 8 << 10);

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
        let all = 0..rows;
        // With one thread the other way is as good.
        if !cfg!(target_family = "wasm") && pending.len() >= MANY_TILES * TILE {
            let tiles: Vec<_> = pending.chunks(TILE).collect();
            let work = |_: &mut (), t: usize| {
                let mut collectors = self.collectors(tiles[t]);
                self.scan_strip(tiles[t], all.clone(), &mut collectors, cancel)?;
                collectors.into_iter().map(|found| found.finish(cancel)).collect::<Result<Vec<_>>>()
            };
            let found = map_tasks(threads, tiles.len(), cancel, || (), work)?;
            return Ok(found.into_iter().flatten().collect());
        }
        let strip_rows = (STRIP_BYTES / code_bytes).max(1).next_multiple_of(64);
        let mut found = Vec::with_capacity(pending.len());
        for tile in pending.chunks(TILE) {
            let work = |collectors: &mut Vec<Collector>, strip: usize| {
                let start = strip * strip_rows;
                let strip = start..(start + strip_rows).min(rows);
                self.scan_strip(tile, strip, collectors, cancel)
            };
            let strips = rows.div_ceil(strip_rows);
            let parts = fold_tasks(threads, strips, cancel, || self.collectors(tile), work)?;
            found.extend(merge(parts, self.wanted, cancel)?);
        }
        Ok(found)
    }

    fn collectors(&self, tile: &[u32]) -> Vec<Collector> {
        let new = |_| Collector::new(self.wanted, self.segment.blocks.bits());
        tile.iter().map(new).collect()
    }

    /// Offers the codes at the positions of `strip`, beyond all before, to the collector of each query.
    fn scan_strip(
        &self,
        tile: &[u32],
        strip: Range<usize>,
        collectors: &mut [Collector],
        cancel: &Cancel,
    ) -> Result<()> {
        self.segment.check_codes(strip.clone())?;
        let is_nearest = matches!(self.wanted, Wanted::Nearest(_));
        let bounds = || tile.iter().map(|query| &self.bounds[*query as usize]);
        if is_nearest {
            for (collector, bound) in collectors.iter_mut().zip(bounds()) {
                collector.bound(bound.load(Relaxed));
            }
        }
        let scanned = Strip {
            kernel: self.kernel,
            lines: self.segment.blocks.lines(),
            words: self.queries.words,
            allowed: self.allowed.map(Bitmap::words),
            positions: strip,
        };
        scanned.offer(collectors, &|i| self.queries.get(tile[i] as usize), cancel)?;
        if is_nearest {
            for (collector, bound) in collectors.iter().zip(bounds()) {
                bound.fetch_min(collector.kth().unwrap_or(u32::MAX), Relaxed);
            }
        }
        Ok(())
    }
}

/// The keys of each query from what several threads found.
fn merge(parts: Vec<Vec<Collector>>, wanted: Wanted, cancel: &Cancel) -> Result<Vec<Vec<u64>>> {
    let mut parts = parts.into_iter().map(Vec::into_iter).collect::<Vec<_>>();
    let mut found = Vec::new();
    while let Some(first) = parts[0].next() {
        let mut keys = first.keys;
        for other in parts[1..].iter_mut().filter_map(Iterator::next) {
            reserve(&mut keys, other.keys.len())?;
            keys.extend(other.keys);
        }
        found.push(top_k::finish(keys, wanted, cancel)?);
    }
    Ok(found)
}
