//! Searching a snapshot: which codes may be found, which way each segment is searched, and the hits of all.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::bitmap::Bitmap;
use super::costs::Costs;
use super::filter::Filter;
use super::hits::{Gathering, Hits, check_hits};
use super::scan::{LinearScan, Queries};
use super::segment::Segment;
use super::tables::{Probe, Scratch, Tables, Work};
use super::top_k::{Collector, Wanted};
use super::{Index, Part, Snapshot};
use crate::codes::Codes;
use crate::error::{Error, Result};
use crate::hamming::{Kernel, blocks, unkey};
use crate::parallel::{Cancel, map_tasks};
use crate::sizes::block;
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
            }),
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
            return Err(Error::InvalidOption { option: "k", value: "0".into(), expected });
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
        // Few, and nearly in that order.
        for i in 1..parts.len() {
            let larger = |at: &usize| parts[at - 1].segment.count() < parts[i].segment.count();
            let to = (1..=i).rev().take_while(larger).last().map_or(i, |at| at - 1);
            parts[to..=i].rotate_right(1);
        }
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
        run.all(&parts, &snapshot)
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
struct Searched<'a> {
    segment: &'a Segment,
    allowed: Option<Cow<'a, Bitmap>>,
    /// Codes that may be found.
    count: usize,
}

/// What the tables say to a query: its keys, or nothing where it gave up.
struct Answer {
    query: u32,
    keys: Option<Vec<u64>>,
    work: Work,
}

/// Queries of a task in the tables.
const TILE: usize = block(16, 3);
/// Queries that are scanned for to judge whether tables are worth building.
const PROBES: usize = 8;

/// One search on its way.
struct Run<'a> {
    kernel: Kernel,
    queries: Queries<'a>,
    count: usize,
    wanted: Wanted,
    /// Per query, the distance that k codes found so far do not exceed.
    bounds: Vec<AtomicU32>,
    options: &'a SearchOptions,
    cancel: &'a Cancel,
}

impl Run<'_> {
    fn all(&self, parts: &[Searched], snapshot: &Snapshot) -> Result<Hits> {
        let mut gathering = Gathering::new(self.count, self.wanted, snapshot);
        let mut work = Work::default();
        for part in parts {
            let mut pending: Vec<u32> = (0..self.count as u32).collect();
            if let Some(tables) = self.tables(part)? {
                pending.clear();
                for Answer { query, keys, work: done } in self.answers(part, tables)? {
                    work.add(done);
                    match keys {
                        Some(keys) => {
                            gathering.add(query as usize, part.segment, &keys, self.cancel)?;
                        }
                        None => pending.push(query),
                    }
                }
            }
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

    fn costs(&self, part: &Searched) -> Costs {
        let blocks = &part.segment.blocks;
        Costs::new(blocks.rows(), blocks.bits(), self.count, self.kernel)
    }

    /// The tables to try, if any.
    fn tables<'s>(&self, part: &Searched<'s>) -> Result<Option<&'s Tables>> {
        let segment = part.segment;
        let (threads, cancel) = (self.options.threads, self.cancel);
        match self.options.method {
            Method::Linear => Ok(None),
            Method::Mih => segment.tables(threads, cancel).map(Some),
            Method::Auto => match segment.built_tables() {
                Some(tables) => Ok(Some(tables).filter(|_| self.costs(part).is_worth_a_try())),
                None if self.should_build(part)? => segment.tables(threads, cancel).map(Some),
                None => Ok(None),
            },
        }
    }

    /// Whether tables would save this search more than building them takes. What a search in tables takes
    /// follows from the distance of the k-th hit, which a few scans tell.
    fn should_build(&self, part: &Searched) -> Result<bool> {
        let costs = self.costs(part);
        let bits = part.segment.blocks.bits() as u32;
        if !costs.pays(&[0]) {
            return Ok(false);
        }
        if let Wanted::Within(radius) = self.wanted {
            return Ok(costs.pays(&[radius.min(bits)]));
        }
        let probes = evenly(self.count, PROBES);
        let found = self.scan(part).run(&probes, self.options.threads, self.cancel)?;
        let farthest = |keys: &Vec<u64>| keys.last().map_or(bits, |key| unkey(*key).0);
        Ok(costs.pays(&found.iter().map(farthest).collect::<Vec<_>>()))
    }

    fn scan<'s>(&'s self, part: &'s Searched) -> LinearScan<'s> {
        LinearScan {
            kernel: self.kernel,
            segment: part.segment,
            allowed: part.allowed.as_deref(),
            queries: self.queries,
            wanted: self.wanted,
            bounds: &self.bounds,
        }
    }

    /// What the tables say to every query. With `auto`, queries that give up may waste a small part of what
    /// all scans take and of what others have saved; when that is used up, the next ones do not try.
    fn answers(&self, part: &Searched, tables: &Tables) -> Result<Vec<Answer>> {
        let costs = self.costs(part);
        let (each, wasted) = match self.options.method {
            Method::Mih => (f64::INFINITY, f64::INFINITY),
            _ => costs.budgets(),
        };
        let left = Mutex::new(wasted);
        let left = || left.lock().unwrap_or_else(PoisonError::into_inner);
        let blocks = &part.segment.blocks;
        let search = |scratch: &mut Scratch, query: u32| {
            let budget = each.min(*left());
            if budget <= 0.0 {
                return Ok(Answer { query, keys: None, work: Work::default() });
            }
            let mut collector = Collector::new(self.wanted, blocks.bits());
            if let Wanted::Nearest(_) = self.wanted {
                collector.bound(self.bounds[query as usize].load(Relaxed));
            }
            let own = self.queries.get(query as usize);
            let probe = Probe { blocks, query: own, allowed: part.allowed.as_deref(), budget };
            let (is_done, work) = tables.search(probe, &mut collector, scratch, self.cancel)?;
            *left() += if is_done { costs.saved(work) } else { -budget };
            let keys = is_done.then(|| collector.finish(self.cancel)).transpose()?;
            Ok(Answer { query, keys, work })
        };
        let tile = |scratch: &mut Scratch, task: usize| {
            let queries = (task * TILE..self.count).take(TILE);
            queries.map(|query| search(scratch, query as u32)).collect::<Result<Vec<_>>>()
        };
        let tasks = self.count.div_ceil(TILE);
        let answers = map_tasks(self.options.threads, tasks, self.cancel, Scratch::default, tile)?;
        Ok(answers.into_iter().flatten().collect())
    }
}

/// At most `count` of `all` numbers, evenly spaced.
fn evenly(all: usize, count: usize) -> Vec<u32> {
    (0..all as u32).step_by(all.div_ceil(count)).collect()
}
