//! Exact linear Hamming search: every code is compared, hits are ordered by (distance, id).

use crate::codes::Codes;
use crate::error::{Error, Result};
use crate::hamming::{Words, distances};
use crate::parallel::{Cancel, map_tasks, resolve_threads};

/// Codes compared per step, so that they stay in the first-level cache while several queries pass.
const BLOCK_BYTES: usize = 16 << 10;
/// Queries that share one pass over the codes.
const QUERY_TILE: usize = 8;
/// Codes of one task when queries are too few to go round.
const STRIP_ROWS: usize = 1 << 18;

/// A searchable set of codes. Rows are numbered as they were given.
#[derive(Debug)]
pub struct Index {
    /// In order of ids, so that an earlier position wins a tie.
    words: Words,
    bits: usize,
    ids: Option<Ids>,
}

/// Ids of the caller, and which row stands at which position.
#[derive(Debug)]
struct Ids {
    by_row: Vec<i64>,
    row_at: Vec<u32>,
}

/// Hits of several queries, one after the other.
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
}

/// A candidate: distance, then position.
type Candidate = (u32, u32);

/// Which codes of the index are hits.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// The k nearest.
    Nearest(usize),
    /// All with distance <= radius.
    Within(u32),
}

impl Index {
    /// Indexes `codes`; ties between equal distances go to the smaller id, or to the earlier row where
    /// there are no ids (or the ids are equal).
    ///
    /// # Errors
    /// `Mismatch` when ids are not one per code, `InvalidOption` for more than 2^32 − 1 codes.
    pub fn new(codes: &Codes, ids: Option<Vec<i64>>) -> Result<Self> {
        let rows = codes.rows();
        if u32::try_from(rows).is_err() {
            let expected = "at most 4294967295";
            return Err(Error::InvalidOption { option: "rows", value: rows.to_string(), expected });
        }
        let ids = ids.map(|by_row| {
            if by_row.len() != rows {
                return Err(Error::mismatch("number of ids", rows, by_row.len()));
            }
            let mut row_at: Vec<u32> = (0..rows as u32).collect();
            row_at.sort_by_key(|&row| by_row[row as usize]);
            Ok(Ids { by_row, row_at })
        });
        let ids = ids.transpose()?;
        let words = match &ids {
            Some(ids) => {
                Words::new(ids.row_at.iter().map(|&row| codes.row(row as usize)), codes.bits())
            }
            None => Words::new(codes.as_bytes().chunks(codes.bits() / 8), codes.bits()),
        };
        Ok(Self { words, bits: codes.bits(), ids })
    }

    /// Number of codes.
    pub fn rows(&self) -> usize {
        self.words.rows()
    }

    /// Bits of each code.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Copies the code of `row` as little-endian words of 64 bits, the last one padded with zeros.
    /// `words` has room for exactly one code.
    ///
    /// # Errors
    /// `Mismatch` for a row beyond the last.
    pub fn code(&self, row: u32, words: &mut [u64]) -> Result<()> {
        if row as usize >= self.rows() {
            return Err(Error::mismatch("row", self.rows(), row as usize));
        }
        let position = match &self.ids {
            // Positions are in order of (id, row).
            Some(Ids { by_row, row_at }) => {
                let key = |row: u32| (by_row[row as usize], row);
                row_at.partition_point(|&other| key(other) < key(row))
            }
            None => row as usize,
        };
        words.copy_from_slice(self.words.range(position, 1));
        Ok(())
    }

    /// The codes as a scan reads them.
    pub(crate) fn memory_words(&self) -> &[u64] {
        self.words.range(0, self.rows())
    }

    /// Bytes held, about.
    pub fn memory(&self) -> usize {
        let ids = self.ids.as_ref().map_or(0, |_| size_of::<i64>() + size_of::<u32>());
        self.rows() * (self.words.per_code() * size_of::<u64>() + ids)
    }

