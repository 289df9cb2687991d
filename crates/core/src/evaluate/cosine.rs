//! The exact ranking by cosine: blocks of queries times blocks of the database, of which only the
//! best rows of each query are kept. Memory does not grow with queries x rows.

use std::ops::Range;

use faer::{MatMut, MatRef};

use super::checks::{LABEL_NAMES, check_row_numbers};
use super::nearest::Nearest;
use super::ranked::Placed;
use super::{AveragePrecision, Cutoffs, Labels, MetricsAt, Totals};
use crate::dot::reciprocal_norm;
use crate::error::{Error, Result};
use crate::linalg;
use crate::parallel::{Cancel, fill_chunks};
use crate::parts::{finished, in_parts, map_steps, whole};
use crate::text;
use crate::vectors::Vectors;

/// Database rows of one product, a few ms of work between two looks at the cancel flag.
const ROWS: usize = 1024;
/// Most queries of one product.
const QUERIES: usize = 128;
/// A thread keeps about this much in candidates, with fewer queries at once if need be.
const CANDIDATE_BYTES: usize = 32 << 20;

/// What [`evaluate_cosine`] judges.
#[derive(Debug, Clone, Copy)]
pub struct CosineEvaluation<'a> {
    /// The rows to rank.
    pub database: &'a Vectors,
    /// As wide as the database.
    pub queries: &'a Vectors,
    /// One row per database row.
    pub database_labels: &'a Labels,
    /// One row per query, of the same kind and classes as the database labels.
    pub query_labels: &'a Labels,
    /// Cut-offs, each at least 1, in any order; beyond the number of rows they mean all rows.
    pub at: &'a [usize],
    /// How AP is normalised.
    pub average_precision: AveragePrecision,
    /// Nearest neighbours to return per query; 0 for none, more than rows for all of them.
    pub neighbours: usize,
}

/// Ranks the database by cosine for every query. Returns the means over the queries, one entry per
/// cut-off, in the order of `at`, and what [`neighbours`] would return.
///
/// `neighbour_recall` is measured against these neighbours: the ranking contains its own first rows,
/// so it is below 1 only for cut-offs that are too short to hold them.
///
/// # Errors
/// Before any work: `InvalidOption` for `at` or labels of different kinds, `Mismatch` where rows,
/// columns or classes do not fit, `OutOfMemory` for the neighbours. Then only `Aborted`.
pub fn evaluate_cosine(
    evaluation: &CosineEvaluation,
    threads: usize,
    cancel: &Cancel,
) -> Result<(Vec<MetricsAt>, Vec<u32>)> {
    let CosineEvaluation { database, queries, database_labels, query_labels, .. } = *evaluation;
    check_vectors(database, queries)?;
    query_labels.check(queries.rows(), database_labels, database.rows(), LABEL_NAMES)?;
    let cutoffs = Cutoffs::new(evaluation.at, database.rows(), evaluation.average_precision)?;
    let count = evaluation.neighbours.min(database.rows());

    let mut all_neighbours = reserve_neighbours(queries.rows(), count)?;

    let keep = cutoffs.depth().max(count);
    let new_block = || (cutoffs.zeros(), Vec::new());
    let ranked = Ranked::new(database, queries, keep, threads, cancel)?;
    let blocks = finished(rank(
        &ranked,
        threads,
        cancel,
        new_block,
        |block: &mut (_, Vec<u32>), query, found: Found<'_>| {
            let (sums, neighbours) = block;
            let Found { ranking, is_neighbour } = found;
            ranking[..count].iter().for_each(|&row| is_neighbour[row as usize] = true);
            let relevant = query_labels.count_relevant(query, database_labels);
            let totals = Totals { relevant, neighbours: count };
            let mut placed = Placed::new(&cutoffs);
            let mut found = 0;
            for (&row, position) in ranking.iter().zip(1..) {
                let row = row as usize;
                if query_labels.is_relevant(query, database_labels, row) {
                    found += 1;
                    placed.relevant(found, position);
                }
                if is_neighbour[row] {
                    placed.neighbour(position);
                }
            }
            placed.add_scores(totals, sums);
            ranking[..count].iter().for_each(|&row| is_neighbour[row as usize] = false);
            neighbours.extend_from_slice(&ranking[..count]);
        },
    ))?;

    blocks.iter().for_each(|(_, neighbours)| all_neighbours.extend(neighbours));
    let sums = blocks.iter().map(|(sums, _)| &sums[..]);
    Ok((cutoffs.means(sums, queries.rows(), count > 0), all_neighbours))
}

