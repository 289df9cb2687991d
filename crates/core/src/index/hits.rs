//! What a search returns, brought together from the segments.

use super::Snapshot;
use super::segment::Segment;
use super::tables::Work;
use super::top_k::Wanted;
use crate::error::{Error, Result};
use crate::hamming::unkey;

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
    wanted: Wanted,
    has_ids: bool,
}

impl Gathering {
    pub fn new(queries: usize, wanted: Wanted, snapshot: &Snapshot) -> Self {
        Self { hits: vec![Vec::new(); queries], wanted, has_ids: snapshot.has_ids }
    }

    /// Adds what `query` found in one segment, in order of (distance, position).
    pub fn add(&mut self, query: usize, segment: &Segment, keys: &[u64]) -> Result<()> {
        let hits = &mut self.hits[query];
        let is_first = hits.is_empty();
        reserve(hits, keys.len())?;
        hits.extend(keys.iter().map(|key| {
            let (distance, position) = unkey(*key);
            Hit { distance, id: segment.id(position), row: segment.row(position) }
        }));
        // Positions are in the order of ids, so a single segment is in order already.
        if !is_first {
            hits.sort_unstable();
            if let Wanted::Nearest(k) = self.wanted {
                hits.truncate(k);
            }
        }
        Ok(())
    }

    /// The largest distance that can still be of interest for `query`: that of its k-th hit.
    pub fn kth(&self, query: usize) -> Option<u32> {
        match self.wanted {
            Wanted::Nearest(k) => self.hits[query].get(k - 1).map(|hit| hit.distance),
            Wanted::Within(_) => None,
        }
    }

    pub fn finish(self, work: Work) -> Result<Hits> {
        let total = self.hits.iter().map(Vec::len).sum();
        check_hits(total)?;
        let mut all = Hits { offsets: vec![0], rows: vec![], distances: vec![], ids: None, work };
        reserve(&mut all.rows, total)?;
        reserve(&mut all.distances, total)?;
        if self.has_ids {
            reserve(all.ids.insert(Vec::new()), total)?;
        }
        for hits in self.hits {
            for Hit { distance, id, row } in hits {
                all.rows.push(row);
                all.distances.push(distance);
                if let Some(ids) = &mut all.ids {
                    ids.push(id);
                }
            }
            all.offsets.push(all.rows.len());
        }
        Ok(all)
    }
}

/// Offsets are 32 bits wide on every backend.
pub(super) fn check_hits(hits: usize) -> Result<()> {
    if u32::try_from(hits).is_err() {
        return Err(Error::TooManyHits { hits });
    }
    Ok(())
}

fn reserve<T>(buffer: &mut Vec<T>, more: usize) -> Result<()> {
    let bytes = (buffer.len() + more).saturating_mul(size_of::<T>());
    buffer.try_reserve(more).map_err(|_| Error::out_of_memory("hits", bytes))
}
