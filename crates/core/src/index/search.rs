//! Searching a snapshot: which codes may be found, which way each segment is searched, and the hits of all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::bitmap::Bitmap;
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

/// Share of the cost of a scan that a search in tables may use up before it gives up.
const GIVE_UP: f64 = 0.05;
/// Queries of a task in the tables; a task whose first few all gave up leaves the rest to the scan.
const TILE: usize = 16;
const FEW: usize = 4;
/// Queries that are scanned for to judge whether tables are worth building.
const PROBES: usize = 8;
/// Nanoseconds of a scan per word that comes from memory, rough.
const MEMORY_WORD: f64 = 0.4;

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
        if queries.bits() != self.bits {
            return Err(Error::mismatch("bits of the queries", self.bits, queries.bits()));
        }
        let snapshot = self.snapshot();
        let mut parts = Vec::with_capacity(snapshot.parts.len());
        for part in &snapshot.parts {
            let allowed = allowed(part, options.filter.as_deref())?;
            let count = allowed.as_ref().map_or(part.segment.count(), Bitmap::count);
            if count > 0 {
                parts.push(Searched { segment: &part.segment, allowed, count });
            }
        }
        // The largest first: what it finds narrows the search of the others.
        parts.sort_by_key(|part| std::cmp::Reverse(part.segment.count()));
        let found = parts.iter().map(|part| part.count).sum();
        let wanted = match wanted {
            Wanted::Nearest(k) => {
                let k = k.min(found);
                check_hits(queries.rows().saturating_mul(k))?;
                Wanted::Nearest(k)
            }
            within => within,
        };
        let words = self.bits.div_ceil(64);
        let mut data = vec![0; queries.rows() * words];
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
fn allowed(part: &Part, filter: Option<&Filter>) -> Result<Option<Bitmap>> {
    let alive = part.alive.as_deref();
    let Some(filter) = filter else { return Ok(alive.cloned()) };
    let mut allowed = filter.positions(&part.segment)?;
    if let Some(alive) = alive {
        allowed.keep(alive);
    }
    Ok(Some(allowed))
}

/// A segment with something to find.
struct Searched<'a> {
    segment: &'a Segment,
    allowed: Option<Bitmap>,
    /// Codes that may be found.
    count: usize,
}

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
                let answers = self.search_tables(part, tables)?;
                pending.clear();
                for (query, (keys, done)) in answers.into_iter().enumerate() {
                    work.add(done);
                    match keys {
                        Some(keys) => gathering.add(query, part.segment, &keys)?,
                        None => pending.push(query as u32),
                    }
                }
            }
            let found = self.scan(part).run(&pending, self.options.threads, self.cancel)?;
            work.candidates += part.segment.count() as u64 * pending.len() as u64;
            for (query, keys) in pending.iter().zip(found) {
                gathering.add(*query as usize, part.segment, &keys)?;
            }
            for (query, bound) in self.bounds.iter().enumerate() {
                bound.fetch_min(gathering.kth(query).unwrap_or(u32::MAX), Relaxed);
            }
        }
        gathering.finish(work)
    }

    /// The tables to try, if any.
    fn tables<'s>(&self, part: &Searched<'s>) -> Result<Option<&'s Tables>> {
        let segment = part.segment;
        match self.options.method {
            Method::Linear => Ok(None),
            Method::Mih => segment.tables(self.options.threads, self.cancel).map(Some),
            Method::Auto => {
                let is_worth_it =
                    |tables: &&Tables| tables.first_step_nanoseconds() <= self.budget(segment);
                if let Some(tables) = segment.built_tables() {
                    return Ok(Some(tables).filter(is_worth_it));
                }
                if !self.should_build(part)? {
                    return Ok(None);
                }
                segment.tables(self.options.threads, self.cancel).map(Some)
            }
        }
    }

    /// What `method: auto` lets the tables use up for one query.
    fn budget(&self, segment: &Segment) -> f64 {
        match self.options.method {
            Method::Mih => f64::INFINITY,
            _ => GIVE_UP * self.scan_nanoseconds(segment),
        }
    }

    /// About what a scan takes for one query.
    fn scan_nanoseconds(&self, segment: &Segment) -> f64 {
        let word = self.kernel.word_nanoseconds().max(MEMORY_WORD / self.count as f64);
        (segment.count() * self.queries.words) as f64 * word
    }

    /// Whether tables would save this search more than twice what building them takes. What a search in
    /// tables takes follows from the distance of the k-th hit, which a few scans tell.
    fn should_build(&self, part: &Searched) -> Result<bool> {
        let (rows, bits) = (part.segment.count(), part.segment.blocks.bits());
        let scan = self.scan_nanoseconds(part.segment);
        let gain = |search: f64| (scan - search) * self.count as f64;
        let cost = 2.0 * Tables::build_nanoseconds(rows, bits);
        let in_tables = |distance| Tables::search_nanoseconds(rows, bits, distance);
        if gain(in_tables(0)) <= cost {
            return Ok(false);
        }
        if let Wanted::Within(radius) = self.wanted {
            return Ok(gain(in_tables(radius.min(bits as u32))) > cost);
        }
        let step = self.count.div_ceil(PROBES);
        let probes: Vec<u32> = (0..self.count as u32).step_by(step).collect();
        let found = self.scan(part).run(&probes, self.options.threads, self.cancel)?;
        let farthest = |keys: &Vec<u64>| keys.last().map_or(bits as u32, |key| unkey(*key).0);
        let searches = found.iter().map(|keys| in_tables(farthest(keys)).min(scan));
        Ok(gain(searches.sum::<f64>() / probes.len() as f64) > cost)
    }

    fn scan<'s>(&'s self, part: &'s Searched) -> LinearScan<'s> {
        LinearScan {
            kernel: self.kernel,
            segment: part.segment,
            allowed: part.allowed.as_ref(),
            queries: self.queries,
            wanted: self.wanted,
            bounds: &self.bounds,
        }
    }

    /// Per query its keys, or none where it gave up.
    fn search_tables(
        &self,
        part: &Searched,
        tables: &Tables,
    ) -> Result<Vec<(Option<Vec<u64>>, Work)>> {
        let segment = part.segment;
        let budget = self.budget(segment);
        let tile = |scratch: &mut Scratch, task: usize| {
            let mut answers = Vec::with_capacity(TILE);
            let mut is_hopeless = true;
            for query in (task * TILE..self.count).take(TILE) {
                if answers.len() >= FEW && is_hopeless {
                    answers.push((None, Work::default()));
                    continue;
                }
                let mut collector = Collector::new(self.wanted, segment.blocks.bits());
                if let Wanted::Nearest(_) = self.wanted {
                    collector.bound(self.bounds[query].load(Relaxed));
                }
                let probe = Probe {
                    blocks: &segment.blocks,
                    query: self.queries.get(query),
                    allowed: part.allowed.as_ref(),
                    budget,
                };
                let (is_done, work) = tables.search(probe, &mut collector, scratch, self.cancel)?;
                is_hopeless &= !is_done;
                answers.push((is_done.then(|| collector.finish()), work));
            }
            Ok(answers)
        };
        let tasks = self.count.div_ceil(TILE);
        let answers = map_tasks(self.options.threads, tasks, self.cancel, Scratch::default, tile)?;
        Ok(answers.into_iter().flatten().collect())
    }
}
