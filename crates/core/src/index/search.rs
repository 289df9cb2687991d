//! Searching a snapshot: which codes may be found, which way each segment is searched, and the hits of all.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::bitmap::Bitmap;
use super::filter::Filter;
use super::hits::{Gathering, Hits, check_hits};
use super::scan::{LinearScan, Queries};
use super::segment::Segment;
use super::tables::Work;
use super::top_k::Wanted;
use super::{Index, Part, Snapshot};
use crate::codes::Codes;
use crate::error::{Error, Result};
use crate::hamming::{Kernel, blocks, key, unkey};
use crate::parallel::Cancel;
use crate::sorting;
use crate::vectors::zeros;

/// How to search; the hits are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Tables where they are expected to pay, else a scan.
    #[default]
    Auto,
    /// Every code is compared.
    Linear,
    /// Multi-index hashing; tables that are missing are built and kept.
    Mih,
}

impl Method {
    /// Parses `auto`, `linear` or `mih`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "linear" => Ok(Self::Linear),
            "mih" => Ok(Self::Mih),
            _ => Err(Error::InvalidOption {
                option: "method",
                value: name.into(),
                expected: "auto, linear or mih",
            }
            .into()),
        }
    }
}

/// What a search may be told besides its queries.
#[derive(Debug, Clone, Default)]
pub struct SearchOptions {
    /// How to search.
    pub method: Method,
    /// Which codes may be found; all where there is none.
    pub filter: Option<Arc<Filter>>,
    /// Threads; 0 for all of the machine's.
    pub threads: usize,
}

impl SearchOptions {
    /// The defaults with that many threads.
    pub fn on(threads: usize) -> Self {
        Self { threads, ..Self::default() }
    }
}

impl Index {
    /// The `min(k, codes that may be found)` nearest codes of each query.
    ///
    /// # Errors
    /// `Mismatch` for queries of other bits, `InvalidOption` for k = 0, `TooManyHits`, `OutOfMemory`,
    /// `Aborted`.
    pub fn search(
        &self,
        queries: &Codes,
        k: usize,
        options: &SearchOptions,
        cancel: &Cancel,
    ) -> Result<Hits> {
        if k == 0 {
            let expected = "at least 1";
            return Err(Error::InvalidOption { option: "k", value: "0".into(), expected }.into());
        }
        self.run(queries, Wanted::Nearest(k), options, cancel)
    }

    /// All codes with distance <= `radius` of each query.
    ///
    /// # Errors
    /// `Mismatch` for queries of other bits, `TooManyHits`, `OutOfMemory`, `Aborted`.
    pub fn search_radius(
        &self,
        queries: &Codes,
        radius: u32,
        options: &SearchOptions,
        cancel: &Cancel,
    ) -> Result<Hits> {
        self.run(queries, Wanted::Within(radius), options, cancel)
    }

    fn run(
        &self,
        queries: &Codes,
        wanted: Wanted,
        options: &SearchOptions,
        cancel: &Cancel,
    ) -> Result<Hits> {
        let snapshot = self.snapshot();
        snapshot.check(self.bits, queries, "queries")?;
        let mut parts = Vec::with_capacity(snapshot.parts.len());
        for part in &snapshot.parts {
            part.segment.check_columns()?;
            let allowed = allowed(part, options.filter.as_deref())?;
            let count = allowed.as_ref().map_or(part.segment.count(), |allowed| allowed.count());
            if count > 0 {
                parts.push(Searched { segment: &part.segment, allowed, count });
            }
        }
        // The largest first: what it finds narrows the search of the others.
        let falling = |(at, part): (usize, &Searched)| key(!part.segment.count() as u32, at as u32);
        let mut order: Vec<u64> = parts.iter().enumerate().map(falling).collect();
        sorting::sort(&mut order);
        let found = parts.iter().map(|part| part.count).sum();
        let wanted = match wanted {
            Wanted::Nearest(k) => {
                let k = k.min(found);
                check_hits((queries.rows() as u64).saturating_mul(k as u64))?;
                Wanted::Nearest(k)
            }
            within => within,
        };
        let words = self.bits.div_ceil(64);
        let mut data = zeros(queries.rows().saturating_mul(words), "queries")?;
        for (row, words) in data.chunks_exact_mut(words).enumerate() {
            blocks::to_words(queries.row(row), words);
        }
        let run = Run {
            kernel: self.kernel,
            queries: Queries { data: &data, words },
            count: queries.rows(),
            wanted,
            bounds: (0..queries.rows()).map(|_| AtomicU32::new(self.bits as u32)).collect(),
            options,
            cancel,
        };
        run.all(order.iter().map(|key| &parts[unkey(*key).1 as usize]), &snapshot)
    }
}

/// The positions of `part` that may be found; all where there is no bitmap.
fn allowed<'a>(part: &'a Part, filter: Option<&Filter>) -> Result<Option<Cow<'a, Bitmap>>> {
    let alive = part.alive.as_deref();
    let Some(filter) = filter else { return Ok(alive.map(Cow::Borrowed)) };
    let mut allowed = filter.positions(&part.segment)?;
    if let Some(alive) = alive {
        allowed.keep(alive);
    }
    Ok(Some(Cow::Owned(allowed)))
}

/// A segment with something to find.
pub(super) struct Searched<'a> {
    pub segment: &'a Segment,
    pub allowed: Option<Cow<'a, Bitmap>>,
    /// Codes that may be found.
    count: usize,
}

/// One search on its way.
pub(super) struct Run<'a> {
    pub kernel: Kernel,
    pub queries: Queries<'a>,
    pub count: usize,
    pub wanted: Wanted,
    /// Per query, the distance that k codes found so far do not exceed.
    pub bounds: Vec<AtomicU32>,
    pub options: &'a SearchOptions,
    pub cancel: &'a Cancel,
}

impl Run<'_> {
    fn all<'s>(
        &self,
        parts: impl Iterator<Item = &'s Searched<'s>>,
        snapshot: &Snapshot,
    ) -> Result<Hits> {
        let mut gathering = Gathering::new(self.count, self.wanted, snapshot);
        let mut work = Work::default();
        for part in parts {
            let pending = self.look_into_tables(part, &mut gathering, &mut work)?;
            let found = self.scan(part).run(&pending, self.options.threads, self.cancel)?;
            work.candidates += part.segment.count() as u64 * pending.len() as u64;
            for (query, keys) in pending.iter().zip(found) {
                gathering.add(*query as usize, part.segment, &keys, self.cancel)?;
            }
            for (query, bound) in self.bounds.iter().enumerate() {
                bound.fetch_min(gathering.kth(query).unwrap_or(u32::MAX), Relaxed);
            }
        }
        gathering.finish(work, self.cancel)
    }

    pub(super) fn scan<'s>(&'s self, part: &'s Searched) -> LinearScan<'s> {
        LinearScan {
            kernel: self.kernel,
            segment: part.segment,
            allowed: part.allowed.as_deref(),
            queries: self.queries,
            wanted: self.wanted,
            bounds: &self.bounds,
        }
    }
}
