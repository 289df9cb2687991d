//! Metrics of Hamming rankings. One pass over the database per query yields its distances and, per
//! distance, how many rows are relevant; the rule for ties decides what is made of them.

use std::ops::Range;

use pulp::Arch;

use super::expected::{self, Group, harmonic_numbers};
use super::{
    Cutoffs, LABEL_NAMES, Labels, MetricsAt, Scores, Totals, check_row_numbers, order, ranked,
};
use crate::error::{Error, Result};
use crate::hamming::{Blocks, Kernel, blocks};
use crate::parallel::{Cancel, map_tasks};
use crate::sorting;
use crate::text;
use crate::vectors::Vectors;

/// Queries of one task.
const QUERIES: usize = 8;
/// Database rows between two looks at the cancel flag; their words and flags stay in the L1 cache.
const ROWS: usize = 2048;

/// How rows at the same Hamming distance are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Every order is equally likely; the metrics are their exact expectations.
    Expected,
    /// By Euclidean distance of the transformed vectors, then by row.
    Float,
    /// By row.
    Id,
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
    /// One row per database code; required for [`Ties::Float`], else ignored.
    pub database_vectors: Option<&'a Vectors>,
    /// One row per query code, as wide as the database's; required for [`Ties::Float`], else ignored.
    pub query_vectors: Option<&'a Vectors>,
}

/// Ranks the database by Hamming distance for every query and returns the means over the queries,
/// one entry per cut-off, in the order of `at`.
///
/// # Errors
/// Before any work: `InvalidOption` for `bits`, `at`, `neighbours` (a row that does not exist or
/// comes twice), labels of different kinds, or vectors missing for [`Ties::Float`]; `Empty` without
/// database or queries; `Mismatch` where rows, columns or classes do not fit. Then only `Aborted`.
pub fn evaluate_codes(
    evaluation: &CodesEvaluation,
    threads: usize,
    cancel: &Cancel,
) -> Result<Vec<MetricsAt>> {
    let job = Job::new(evaluation, cancel)?;
    let parts = map_tasks(
        threads,
        job.queries.div_ceil(QUERIES),
        cancel,
        || job.workspace(),
        |workspace, task| {
            let mut sums = job.cutoffs.zeros();
            for query in task * QUERIES..((task + 1) * QUERIES).min(job.queries) {
                job.add_scores(query, workspace, &mut sums)?;
            }
            Ok(sums)
        },
    )?;
    Ok(job.cutoffs.means(&parts, job.queries, job.neighbour_count > 0))
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
    cancel: &'a Cancel,
    arch: Arch,
}

/// [`Ties`] with what each rule needs.
enum Order<'a> {
    Expected { harmonic: Vec<f64> },
    Float { database: &'a Vectors, queries: &'a Vectors },
    Id,
}

/// Buffers of one thread.
struct Workspace {
    /// Of the query to each row.
    distances: Vec<u32>,
    /// 1 for the relevant rows of a block.
    relevant: Vec<u8>,
    /// Per distance: rows that are not relevant, rows that are.
    counts: Vec<[u32; 2]>,
    /// All false between queries.
    is_neighbour: Vec<bool>,
    ranking: Vec<u32>,
    /// Squared Euclidean distances of the query to the rows that are ranked.
    squared: Vec<f64>,
    /// A group of ties on its way through a sort.
    keyed: Vec<(u64, u32)>,
}

