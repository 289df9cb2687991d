//! Metrics of Hamming rankings. One pass over the database per query yields, per distance, how many rows
//! there are and how many of them are relevant; the rule for ties decides what is made of them.

use std::ops::Range;

use super::apart::{Floats, Measure};
use super::checks::{LABEL_NAMES, check_neighbours, check_row_numbers, count_codes, transformed};
use super::expected::{self, Group, harmonic_numbers};
use super::labels::Mark;
use super::order::{self, NEIGHBOUR, RELEVANT};
use super::ranked::Placed;
use super::within::{self, MetricsWithin, WithinSums};
use super::{AveragePrecision, Cutoffs, Labels, MetricsAt, Scores, Totals};
use crate::error::{Error, Result};
use crate::hamming::{Blocks, Kernel, blocks};
use crate::level::Level;
use crate::parallel::{Cancel, map_tasks};
use crate::vectors::Vectors;

/// Queries of one task.
const QUERIES: usize = 8;
/// Database rows between two looks at the cancel flag; their words and flags stay in the L1 cache.
const ROWS: usize = 2048;
/// What a thread may keep of the rows for several queries at once.
const ROW_BYTES: usize = 32 << 20;
/// Vectors that are compared with several queries while they lie in the cache.
const VECTOR_BYTES: usize = 64 << 10;

/// How rows at the same Hamming distance are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Every order is equally likely; the metrics are their exact expectations.
    Expected,
    /// By Euclidean distance of the transformed vectors, then by row.
    Float,
    /// By cosine of the transformed vectors, the largest first, then by row.
    Cosine,
    /// By row.
    Id,
}

impl Ties {
    /// Parses `expected`, `float`, `cosine` or `id`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "expected" => Ok(Self::Expected),
            "float" => Ok(Self::Float),
            "cosine" => Ok(Self::Cosine),
            "id" => Ok(Self::Id),
            _ => Err(Error::InvalidOption {
                option: "ties",
                value: name.into(),
                expected: "one of expected, float, cosine, id",
            }
            .into()),
        }
    }
}

/// What [`evaluate_codes`] judges.
#[derive(Debug, Clone, Copy)]
pub struct CodesEvaluation<'a> {
    /// Length of a code: a positive multiple of 8.
    pub bits: usize,
    /// Rows of `bits / 8` bytes, at least one row.
    pub database_codes: &'a [u8],
    /// Rows of `bits / 8` bytes, at least one row.
    pub query_codes: &'a [u8],
    /// One row per database code.
    pub database_labels: &'a Labels,
    /// One row per query code, of the same kind and classes as the database labels.
    pub query_labels: &'a Labels,
    /// Database rows that `neighbour_recall` looks for: queries x count, distinct within a query.
    /// May be empty.
    pub neighbours: &'a [u32],
    /// Cut-offs, each at least 1, in any order; beyond the number of rows they mean all rows.
    pub at: &'a [usize],
    /// The rule for equal distances.
    pub ties: Ties,
    /// How AP is normalised.
    pub average_precision: AveragePrecision,
    /// One row per database code; required for [`Ties::Float`] and [`Ties::Cosine`], else ignored.
    pub database_vectors: Option<&'a Vectors>,
    /// One row per query code, as wide as the database's; required where the database's are.
    pub query_vectors: Option<&'a Vectors>,
}

/// What [`evaluate_codes`] finds.
#[derive(Debug, Clone, PartialEq)]
pub struct CodesMetrics {
    /// One entry per cut-off, in the order of `at`.
    pub at: Vec<MetricsAt>,
    /// One entry per radius from 0 to `bits`; the rule for ties changes nothing of them.
    pub within: Vec<MetricsWithin>,
}

/// Ranks the database by Hamming distance for every query and returns the means over the queries.
///
/// # Errors
/// Before any work: `InvalidOption` for `bits`, `at`, `neighbours` (a row that does not exist or
/// comes twice), labels of different kinds, or vectors missing for [`Ties::Float`] or
/// [`Ties::Cosine`]; `Empty` without database or queries; `Mismatch` where rows, columns or classes do not fit. Then only `Aborted`.
pub fn evaluate_codes(
    evaluation: &CodesEvaluation,
    threads: usize,
    cancel: &Cancel,
) -> Result<CodesMetrics> {
    let job = Job::new(evaluation, threads, cancel)?;
    let tasks = job.queries.div_ceil(QUERIES);
    let parts = map_tasks(
        threads,
        tasks,
        cancel,
        || job.workspace(),
        |workspace, task| {
            let mut sums = (job.cutoffs.zeros(), vec![WithinSums::default(); job.bits + 1]);
            let end = ((task + 1) * QUERIES).min(job.queries);
            for first in (task * QUERIES..end).step_by(job.at_once) {
                job.judge(first..(first + job.at_once).min(end), workspace, &mut sums)?;
            }
            Ok(sums)
        },
    )?;
    let (queries, neighbours) = (job.queries, job.neighbour_count > 0);
    let (at, within) = (parts.iter().map(|(at, _)| &at[..]), parts.iter().map(|(_, all)| &all[..]));
    Ok(CodesMetrics {
        at: job.cutoffs.means(at, queries, neighbours),
        within: within::means(within, job.bits + 1, queries, neighbours),
    })
}

