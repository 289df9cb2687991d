//! Multi-index hashing (Norouzi, Punjani, Fleet: *Fast Exact Search in Hamming Space with Multi-Index
//! Hashing*, arXiv 1307.2982): a code is cut into m substrings, and a table per substring tells which
//! codes have which value there.
//!
//! A code within distance r of the query is within ⌊r/m⌋ in some substring. Buckets are visited in steps
//! (a, j): those at distance a from the query's substring j, for j from 0 to m − 1, then a + 1. After step
//! (a, j) every code within m·a + j has been met: one that has not differs by at least a + 1 in the
//! substrings up to j and by at least a in the others. A code may lie in several buckets; it counts in the
//! first step that meets it, which its own substrings tell, so there is no list of codes seen.

use std::f64::consts::LN_2;

use super::bitmap::Bitmap;
use super::costs::step_nanoseconds;
use super::top_k::Collector;
use crate::buffers::zeros;
use crate::error::Result;
use crate::hamming::{Blocks, GROUP, key};
use crate::parallel::{Cancel, map_tasks};
use crate::sizes::block;

/// A table per substring of the codes of one segment.
#[derive(Debug)]
pub struct Tables {
    tables: Vec<Table>,
    /// Length of a code.
    bits: usize,
}

#[derive(Debug)]
struct Table {
    part: Substring,
    /// Bucket v owns `positions[offsets[v]..offsets[v + 1]]`, rising.
    offsets: Vec<u32>,
    positions: Vec<u32>,
}

/// `bits` bits of a code from bit `start` on, at most [`WIDEST`].
#[derive(Debug, Clone, Copy)]
struct Substring {
    start: usize,
    bits: usize,
}

/// Offsets of 2^24 buckets take 64 MiB.
const WIDEST: usize = 24;
/// Codes between two looks at the cancel flag.
const CHUNK: usize = block(1 << 16, 64);
/// Upper bits that the first round of a table's sort goes by.
const SORT_BITS: usize = block(10, 4);
/// Codes asked of memory ahead of the one that is compared.
const AHEAD: usize = 16;

/// What a search through tables did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Codes whose distance was computed.
    pub candidates: u64,
    /// Buckets of tables that were looked into.
    pub buckets: u64,
}

impl Work {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.candidates += other.candidates;
        self.buckets += other.buckets;
    }
}

/// One query, what it is compared with, and what that may cost.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// The codes of the tables.
    pub blocks: &'a Blocks,
    /// Words of the query.
    pub query: &'a [u64],
    /// Positions that may be found; all where there is no bitmap.
    pub allowed: Option<&'a Bitmap>,
    /// Nanoseconds of the model in `costs.rs`.
    pub budget: f64,
}

/// Lengths of the substrings that `rows` codes of `bits` bits are cut into.
pub fn substring_bits(bits: usize, rows: usize) -> Vec<usize> {
    Substring::cut(bits, rows).iter().map(|part| part.bits).collect()
}

impl Substring {
    /// Cuts `bits` into parts of about log2(rows) bits, so that a bucket holds about one code. Rather a bit
    /// more than another table: fewer, larger tables are faster as long as buckets are not empty.
    fn cut(bits: usize, rows: usize) -> Vec<Self> {
        let width = ((rows as f64).ln() / LN_2 + 0.6).clamp(8.0, WIDEST as f64);
        let count = (bits as f64 / width).ceil() as usize;
        let border = |i: usize| (i as u64 * bits as u64 / count as u64) as usize;
        (0..count).map(|i| Self { start: border(i), bits: border(i + 1) - border(i) }).collect()
    }

    /// Its value in a code given word by word.
    #[inline(always)]
    fn of(self, word: impl Fn(usize) -> u64) -> usize {
        let (first, shift) = (self.start / 64, self.start % 64);
        let mut value = word(first) >> shift;
        if shift + self.bits > 64 {
            value |= word(first + 1) << (64 - shift);
        }
        (value & ((1 << self.bits) - 1)) as usize
    }
}

impl Tables {
    /// # Errors
    /// `OutOfMemory`, `Aborted`.
    pub fn build(blocks: &Blocks, threads: usize, cancel: &Cancel) -> Result<Self> {
        let parts = Substring::cut(blocks.bits(), blocks.rows());
        let work = |_: &mut (), t: usize| Table::build(blocks, parts[t], cancel);
        let tables = map_tasks(threads, parts.len(), cancel, || (), work)?;
        Ok(Self { tables, bits: blocks.bits() })
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        let of =
            |table: &Table| size_of_val(&table.offsets[..]) + size_of_val(&table.positions[..]);
        self.tables.iter().map(of).sum()
    }