/// The rows of the `count` nearest database rows of each query by cosine, best first, equal ones in
/// order of the row: queries x `min(count, rows)`. A row or query of zeros has cosine 0 with
/// everything.
///
/// # Errors
/// Before any work: `InvalidOption` when `count` is 0, `Mismatch` when the columns differ,
/// `OutOfMemory` for the result. Then only `Aborted`.
pub fn neighbours(
    database: &Vectors,
    queries: &Vectors,
    count: usize,
    threads: usize,
    cancel: &Cancel,
) -> Result<Vec<u32>> {
    finished(neighbours_in_parts(database, queries, count, threads, cancel))
}

in_parts! {
    /// [`neighbours`].
    pub(crate) fn neighbours_in_parts(
        database: &Vectors,
        queries: &Vectors,
        count: usize,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Vec<u32>> {
        check_vectors(database, queries)?;
        if count == 0 {
            return Err(Error::InvalidOption {
                option: "count",
                value: "0".into(),
                expected: "at least 1",
            }
            .into());
        }
        let keep = count.min(database.rows());
        let mut all = reserve_neighbours(queries.rows(), keep)?;
        let take = |block: &mut Vec<u32>, _: usize, found: Found<'_>| {
            block.extend_from_slice(found.ranking);
        };
        let ranked = Ranked::new(database, queries, keep, threads, cancel)?;
        let blocks = whole!(rank(&ranked, threads, cancel, Vec::new, take))?;
        all.extend(blocks.into_iter().flatten());
        Ok(all)
    }
}

/// Room for `queries x count` rows, asked for before hours of work and not after.
fn reserve_neighbours(queries: usize, count: usize) -> Result<Vec<u32>> {
    let mut room = Vec::new();
    let length = queries.saturating_mul(count);
    room.try_reserve_exact(length).map_err(|_| Error::OutOfMemory {
        what: text![queries, " x ", count, " neighbours"],
        bytes: length.saturating_mul(size_of::<u32>()),
    })?;
    Ok(room)
}

fn check_vectors(database: &Vectors, queries: &Vectors) -> Result<()> {
    check_row_numbers(database.rows())?;
    if database.columns() == queries.columns() {
        return Ok(());
    }
    Err(Error::mismatch("columns of the queries", database.columns(), queries.columns()))
}

/// What [`rank`] hands over for one query.
struct Found<'a> {
    /// The best rows, best first.
    ranking: &'a [u32],
    /// One flag per database row, all false, to be left so.
    is_neighbour: &'a mut [bool],
}

/// Buffers of one thread.
#[derive(Default)]
struct Workspace {
    queries: Vec<f32>,
    database: Vec<f32>,
    similarities: Vec<f32>,
    nearest: Vec<Nearest>,
    ranking: Vec<u32>,
    is_neighbour: Vec<bool>,
}

in_parts! {
    /// Lets `use_ranking` add the nearest rows of each query, query by query, to what `new_block` starts for each block
    /// of queries. Returns the blocks in order.
    fn rank<B: Send>(
        ranked: &Ranked<'_>,
        threads: usize,
        cancel: &Cancel,
        new_block: impl Fn() -> B + Sync,
        use_ranking: impl Fn(&mut B, usize, Found<'_>) + Sync,
    ) -> Result<Vec<B>> {
        let step = |work: &mut Workspace, task: usize, step: usize| ranked.offer(work, task, step);
        let end = |work: &mut Workspace, task: usize| {
            let mut block = new_block();
            ranked.take(work, task, cancel, |query, found| use_ranking(&mut block, query, found))?;
            Ok(block)
        };
        whole!(map_steps(threads, ranked.steps(), cancel, Workspace::default, step, end))
    }
}

/// Blocks of queries, for each of which the database is gone through block by block.
struct Ranked<'a> {
    database: Normalised<'a>,
    queries: Normalised<'a>,
    /// Rows that are found for each query.
    keep: usize,
    /// Queries of a block.
    at_once: usize,
}