/// A checked evaluation with what all queries share.
struct Job<'a> {
    bits: usize,
    rows: usize,
    queries: usize,
    kernel: Kernel,
    database: Blocks,
    query_codes: &'a [u8],
    database_labels: &'a Labels,
    query_labels: &'a Labels,
    neighbours: &'a [u32],
    /// Neighbours per query.
    neighbour_count: usize,
    cutoffs: Cutoffs<'a>,
    order: Order<'a>,
    /// Queries that a thread looks at while the rows pass once.
    at_once: usize,
    cancel: &'a Cancel,
    level: Level,
}

/// [`Ties`] with what each rule needs.
enum Order<'a> {
    Expected { harmonic: Vec<f64> },
    Floats(Floats<'a>),
    Id,
}

/// Buffers of one thread.
struct Workspace {
    /// Of one query to the rows of a block.
    distances: Vec<u32>,
    /// 1 for the relevant rows of a block.
    relevant: Vec<u8>,
    /// Of each query at once.
    asked: Vec<Asked>,
    order: order::Scratch,
}

/// What is known of a query once the rows have passed.
#[derive(Default)]
struct Asked {
    words: Vec<u64>,
    /// Per distance: rows that are not relevant, rows that are.
    counts: Vec<[u32; 2]>,
    /// One [`order::key`] per row, where ties are put in order.
    keys: Vec<u32>,
    /// How far the rows that are ranked are apart from it, where this puts ties in order.
    apart: Vec<f64>,
}

impl<'a> Job<'a> {
    fn new(evaluation: &CodesEvaluation<'a>, threads: usize, cancel: &'a Cancel) -> Result<Self> {
        let CodesEvaluation { bits, database_labels, query_labels, .. } = *evaluation;
        if bits == 0 || !bits.is_multiple_of(8) {
            return Err(Error::InvalidOption {
                option: "bits",
                value: bits.to_string(),
                expected: "a positive multiple of 8",
            }
            .into());
        }
        let rows = count_codes("database codes", evaluation.database_codes, bits)?;
        let queries = count_codes("query codes", evaluation.query_codes, bits)?;
        check_row_numbers(rows)?;
        query_labels.check(queries, database_labels, rows, LABEL_NAMES)?;
        let neighbour_count = check_neighbours(evaluation.neighbours, queries, rows)?;
        let cutoffs = Cutoffs::new(evaluation.at, rows, evaluation.average_precision)?;
        let (order, row_bytes) = match evaluation.ties {
            Ties::Expected => (Order::Expected { harmonic: harmonic_numbers(cutoffs.depth()) }, 0),
            ties @ (Ties::Float | Ties::Cosine) => {
                let (database, queries) = transformed(evaluation, rows, queries)?;
                let floats = if ties == Ties::Cosine {
                    Floats::by_cosine(database, queries, threads, cancel)?
                } else {
                    Floats::by_distance(database, queries)
                };
                (Order::Floats(floats), size_of::<u32>() + size_of::<f64>())
            }
            Ties::Id => (Order::Id, size_of::<u32>()),
        };
        Ok(Self {
            bits,
            rows,
            queries,
            kernel: Kernel::chosen()?,
            database: Blocks::from_codes(evaluation.database_codes, bits)?,
            query_codes: evaluation.query_codes,
            database_labels,
            query_labels,
            neighbours: evaluation.neighbours,
            neighbour_count,
            cutoffs,
            order,
            at_once: (ROW_BYTES / row_bytes.saturating_mul(rows).max(1)).clamp(1, QUERIES),
            cancel,
            level: Level::new(),
        })
    }

    fn workspace(&self) -> Workspace {
        let block = ROWS.min(self.rows);
        Workspace {
            distances: vec![0; block],
            relevant: vec![0; block],
            asked: std::iter::repeat_with(Asked::default).take(self.at_once).collect(),
            order: order::Scratch::default(),
        }
    }