    /// Offers `collector` all codes that can still be hits. Gives up before it costs more than the budget;
    /// what the collector has then is right as far as it goes, but not all.
    ///
    /// # Errors
    /// `OutOfMemory`, `Aborted`.
    pub fn search(
        &self,
        probe: Probe,
        collector: &mut Collector,
        scratch: &mut Scratch,
        cancel: &Cancel,
    ) -> Result<(bool, Work)> {
        let mut done = Work::default();
        let mut spent = 0.0;
        for step in 0.. {
            let (near, t) = (step / self.tables.len(), step % self.tables.len());
            // All codes within `step` − 1 have been met.
            if step >= collector.limit_anywhere() as usize || step > self.bits {
                break;
            }
            cancel.check()?;
            let table = &self.tables[t];
            if near > table.part.bits {
                continue;
            }
            spent += step_nanoseconds(bucket_count(table.part.bits, near), 0.0, self.bits);
            if spent > probe.budget {
                return Ok((false, done));
            }
            let count = table.look_up(probe.query, near, scratch);
            done.buckets += scratch.values.len() as u64;
            spent += step_nanoseconds(0.0, count as f64, self.bits);
            if spent > probe.budget {
                return Ok((false, done));
            }
            done.candidates += count as u64;
            self.offer(probe, (near, t), collector, scratch)?;
        }
        Ok((true, done))
    }

    /// Compares the codes of the buckets in `scratch`, those of step (`near`, `t`).
    fn offer(
        &self,
        Probe { blocks, query, allowed, .. }: Probe,
        (near, t): (usize, usize),
        collector: &mut Collector,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let table = &self.tables[t];
        scratch.positions.clear();
        for (start, end) in &scratch.ranges {
            scratch.positions.extend_from_slice(&table.positions[*start as usize..*end as usize]);
        }
        let limit = collector.limit_anywhere();
        for (i, position) in scratch.positions.iter().enumerate() {
            if let Some(ahead) = scratch.positions.get(i + AHEAD) {
                prefetch(blocks, *ahead as usize);
            }
            let position = *position as usize;
            let differing = |w: usize| blocks.word(position, w) ^ query[w];
            let distance: u32 = (0..query.len()).map(|w| differing(w).count_ones()).sum();
            let is_hit = distance < limit && allowed.is_none_or(|allowed| allowed.has(position));
            if is_hit && self.is_first(differing, near, t) {
                collector.reserve(1)?;
                collector.keys.push(key(distance, position as u32));
            }
        }
        collector.settle();
        Ok(())
    }

    /// Whether no earlier step met the code that differs from the query by `differing`.
    fn is_first(&self, differing: impl Fn(usize) -> u64, near: usize, t: usize) -> bool {
        self.tables.iter().enumerate().all(|(other, table)| {
            let distance = table.part.of(&differing).count_ones() as usize;
            if other < t { distance > near } else { distance >= near }
        })
    }
}

/// Buffers of a search, to be used again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Buckets of a step, where their codes lie, and all of these.
    values: Vec<usize>,
    ranges: Vec<(u32, u32)>,
    positions: Vec<u32>,
}

