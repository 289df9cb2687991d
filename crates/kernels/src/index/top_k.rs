//! The k best of what a query has met, by counting: distances are small integers.

use crate::buffers::reserve;
use crate::error::Result;
use crate::hamming::unkey;
use crate::parallel::{Cancel, sort};
use crate::sizes::block;
use crate::sorting::select;

/// Which codes are hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The k nearest, at least one.
    Nearest(usize),
    /// All with distance <= radius.
    Within(u32),
}

/// The candidates of one query, as [`crate::hamming::key`]s.
///
/// `counts` holds how many were met at each distance below `limit`. As soon as k codes are at most `limit`
/// away, a code that comes later needs a smaller distance, so the limit falls and never rises.
#[derive(Debug)]
pub struct Collector {
    /// Whoever compares codes appends here and calls [`Collector::settle`].
    pub keys: Vec<u64>,
    settled: usize,
    counts: Vec<u32>,
    /// Counted so far, all at distances below `limit`.
    below: usize,
    limit: u32,
    /// Whether k codes with distance <= `limit` were met.
    is_full: bool,
    wanted: Wanted,
}

/// Keys beyond twice the hits before the best are picked out.
const SLACK: usize = block(64, 2);

impl Collector {
    /// Without a candidate, for codes of `bits` bits.
    pub fn new(wanted: Wanted, bits: usize) -> Self {
        let limit = match wanted {
            Wanted::Nearest(_) => bits as u32 + 1,
            Wanted::Within(radius) => radius.min(bits as u32) + 1,
        };
        let counts = match wanted {
            Wanted::Nearest(_) => vec![0; limit as usize],
            Wanted::Within(_) => Vec::new(),
        };
        Self { keys: Vec::new(), settled: 0, counts, below: 0, limit, is_full: false, wanted }
    }

    /// Tells that k codes with distance <= `distance` are known from elsewhere.
    #[inline]
    pub fn bound(&mut self, distance: u32) {
        if distance + 1 < self.limit {
            self.limit = distance + 1;
            self.below =
                self.counts[..self.limit as usize].iter().map(|count| *count as usize).sum();
        }
    }

    /// Codes at later positions than all met so far are of interest below this distance.
    #[inline]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The same for codes at any position: a smaller one wins a tie.
    #[inline]
    pub fn limit_anywhere(&self) -> u32 {
        self.limit + u32::from(self.is_full)
    }

    /// The distance of the k-th best, once there are k.
    #[inline]
    pub fn kth(&self) -> Option<u32> {
        self.is_full.then_some(self.limit)
    }

    /// Makes room for `more` keys.
    ///
    /// # Errors
    /// `OutOfMemory`.
    #[inline]
    pub fn reserve(&mut self, more: usize) -> Result<()> {
        reserve(&mut self.keys, more)
    }

    /// Counts the keys that were appended.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    pub fn settle(&mut self) {
        let Wanted::Nearest(k) = self.wanted else { return };
        for key in &self.keys[self.settled..] {
            let distance = unkey(*key).0;
            if distance >= self.limit {
                continue;
            }
            self.counts[distance as usize] += 1;
            self.below += 1;
            while self.below >= k {
                self.limit -= 1;
                self.below -= self.counts[self.limit as usize] as usize;
                self.is_full = true;
            }
        }
        if self.keys.len() >= 2 * k + SLACK {
            select(&mut self.keys, k, u64::cmp);
            self.keys.truncate(k);
        }
        self.settled = self.keys.len();
    }

    /// The hits in order of (distance, position).
    ///
    /// # Errors
    /// `Aborted`.
    pub fn finish(self, cancel: &Cancel) -> Result<Vec<u64>> {
        finish(self.keys, self.wanted, cancel)
    }
}

/// Sorts and cuts keys that may come from several collectors.
pub fn finish(mut keys: Vec<u64>, wanted: Wanted, cancel: &Cancel) -> Result<Vec<u64>> {
    if let Wanted::Nearest(k) = wanted
        && keys.len() > k
    {
        select(&mut keys, k, u64::cmp);
        keys.truncate(k);
    }
    sort(&mut keys, cancel)?;
    Ok(keys)
}