    /// Adds what some queries find to the sums.
    fn judge(
        &self,
        queries: Range<usize>,
        work: &mut Workspace,
        sums: &mut (Vec<Scores>, Vec<WithinSums>),
    ) -> Result<()> {
        self.scan(queries.clone(), work)?;
        if let Order::Floats(floats) = &self.order {
            self.measure(queries.clone(), floats, &mut work.asked)?;
        }
        for (query, asked) in queries.zip(&mut work.asked) {
            let neighbours =
                &self.neighbours[query * self.neighbour_count..][..self.neighbour_count];
            let groups = self.groups(asked, neighbours);
            let relevant = groups.iter().map(|group| group.relevant).sum();
            let totals = Totals { relevant, neighbours: neighbours.len() };
            within::add_query(&groups, totals, &mut sums.1);
            if let Order::Expected { harmonic } = &self.order {
                expected::add_scores(&groups, totals, &self.cutoffs, harmonic, &mut sums.0);
                continue;
            }
            neighbours.iter().for_each(|&row| asked.keys[row as usize] |= NEIGHBOUR);
            let mut placed = Placed::new(&self.cutoffs);
            let ranked = &groups[..=self.radius(asked) as usize];
            if let Order::Floats(_) = self.order {
                let Asked { keys, apart, .. } = &*asked;
                let scratch = &mut work.order;
                order::by_distance(keys, apart, ranked, scratch, self.cancel, &mut placed)?;
            } else {
                order::by_row(&asked.keys, ranked, &mut placed);
            }
            placed.add_scores(totals, &mut sums.0);
        }
        Ok(())
    }

    /// Lets the rows pass some queries: fills the counts, and the keys where ties are put in order.
    fn scan(&self, queries: Range<usize>, work: &mut Workspace) -> Result<()> {
        let keeps_keys = !matches!(self.order, Order::Expected { .. });
        for (query, asked) in queries.clone().zip(&mut work.asked) {
            let code = &self.query_codes[query * (self.bits / 8)..][..self.bits / 8];
            asked.words.resize(self.database.words(), 0);
            blocks::to_words(code, &mut asked.words);
            asked.counts.clear();
            asked.counts.resize(self.bits + 1, [0; 2]);
            asked.keys.resize(if keeps_keys { self.rows } else { 0 }, 0);
        }
        for start in (0..self.rows).step_by(ROWS) {
            self.cancel.check()?;
            let rows = start..(start + ROWS).min(self.rows);
            let distances = &mut work.distances[..rows.len()];
            let relevant = &mut work.relevant[..rows.len()];
            for (query, asked) in queries.clone().zip(&mut work.asked) {
                self.kernel.distances(&asked.words, &self.database, start, distances);
                self.level.dispatch(Mark {
                    query,
                    labels: (self.query_labels, self.database_labels),
                    rows: rows.clone(),
                    out: &mut *relevant,
                });
                for (&distance, &relevant) in distances.iter().zip(&*relevant) {
                    asked.counts[distance as usize][usize::from(relevant & 1)] += 1;
                }
                if keeps_keys {
                    let keys = asked.keys[rows.clone()].iter_mut();
                    for ((key, &distance), &relevant) in keys.zip(&*distances).zip(&*relevant) {
                        *key = order::key(distance) | if relevant == 1 { RELEVANT } else { 0 };
                    }
                }
            }
        }
        Ok(())
    }

    /// The smallest radius that holds as many rows as the deepest cut-off.
    fn radius(&self, asked: &Asked) -> u32 {
        let mut left = self.cutoffs.depth();
        let reaches = |[other, relevant]: &[u32; 2]| {
            left = left.saturating_sub((other + relevant) as usize);
            left == 0
        };
        asked.counts.iter().position(reaches).unwrap_or(self.bits) as u32
    }

    /// Fills how far some queries are from the rows that are ranked for them, in order of the rows and not of
    /// the rankings: that is several times quicker.
    fn measure(&self, queries: Range<usize>, floats: &Floats, all: &mut [Asked]) -> Result<()> {
        let asking: Vec<_> = queries
            .zip(&*all)
            .map(|(query, asked)| (floats.asking(query), order::key(self.radius(asked) + 1)))
            .collect();
        let step = (VECTOR_BYTES / size_of::<f32>() / floats.database.columns()).clamp(1, ROWS);
        for start in (0..self.rows).step_by(step) {
            self.cancel.check()?;
            let rows = start..(start + step).min(self.rows);
            for ((asking, limit), asked) in asking.iter().zip(&mut *all) {
                asked.apart.resize(self.rows, 0.0);
                self.level.dispatch(Measure {
                    asking,
                    floats,
                    rows: rows.clone(),
                    keys: &asked.keys,
                    limit: *limit,
                    out: &mut asked.apart,
                });
            }
        }
        Ok(())
    }

    /// What a query has at each distance.
    fn groups(&self, asked: &Asked, neighbours: &[u32]) -> Vec<Group> {
        let as_group = |&[other, relevant]: &[u32; 2]| Group {
            total: (other + relevant) as usize,
            relevant: relevant as usize,
            neighbours: 0,
        };
        let mut groups: Vec<_> = asked.counts.iter().map(as_group).collect();
        for &row in neighbours {
            let words = asked.words.iter().enumerate();
            let differ = words.map(|(w, word)| word ^ self.database.word(row as usize, w));
            groups[differ.map(u64::count_ones).sum::<u32>() as usize].neighbours += 1;
        }
        groups
    }
}