impl Table {
    /// Sorts codes by value in two rounds, by the upper bits and then by the lower ones, so that each
    /// writes to few places at a time.
    fn build(blocks: &Blocks, part: Substring, cancel: &Cancel) -> Result<Self> {
        let rows = blocks.rows();
        let low_bits = part.bits.saturating_sub(SORT_BITS);
        let value = |position: usize| part.of(|w| blocks.word(position, w));

        // Where the entries of each value of the upper bits start.
        let mut starts: Vec<usize> = vec![0; (1 << (part.bits - low_bits)) + 1];
        for position in 0..rows {
            if position.is_multiple_of(CHUNK) {
                cancel.check()?;
            }
            starts[(value(position) >> low_bits) + 1] += 1;
        }
        for upper in 1..starts.len() {
            starts[upper] += starts[upper - 1];
        }
        let mut entries: Vec<(u32, u32)> = zeros(rows, "search tables")?;
        let mut next = starts.clone();
        for position in 0..rows {
            if position.is_multiple_of(CHUNK) {
                cancel.check()?;
            }
            let value = value(position);
            let place = &mut next[value >> low_bits];
            entries[*place] = (value as u32, position as u32);
            *place += 1;
        }

        let mut offsets: Vec<u32> = zeros((1 << part.bits) + 1, "search tables")?;
        let mut positions: Vec<u32> = zeros(rows, "search tables")?;
        for (upper, range) in starts.windows(2).enumerate() {
            if upper.is_multiple_of(64) {
                cancel.check()?;
            }
            let entries = &entries[range[0]..range[1]];
            let offsets = &mut offsets[upper << low_bits..=(upper + 1) << low_bits];
            let lower = |value: u32| value as usize & ((1 << low_bits) - 1);
            // Each offset is first that of the next bucket to be filled, and ends as that of the bucket
            // behind, which is what belongs one place further on.
            offsets.fill(0);
            entries.iter().for_each(|(value, _)| offsets[lower(*value) + 1] += 1);
            offsets[0] = range[0] as u32;
            for v in 1..offsets.len() {
                offsets[v] += offsets[v - 1];
            }
            for (value, position) in entries {
                let place = &mut offsets[lower(*value)];
                positions[*place as usize] = *position;
                *place += 1;
            }
            let last = offsets.len() - 1;
            offsets.copy_within(..last, 1);
            offsets[0] = range[0] as u32;
        }
        Ok(Self { part, offsets, positions })
    }

    /// Finds the buckets at distance `near` from the query and returns how many codes they hold.
    fn look_up(&self, query: &[u64], near: usize, scratch: &mut Scratch) -> usize {
        let own = self.part.of(|w| query[w]);
        scratch.values.clear();
        scratch.values.extend(combinations(self.part.bits, near).map(|flipped| own ^ flipped));
        scratch.ranges.clear();
        let mut count = 0;
        for (i, value) in scratch.values.iter().enumerate() {
            if let Some(ahead) = scratch.values.get(i + AHEAD) {
                prefetch_line(&self.offsets[*ahead]);
            }
            let (start, end) = (self.offsets[*value], self.offsets[*value + 1]);
            if start < end {
                prefetch_line(&self.positions[start as usize]);
                scratch.ranges.push((start, end));
                count += (end - start) as usize;
            }
        }
        count
    }
}

/// The numbers of `bits` bits with `ones` ones, rising (Gosper's hack).
fn combinations(bits: usize, ones: usize) -> impl Iterator<Item = usize> {
    let first = (1usize << ones) - 1;
    let next = move |value: &usize| {
        if *value == 0 {
            return None;
        }
        let lowest = *value & value.wrapping_neg();
        let ripple = *value + lowest;
        let next = ripple | (((*value ^ ripple) >> 2) / lowest);
        Some(next).filter(|next| next >> bits == 0)
    };
    std::iter::successors(Some(first), next)
}

/// Number of [`combinations`].
pub fn bucket_count(bits: usize, ones: usize) -> f64 {
    (0..ones).fold(1.0, |count, i| count * (bits - i) as f64 / (i + 1) as f64)
}

#[inline(always)]
fn prefetch(blocks: &Blocks, position: usize) {
    let first = position / GROUP * blocks.words();
    // The lines that follow come by the hardware's own prefetching.
    prefetch_line(&blocks.lines()[first]);
}

/// Asks for the cache line of `value`; a hint, without effect where there is no instruction for it.
#[inline(always)]
fn prefetch_line<T>(value: &T) {
    // SAFETY: prefetching has no effect but on the caches, and SSE is part of every x86-64.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
            std::ptr::from_ref(value).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_all_numbers_with_so_many_ones() {
        for bits in 1..=10 {
            for ones in 0..=bits {
                let wanted: Vec<usize> =
                    (0..1 << bits).filter(|v: &usize| v.count_ones() as usize == ones).collect();
                assert_eq!(combinations(bits, ones).collect::<Vec<_>>(), wanted);
                assert_eq!(bucket_count(bits, ones).round() as usize, wanted.len());
            }
        }
    }

    #[test]
    fn substrings_cover_every_bit_once() {
        for (bits, rows) in [(8, 1), (64, 10_000_000), (72, 1000), (1536, 1 << 30), (64, 1 << 26)] {
            let parts = Substring::cut(bits, rows);
            let mut end = 0;
            for part in &parts {
                assert_eq!(part.start, end);
                assert!((1..=WIDEST).contains(&part.bits));
                end += part.bits;
            }
            assert_eq!(end, bits);
        }
    }
}