impl<'a> Job<'a> {
    fn new(evaluation: &CodesEvaluation<'a>, cancel: &'a Cancel) -> Result<Self> {
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
        let cutoffs = Cutoffs::new(evaluation.at, rows)?;
        let order = match evaluation.ties {
            Ties::Expected => Order::Expected { harmonic: harmonic_numbers(cutoffs.depth()) },
            Ties::Float => float_order(evaluation, rows, queries)?,
            Ties::Id => Order::Id,
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
            cancel,
            arch: Arch::new(),
        })
    }

    fn workspace(&self) -> Workspace {
        Workspace {
            distances: vec![0; self.rows],
            relevant: vec![0; ROWS.min(self.rows)],
            counts: vec![[0; 2]; self.bits + 1],
            is_neighbour: vec![false; self.rows],
            ranking: Vec::new(),
            squared: Vec::new(),
            keyed: Vec::new(),
        }
    }

    fn add_scores(&self, query: usize, work: &mut Workspace, sums: &mut [Scores]) -> Result<()> {
        self.scan(query, work)?;
        let neighbours = &self.neighbours[query * self.neighbour_count..][..self.neighbour_count];
        let relevant = work.counts.iter().map(|&[_, relevant]| relevant as usize).sum();
        let totals = Totals { relevant, neighbours: neighbours.len() };

        if let Order::Expected { harmonic } = &self.order {
            let as_group = |&[other, relevant]: &[u32; 2]| Group {
                total: (other + relevant) as usize,
                relevant: relevant as usize,
                neighbours: 0,
            };
            let mut groups: Vec<_> = work.counts.iter().map(as_group).collect();
            for &row in neighbours {
                groups[work.distances[row as usize] as usize].neighbours += 1;
            }
            expected::add_scores(&groups, totals, &self.cutoffs, harmonic, sums);
            return Ok(());
        }

        let depth = self.cutoffs.depth();
        let groups = order::by_row(&work.distances, &work.counts, depth, &mut work.ranking);
        if let Order::Float { database, queries } = self.order {
            self.order_ties(database, queries.row(query), groups, work)?;
        }
        neighbours.iter().for_each(|&row| work.is_neighbour[row as usize] = true);
        let labels = (self.query_labels, self.database_labels);
        ranked::add_scores(
            &work.ranking,
            query,
            labels,
            &work.is_neighbour,
            totals,
            &self.cutoffs,
            sums,
        );
        neighbours.iter().for_each(|&row| work.is_neighbour[row as usize] = false);
        Ok(())
    }

    /// Puts the rows of each group of ties in `ranking` in order of (Euclidean distance, row). The
    /// vectors are read in order of the rows, not of the ranking: that is several times quicker.
    fn order_ties(
        &self,
        database: &Vectors,
        query: &[f32],
        groups: Vec<Range<usize>>,
        work: &mut Workspace,
    ) -> Result<()> {
        work.squared.resize(self.rows, 0.0);
        let radius = groups.len() as u32 - 1;
        for start in (0..self.rows).step_by(ROWS) {
            self.cancel.check()?;
            let rows = start..(start + ROWS).min(self.rows);
            let (distances, out) = (&work.distances, &mut work.squared);
            self.arch.dispatch(
                #[inline(always)]
                || order::squared_distances(query, database, rows, distances, radius, out),
            );
        }
        for group in groups {
            self.cancel.check()?;
            order::sort_ties(&mut work.ranking[group], &work.squared, &mut work.keyed);
        }
        Ok(())
    }

    /// Fills `distances` and `counts` of the workspace.
    fn scan(&self, query: usize, work: &mut Workspace) -> Result<()> {
        let mut own = vec![0; self.database.words()];
        blocks::to_words(&self.query_codes[query * (self.bits / 8)..][..self.bits / 8], &mut own);
        work.counts.fill([0; 2]);
        for start in (0..self.rows).step_by(ROWS) {
            self.cancel.check()?;
            let rows = start..(start + ROWS).min(self.rows);
            let out = &mut work.distances[rows.clone()];
            let relevant = &mut work.relevant[..rows.len()];
            self.kernel.distances(&own, &self.database, rows.start, out);
            self.arch.dispatch(
                #[inline(always)]
                || self.query_labels.mark(query, self.database_labels, rows, relevant),
            );
            for (&distance, &relevant) in out.iter().zip(&*relevant) {
                work.counts[distance as usize][usize::from(relevant & 1)] += 1;
            }
        }
        Ok(())
    }
}

/// Number of codes in `data`, at least one.
fn count_codes(what: &str, data: &[u8], bits: usize) -> Result<usize> {
    let bytes = bits / 8;
    if data.is_empty() {
        return Err(Error::Empty { what: what.into(), axis: "rows" }.into());
    }
    if !data.len().is_multiple_of(bytes) {
        let whole = data.len() / bytes * bytes;
        return Err(Error::mismatch(text!["bytes of the ", what], whole, data.len()));
    }
    Ok(data.len() / bytes)
}

/// Neighbours per query, 0 when there are none.
fn check_neighbours(neighbours: &[u32], queries: usize, rows: usize) -> Result<usize> {
    let count = neighbours.len() / queries;
    if !neighbours.len().is_multiple_of(queries) {
        return Err(Error::mismatch("length of neighbours", count * queries, neighbours.len()));
    }
    let invalid = |value, expected| {
        Err(Error::InvalidOption { option: "neighbours", value, expected }.into())
    };
    let mut sorted = Vec::with_capacity(count);
    for (query, neighbours) in neighbours.chunks(count.max(1)).enumerate() {
        sorted.clear();
        sorted.extend_from_slice(neighbours);
        sorting::sort(&mut sorted);
        if let Some(&row) = sorted.last().filter(|&&row| row as usize >= rows) {
            return invalid(text!["row ", row, " for query ", query], "a row of the database");
        }
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return invalid(
                text!["row ", pair[0], " twice for query ", query],
                "a list of distinct rows",
            );
        }
    }
    Ok(count)
}

fn float_order<'a>(
    evaluation: &CodesEvaluation<'a>,
    rows: usize,
    queries: usize,
) -> Result<Order<'a>> {
    let required = |option, vectors: Option<&'a Vectors>| {
        vectors.ok_or(Error::InvalidOption {
            option,
            value: "nothing".into(),
            expected: "the transformed vectors, which ties `float` need",
        })
    };
    let database = required("database vectors", evaluation.database_vectors)?;
    let query_vectors = required("query vectors", evaluation.query_vectors)?;
    let expect = |what: &str, expected, actual| {
        if expected == actual { Ok(()) } else { Err(Error::mismatch(what, expected, actual)) }
    };
    expect("rows of the database vectors", rows, database.rows())?;
    expect("rows of the query vectors", queries, query_vectors.rows())?;
    expect("columns of the query vectors", database.columns(), query_vectors.columns())?;
    Ok(Order::Float { database, queries: query_vectors })
}
