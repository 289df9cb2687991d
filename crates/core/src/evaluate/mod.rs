//! How good a ranking of the database is: label metrics, tie-aware for codes, and the recall of the
//! nearest neighbours. Definitions and conventions: `docs/evaluation.md`.
//!
//! [`evaluate_codes`] judges Hamming rankings, [`evaluate_cosine`] the exact float ranking they are
//! held against, and [`neighbours`] finds the rows that `neighbour_recall` looks for.
//! [`code_statistics`] and [`quantization_losses`] look at codes without any query.
//!
//! Everything runs in blocks of queries whose boundaries depend on the input alone, and the sums of
//! the blocks are added in order: the thread count changes no bit of a result.

mod apart;
mod checks;
mod codes;
mod cosine;
mod expected;
mod labels;
mod nearest;
mod order;
mod ranked;
mod statistics;
mod within;

pub use codes::{CodesEvaluation, CodesMetrics, Ties, evaluate_codes};
pub(crate) use cosine::neighbours_in_parts;
pub use cosine::{CosineEvaluation, evaluate_cosine, neighbours};
pub use labels::Labels;

pub use statistics::{CodeStatistics, code_statistics, quantization_losses};
pub use within::MetricsWithin;

use crate::error::{Error, Result};
use crate::sorting;
use crate::text;

/// Means over the queries at one cut-off N; all in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricsAt {
    /// N as it was asked for. Beyond the number of database rows it means all of them.
    pub at: usize,
    /// AP@N: the precisions at each relevant item among the first N, summed and divided as
    /// [`AveragePrecision`] says; 0 for a query without any.
    pub mean_average_precision: f64,
    /// Relevant items among the first N, divided by `min(N, rows)`.
    pub precision: f64,
    /// Relevant items among the first N, divided by all relevant rows of the database; 0 for a
    /// query without any.
    pub recall: f64,
    /// Share of the given nearest neighbours among the first N; `None` when none were given.
    pub neighbour_recall: Option<f64>,
}

/// What AP@N divides the precisions at the relevant items among the first N by. With N = all rows the
/// three are the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AveragePrecision {
    /// The relevant items among the first N.
    #[default]
    Retrieved,
    /// The relevant rows of the whole database.
    All,
    /// The relevant items that the first N could hold: no more than N, no more than there are.
    Possible,
}

impl AveragePrecision {
    /// Parses `retrieved`, `all` or `possible`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "retrieved" => Ok(Self::Retrieved),
            "all" => Ok(Self::All),
            "possible" => Ok(Self::Possible),
            _ => Err(Error::InvalidOption {
                option: "averagePrecision",
                value: name.into(),
                expected: "one of retrieved, all, possible",
            }
            .into()),
        }
    }

    /// The divisor, where `retrieved` of `relevant` items are among the first `rank`.
    fn divisor(self, retrieved: usize, relevant: usize, rank: usize) -> usize {
        match self {
            Self::Retrieved => retrieved,
            Self::All => relevant,
            Self::Possible => relevant.min(rank),
        }
    }
}

/// The metrics of one query at one cut-off, or their sums over queries.
#[derive(Debug, Clone, Copy, Default)]
struct Scores {
    average_precision: f64,
    precision: f64,
    recall: f64,
    neighbour_recall: f64,
}

impl Scores {
    fn add(&mut self, other: &Self) {
        self.average_precision += other.average_precision;
        self.precision += other.precision;
        self.recall += other.recall;
        self.neighbour_recall += other.neighbour_recall;
    }
}

/// What a query has in the whole database.
#[derive(Debug, Clone, Copy)]
struct Totals {
    relevant: usize,
    neighbours: usize,
}

/// `part / whole`, and 0 of nothing.
fn share(part: f64, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part / whole as f64 }
}

/// The cut-offs, checked, as ranks that exist.
#[derive(Debug)]
struct Cutoffs<'a> {
    requested: &'a [usize],
    /// Strictly ascending, each in `1..=rows`.
    ranks: Vec<usize>,
    rows: usize,
    average_precision: AveragePrecision,
}

impl<'a> Cutoffs<'a> {
    fn new(
        requested: &'a [usize],
        rows: usize,
        average_precision: AveragePrecision,
    ) -> Result<Self> {
        if requested.is_empty() || requested.contains(&0) {
            let listed: Vec<String> = requested.iter().map(usize::to_string).collect();
            return Err(Error::InvalidOption {
                option: "at",
                value: text!["[", listed.join(", ").as_str(), "]"],
                expected: "one or more cut-offs of at least 1",
            }
            .into());
        }
        let mut ranks: Vec<_> = requested.iter().map(|&at| at.min(rows)).collect();
        sorting::sort(&mut ranks);
        ranks.dedup();
        Ok(Self { requested, ranks, rows, average_precision })
    }

    /// The deepest rank that counts.
    fn depth(&self) -> usize {
        self.ranks.last().copied().unwrap_or(0)
    }

    /// Sums of zero, one per rank.
    fn zeros(&self) -> Vec<Scores> {
        vec![Scores::default(); self.ranks.len()]
    }

    /// Means of the summed scores of `queries`, one per requested cut-off, in the order requested.
    /// The parts hold one sum per rank and are added in order.
    fn means<'p>(
        &self,
        parts: impl Iterator<Item = &'p [Scores]>,
        queries: usize,
        neighbours: bool,
    ) -> Vec<MetricsAt> {
        let mut sums = self.zeros();
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| sum.add(part));
        }
        let mean_at = |&at: &usize| {
            let sum = &sums[self.ranks.partition_point(|&rank| rank < at.min(self.rows))];
            MetricsAt {
                at,
                mean_average_precision: share(sum.average_precision, queries),
                precision: share(sum.precision, queries),
                recall: share(sum.recall, queries),
                neighbour_recall: neighbours.then(|| share(sum.neighbour_recall, queries)),
            }
        };
        self.requested.iter().map(mean_at).collect()
    }
}