impl<'a> Ranked<'a> {
    fn new(
        database: &'a Vectors,
        queries: &'a Vectors,
        keep: usize,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let at_once = (CANDIDATE_BYTES / Nearest::bytes(keep, database.rows())).clamp(1, QUERIES);
        let database = Normalised::new(database, threads, cancel)?;
        let queries = Normalised::new(queries, threads, cancel)?;
        Ok(Self { database, queries, keep, at_once })
    }

    /// Blocks of queries, and of the database.
    fn steps(&self) -> [usize; 2] {
        let rows = |of: &Normalised| of.vectors.rows();
        [rows(&self.queries).div_ceil(self.at_once), rows(&self.database).div_ceil(ROWS)]
    }

    fn of(&self, task: usize) -> Range<usize> {
        let first = task * self.at_once;
        first..self.queries.vectors.rows().min(first + self.at_once)
    }

    fn offer(&self, work: &mut Workspace, task: usize, step: usize) {
        let queries = self.of(task);
        let count = queries.len();
        if step == 0 {
            self.queries.copy_rows(queries, &mut work.queries);
            work.nearest.resize_with(count, || Nearest::new(self.keep));
        }
        let first = step * ROWS;
        let rows = first..self.database.vectors.rows().min(first + ROWS);
        work.similarities.resize(count * rows.len(), 0.0);
        let width = rows.len();
        self.database.copy_rows(rows, &mut work.database);
        multiply(&work.queries, &work.database, count, &mut work.similarities);
        let similarities = work.similarities.chunks_exact(width);
        for (nearest, similarities) in work.nearest.iter_mut().zip(similarities) {
            nearest.offer(first as u32, similarities);
        }
    }

    fn take(
        &self,
        work: &mut Workspace,
        task: usize,
        cancel: &Cancel,
        mut give: impl FnMut(usize, Found<'_>),
    ) -> Result<()> {
        work.is_neighbour.resize(self.database.vectors.rows(), false);
        for (query, nearest) in self.of(task).zip(&mut work.nearest) {
            cancel.check()?;
            nearest.finish(&mut work.ranking);
            let ranking = &work.ranking[..];
            give(query, Found { ranking, is_neighbour: &mut work.is_neighbour });
        }
        Ok(())
    }
}

/// `out = a · bᵀ` for `a_rows` rows `a` and any number of rows `b`; all row-major.
fn multiply(a: &[f32], b: &[f32], a_rows: usize, out: &mut [f32]) {
    let columns = a.len() / a_rows;
    let b_rows = b.len() / columns;
    let a = MatRef::from_row_major_slice(a, a_rows, columns);
    let b = MatRef::from_row_major_slice(b, b_rows, columns);
    let out = MatMut::from_row_major_slice_mut(out, a_rows, b_rows);
    linalg::multiply(out, a, b.transpose());
}

/// Vectors with the factors that give their rows length 1.
///
/// Normalised rows are made block by block: a second copy of a large database would cost more than
/// scaling its rows once per block of queries.
struct Normalised<'a> {
    vectors: &'a Vectors,
    /// Reciprocal norms, 0 for rows of zeros.
    factors: Vec<f64>,
}

impl<'a> Normalised<'a> {
    fn new(vectors: &'a Vectors, threads: usize, cancel: &Cancel) -> Result<Self> {
        let mut factors = vec![0.0; vectors.rows()];
        fill_chunks(
            threads,
            &mut factors,
            ROWS,
            cancel,
            || (),
            |(), chunk, factors| {
                for (row, factor) in (chunk * ROWS..).zip(factors) {
                    *factor = reciprocal_norm(vectors.row(row));
                }
                Ok(())
            },
        )?;
        Ok(Self { vectors, factors })
    }

    /// Replaces `out` by normalised rows.
    fn copy_rows(&self, rows: Range<usize>, out: &mut Vec<f32>) {
        out.clear();
        for row in rows {
            let factor = self.factors[row];
            let scaled = self.vectors.row(row).iter().map(|&x| (f64::from(x) * factor) as f32);
            out.extend(scaled);
        }
    }
}
