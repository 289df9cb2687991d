//! Compares fitted models on rows that none of them was fitted to: the held-out rows search among the
//! training rows.

use super::choices::{Criterion, Method, Objective};
use super::prepare::Split;
use super::random::{Stream, generator};
use crate::codes::Layout;
use crate::error::Result;
use crate::evaluate::{
    AveragePrecision, CodesEvaluation, Labels, Ties, evaluate_codes, neighbours_in_parts,
};
use crate::model::Model;
use crate::parallel::Cancel;
use crate::parts::{in_parts, whole};
use crate::vectors::Vectors;

/// The most rows that are searched, and the most that search: seeded samples of what there is.
const DATABASE_ROWS: usize = 10_000;
const QUERY_ROWS: usize = 2_000;
/// Neighbours by cosine of the input, and how many rows by Hamming distance may hold them.
const NEIGHBOURS: usize = 10;
const AT: usize = 100;

/// How one method did. Scores other than the loss are means over the queries, in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The method.
    pub method: Method,
    /// What it minimised; of `random` and `identity`, what all are compared by.
    pub objective: Objective,
    /// Of the held-out rows; for all methods the loss that was asked for.
    pub validation_loss: f64,
    /// See [`Criterion::Neighbours`].
    pub neighbour_recall: f64,
    /// See [`Criterion::Labels`]; only where labels were given.
    pub label_precision: Option<f64>,
    /// Time of this method with its start, without preparation and judgement.
    pub seconds: f64,
}

impl Candidate {
    /// Whether this is the better of the two; of equals the one with the lower loss.
    pub(super) fn beats(&self, other: &Self, criterion: Criterion) -> bool {
        let score = |candidate: &Self| match criterion {
            Criterion::Loss => -candidate.validation_loss,
            Criterion::Neighbours => candidate.neighbour_recall,
            Criterion::Labels => candidate.label_precision.unwrap_or(0.0),
        };
        (score(self), -self.validation_loss) > (score(other), -other.validation_loss)
    }
}

/// What all candidates are judged on.
pub(super) struct Judge {
    database: Vectors,
    queries: Vectors,
    /// Rows of the database: queries x [`NEIGHBOURS`].
    neighbours: Vec<u32>,
    /// Of the database and of the queries.
    labels: Option<(Labels, Labels)>,
}

impl Judge {
    in_parts! {
        /// `labels` are those of the vectors behind the two parts of the split.
        pub fn new(
            split: &Split<'_>,
            labels: Option<(&Labels, &Labels)>,
            seed: u64,
            threads: usize,
            cancel: &Cancel,
        ) -> Result<Self> {
            let mut generator = generator(seed, Stream::Judge);
            let database = split.train.sample(DATABASE_ROWS, &mut generator);
            let queries = split.held_out.sample(QUERY_ROWS, &mut generator);
            let labels =
                labels.map(|(train, held_out)| (database.labels(train), queries.labels(held_out)));
            let (database, queries) = (database.copied(), queries.copied());
            let neighbours =
                whole!(neighbours_in_parts(&database, &queries, NEIGHBOURS, threads, cancel))?;
            Ok(Self { database, queries, neighbours, labels })
        }
    }

    /// Scores `model`, which took `seconds`; `validation_loss` is the one that is compared.
    pub fn score(
        &self,
        model: &Model,
        validation_loss: f64,
        seconds: f64,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Candidate> {
        let database = model.encode(&self.database, Layout::Lsb, threads, cancel)?;
        let queries = model.encode(&self.queries, Layout::Lsb, threads, cancel)?;
        let unknown = (Labels::unknown(database.rows()), Labels::unknown(queries.rows()));
        let (database_labels, query_labels) = self.labels.as_ref().unwrap_or(&unknown);
        let evaluation = CodesEvaluation {
            bits: model.bits(),
            database_codes: database.as_bytes(),
            query_codes: queries.as_bytes(),
            database_labels,
            query_labels,
            neighbours: &self.neighbours,
            at: &[AT],
            ties: Ties::Expected,
            average_precision: AveragePrecision::default(),
            database_vectors: None,
            query_vectors: None,
        };
        let metrics = evaluate_codes(&evaluation, threads, cancel)?.at[0];
        Ok(Candidate {
            method: model.summary().method,
            objective: model.summary().loss,
            validation_loss,
            neighbour_recall: metrics.neighbour_recall.unwrap_or(0.0),
            label_precision: self.labels.as_ref().map(|_| metrics.precision),
            seconds,
        })
    }
}
