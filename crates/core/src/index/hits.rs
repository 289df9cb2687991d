//! What a search returns, brought together from the segments.

use super::Snapshot;
use super::reserve;
use super::segment::Segment;
use super::tables::Work;
use super::top_k::Wanted;
use crate::error::{Error, Result};
use crate::hamming::unkey;
use crate::parallel::{Cancel, sort};
use crate::sizes::block;

/// Hits of several queries, one after the other, each nearest first; ties by id, then by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    /// Query q owns `offsets[q]..offsets[q + 1]`.
    pub offsets: Vec<usize>,
    /// Row of each hit.
    pub rows: Vec<u32>,
    /// Hamming distance of each hit.
    pub distances: Vec<u32>,
    /// Id of each hit, where the index has ids.
    pub ids: Option<Vec<i64>>,
    /// What the search did, all queries together.
    pub work: Work,
}

/// Hits between two looks at the cancel flag.
const CHUNK: usize = block(1 << 18, 16);

/// A hit on the way: in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    distance: u32,
    id: i64,
    row: u32,
}

/// The hits of each query so far.
pub(super) struct Gathering {
    hits: Vec<Vec<Hit>>,
    /// Of all queries.
    total: usize,
    wanted: Wanted,
    has_ids: bool,
}

impl Gathering {
    pub fn new(queries: usize, wanted: Wanted, snapshot: &Snapshot) -> Self {
        Self { hits: vec![Vec::new(); queries], total: 0, wanted, has_ids: snapshot.has_ids }
    }

    /// Adds what `query` found in one segment, in order of (distance, position).
    pub fn add(
        &mut self,
        query: usize,
        segment: &Segment,
        keys: &[u64],
        cancel: &Cancel,
    ) -> Result<()> {
        let hits = &mut self.hits[query];
        let before = hits.len();
        reserve(hits, keys.len())?;
        for keys in keys.chunks(CHUNK) {
            cancel.check()?;
            hits.extend(keys.iter().map(|key| {
                let (distance, position) = unkey(*key);
                Hit { distance, id: segment.id(position), row: segment.row(position) }
            }));
        }
        // Positions are in the order of ids, so a single segment is in order already.
        if before > 0 {
            sort(hits, cancel)?;
            if let Wanted::Nearest(k) = self.wanted {
                hits.truncate(k);
            }
        }
        self.total += hits.len() - before;
        check_hits(self.total as u64)
    }

    /// The largest distance that can still be of interest for `query`: that of its k-th hit.
    pub fn kth(&self, query: usize) -> Option<u32> {
        match self.wanted {
            Wanted::Nearest(k) => self.hits[query].get(k - 1).map(|hit| hit.distance),
            Wanted::Within(_) => None,
        }
    }

    pub fn finish(self, work: Work, cancel: &Cancel) -> Result<Hits> {
        let total = self.total;
        let mut all = Hits { offsets: vec![0], rows: vec![], distances: vec![], ids: None, work };
        reserve(&mut all.rows, total)?;
        reserve(&mut all.distances, total)?;
        if self.has_ids {
            reserve(all.ids.insert(Vec::new()), total)?;
        }
        for hits in self.hits {
            for hits in hits.chunks(CHUNK) {
                cancel.check()?;
                all.rows.extend(hits.iter().map(|hit| hit.row));
                all.distances.extend(hits.iter().map(|hit| hit.distance));
                if let Some(ids) = &mut all.ids {
                    ids.extend(hits.iter().map(|hit| hit.id));
                }
            }
            all.offsets.push(all.rows.len());
        }
        Ok(all)
    }
}

/// Offsets are 32 bits wide on every backend.
pub(super) fn check_hits(hits: u64) -> Result<()> {
    if u32::try_from(hits).is_err() {
        return Err(Error::TooManyHits { hits }.into());
    }
    Ok(())
}
