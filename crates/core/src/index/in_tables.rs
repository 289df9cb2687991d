//! A search in the tables of a segment (multi-index hashing): whether it pays, and what it finds.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use super::costs::Costs;
use super::hits::Gathering;
use super::search::{Method, Run, Searched};
use super::tables::{Probe, Scratch, Tables, Work};
use super::top_k::{Collector, Wanted};
use crate::error::Result;
use crate::hamming::unkey;
use crate::parallel::map_tasks;
use crate::sizes::block;

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

impl Run<'_> {
    /// Gathers what the tables of `part` find, where they are worth a try, and returns the queries that are to be
    /// scanned for.
    pub(super) fn look_into_tables(
        &self,
        part: &Searched,
        gathering: &mut Gathering,
        work: &mut Work,
    ) -> Result<Vec<u32>> {
        let Some(tables) = self.tables(part)? else { return Ok((0..self.count as u32).collect()) };
        let mut pending = Vec::new();
        for Answer { query, keys, work: done } in self.answers(part, tables)? {
            work.add(done);
            match keys {
                Some(keys) => gathering.add(query as usize, part.segment, &keys, self.cancel)?,
                None => pending.push(query),
            }
        }
        Ok(pending)
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
