//! The float score: the exact cosine of the query and the original row.

use super::{Reranked, Scorer, check_count, rescore};
use crate::dot::{dot, reciprocal_norm};
use crate::error::Result;
use crate::index::Hits;
use crate::parallel::Cancel;
use crate::vectors::Vectors;

/// Rows of float32 values that can be read one by one.
pub trait Rows: Sync {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Values of a row.
    fn columns(&self) -> usize;

    /// The values of a row, finite. `buffer` is scratch.
    ///
    /// # Errors
    /// Of rows that are only checked when they are read.
    fn read<'a>(&'a self, row: usize, buffer: &'a mut Vec<f32>) -> Result<&'a [f32]>;
}

impl Rows for Vectors {
    fn rows(&self) -> usize {
        Vectors::rows(self)
    }

    fn columns(&self) -> usize {
        Vectors::columns(self)
    }

    fn read<'a>(&'a self, row: usize, _: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        Ok(self.row(row))
    }
}

/// Scores `hits` by the cosine of `queries` and `originals`, row for row the vectors behind the index,
/// and keeps the best `k` of each query. A row or query of zeros has cosine 0 with everything.
///
/// # Errors
/// Before any work: `Mismatch` where the columns differ or the hits are of another number of queries,
/// `InvalidOption` for k = 0 or rows that the originals do not have. Then `OutOfMemory`, `Aborted` and
/// the errors of [`Rows::read`].
pub fn by_vectors(
    originals: &dyn Rows,
    queries: &Vectors,
    hits: &Hits,
    k: usize,
    threads: usize,
    cancel: &Cancel,
) -> Result<Reranked> {
    check_count("columns of the vectors", originals.columns(), queries.columns())?;
    let scorer = Cosine { originals, queries };
    rescore(&scorer, hits, (queries.rows(), originals.rows()), k, threads, cancel)
}

struct Cosine<'a> {
    originals: &'a dyn Rows,
    queries: &'a Vectors,
}

#[derive(Default)]
struct Workspace {
    query: usize,
    /// 1 / ‖query‖
    reciprocal: f64,
    buffer: Vec<f32>,
}

impl Scorer for Cosine<'_> {
    type Workspace = Workspace;

    fn workspace(&self) -> Workspace {
        Workspace::default()
    }

    fn prepare(&self, query: usize, work: &mut Workspace) {
        work.query = query;
        work.reciprocal = reciprocal_norm(self.queries.row(query));
    }

    fn score(&self, row: u32, work: &mut Workspace) -> Result<f64> {
        let row = self.originals.read(row as usize, &mut work.buffer)?;
        Ok(dot(self.queries.row(work.query), row) * work.reciprocal * reciprocal_norm(row))
    }
}