    /// The `min(k, rows)` nearest codes of each query.
    ///
    /// # Errors
    /// `Mismatch` for queries of other bits, `InvalidOption` for k = 0, `TooManyHits`, `OutOfMemory`,
    /// `Aborted`.
    pub fn search(
        &self,
        queries: &Codes,
        k: usize,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Hits> {
        if k == 0 {
            let expected = "at least 1";
            return Err(Error::InvalidOption { option: "k", value: "0".into(), expected });
        }
        let k = k.min(self.rows());
        check_hits(queries.rows().saturating_mul(k))?;
        self.run(queries, Wanted::Nearest(k), threads, cancel)
    }

    /// All codes with distance <= `radius` of each query.
    ///
    /// # Errors
    /// `Mismatch` for queries of other bits, `TooManyHits`, `OutOfMemory`, `Aborted`.
    pub fn search_radius(
        &self,
        queries: &Codes,
        radius: u32,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Hits> {
        self.run(queries, Wanted::Within(radius), threads, cancel)
    }

    fn run(
        &self,
        queries: &Codes,
        wanted: Wanted,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Hits> {
        if queries.bits() != self.bits {
            return Err(Error::mismatch("bits of the queries", self.bits, queries.bits()));
        }
        let query_words = Words::new(queries.as_bytes().chunks(self.bits / 8), self.bits);
        let tiles = query_words.rows().div_ceil(QUERY_TILE);
        // Many queries: a task is a tile of queries over all codes. Few: the codes are cut as well.
        let strips = match tiles < 4 * resolve_threads(threads) {
            true => self.rows().div_ceil(STRIP_ROWS),
            false => 1,
        };
        let strip_rows = self.rows().div_ceil(strips);
        let mut partial = map_tasks(
            threads,
            tiles * strips,
            cancel,
            || (),
            |(), task| {
                let first_query = task / strips * QUERY_TILE;
                let count = QUERY_TILE.min(query_words.rows() - first_query);
                let queries = query_words.range(first_query, count);
                let start = (task % strips * strip_rows).min(self.rows());
                let end = (start + strip_rows).min(self.rows());
                self.scan(queries, start..end, wanted, cancel)
            },
        )?;
        let mut hits = Vec::with_capacity(query_words.rows());
        for tile in partial.chunks_mut(strips) {
            let (first, others) = tile.split_at_mut(1);
            for (q, candidates) in first[0].iter_mut().enumerate() {
                for strip in others.iter_mut() {
                    reserve(candidates, strip[q].len())?;
                    candidates.append(&mut strip[q]);
                }
                finish(candidates, wanted);
                hits.push(std::mem::take(candidates));
            }
        }
        self.gather(hits)
    }

    /// The candidates among `rows` for each query.
    fn scan(
        &self,
        queries: &[u64],
        rows: std::ops::Range<usize>,
        wanted: Wanted,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<Candidate>>> {
        let per_code = self.words.per_code();
        let block_rows = (BLOCK_BYTES / 8 / per_code).max(1);
        let mut buffer = vec![0; block_rows];
        let mut found: Vec<_> = queries.chunks(per_code).map(|_| Collector::new(wanted)).collect();
        for first in rows.clone().step_by(block_rows) {
            cancel.check()?;
            let count = block_rows.min(rows.end - first);
            let codes = self.words.range(first, count);
            for (query, found) in queries.chunks(per_code).zip(&mut found) {
                distances(query, codes, &mut buffer[..count]);
                found.offer(&buffer[..count], first as u32)?;
            }
        }
        Ok(found.into_iter().map(|collector| collector.candidates).collect())
    }

    fn gather(&self, hits: Vec<Vec<Candidate>>) -> Result<Hits> {
        let total = hits.iter().map(Vec::len).sum();
        check_hits(total)?;
        let mut gathered =
            Hits { offsets: vec![0], rows: Vec::new(), distances: Vec::new(), ids: None };
        reserve(&mut gathered.rows, total)?;
        reserve(&mut gathered.distances, total)?;
        if self.ids.is_some() {
            reserve(gathered.ids.insert(Vec::new()), total)?;
        }
        for candidates in hits {
            for (distance, position) in candidates {
                let row = match &self.ids {
                    Some(ids) => ids.row_at[position as usize],
                    None => position,
                };
                gathered.rows.push(row);
                gathered.distances.push(distance);
                if let (Some(out), Some(ids)) = (&mut gathered.ids, &self.ids) {
                    out.push(ids.by_row[row as usize]);
                }
            }
            gathered.offsets.push(gathered.rows.len());
        }
        Ok(gathered)
    }
}

/// Keeps the candidates of one query while positions rise.
struct Collector {
    candidates: Vec<Candidate>,
    /// Distances from here on cannot be hits any more.
    limit: u32,
    wanted: Wanted,
}

impl Collector {
    fn new(wanted: Wanted) -> Self {
        let limit = match wanted {
            Wanted::Nearest(_) => u32::MAX,
            Wanted::Within(radius) => radius.saturating_add(1),
        };
        Self { candidates: Vec::new(), limit, wanted }
    }

    /// `distances` belong to the positions from `first` on.
    fn offer(&mut self, distances: &[u32], first: u32) -> Result<()> {
        for (i, &distance) in distances.iter().enumerate() {
            if distance < self.limit {
                if self.candidates.len() == self.candidates.capacity() {
                    reserve(&mut self.candidates, 1)?;
                }
                self.candidates.push((distance, first + i as u32));
                if let Wanted::Nearest(k) = self.wanted
                    && self.candidates.len() >= 2 * k
                {
                    self.shrink(k);
                }
            }
        }
        Ok(())
    }

    /// Keeps the k best. Later positions lose ties, so from now on only smaller distances count.
    fn shrink(&mut self, k: usize) {
        let (_, &mut (distance, _), _) = self.candidates.select_nth_unstable(k - 1);
        self.candidates.truncate(k);
        self.limit = distance;
    }
}

/// Offsets are 32 bits wide on every backend.
fn check_hits(hits: usize) -> Result<()> {
    if u32::try_from(hits).is_err() {
        return Err(Error::TooManyHits { hits });
    }
    Ok(())
}

/// Room for `more` elements, at least doubling, or `OutOfMemory`.
fn reserve<T>(buffer: &mut Vec<T>, more: usize) -> Result<()> {
    let bytes = (buffer.len() + more).saturating_mul(size_of::<T>());
    buffer.try_reserve(more).map_err(|_| Error::out_of_memory("hits", bytes))
}

fn finish(candidates: &mut Vec<Candidate>, wanted: Wanted) {
    candidates.sort_unstable();
    if let Wanted::Nearest(k) = wanted {
        candidates.truncate(k);
    }
}
