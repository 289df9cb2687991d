//! Random input of an evaluation of codes, and its naive judgement.

use h2q_core::evaluate::{CodesEvaluation, Labels, Ties, evaluate_codes};
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;
use rand::RngExt;

use super::*;

/// Everything an evaluation borrows.
pub struct Input {
    pub bits: usize,
    pub database: Vec<u8>,
    pub queries: Vec<u8>,
    pub database_labels: Labels,
    pub query_labels: Labels,
    pub neighbours: Vec<u32>,
    pub at: Vec<usize>,
    pub database_vectors: Vectors,
    pub query_vectors: Vectors,
}

impl Input {
    pub fn random(seed: u64, rows: usize, queries: usize, bits: usize) -> Self {
        let mut rng = rng(seed);
        // Coarse values give equal Euclidean distances too.
        let mut coarse = |rows: usize| {
            let values = (0..rows * 3).map(|_| rng.random_range(-2..=2) as f32).collect();
            Vectors::new(values, 3).unwrap()
        };
        let (database_vectors, query_vectors) = (coarse(rows), coarse(queries));
        Self {
            bits,
            database: random_codes(&mut rng, rows, bits),
            queries: random_codes(&mut rng, queries, bits),
            database_labels: single(&random_labels(&mut rng, rows, 4)),
            // Label 4 occurs in no database row.
            query_labels: single(&random_labels(&mut rng, queries, 5)),
            neighbours: random_neighbours(&mut rng, queries, rows, rows.min(5)),
            at: vec![rows * 2, 1, rows, rows / 3 + 1, 7],
            database_vectors,
            query_vectors,
        }
    }

    pub fn evaluation(&self, ties: Ties) -> CodesEvaluation<'_> {
        CodesEvaluation {
            bits: self.bits,
            database_codes: &self.database,
            query_codes: &self.queries,
            database_labels: &self.database_labels,
            query_labels: &self.query_labels,
            neighbours: &self.neighbours,
            at: &self.at,
            ties,
            average_precision: AveragePrecision::Retrieved,
            database_vectors: Some(&self.database_vectors),
            query_vectors: Some(&self.query_vectors),
        }
    }

    /// Compares with a full sort by (Hamming distance, `tie_break`, row), and with the rows at each distance.
    pub fn check(&self, ties: Ties, tie_break: impl Fn(usize, usize) -> f64) {
        let bytes = self.bits / 8;
        let rows = self.database.len() / bytes;
        let count = rows.min(5);
        let context = format!("{rows} rows, {} bits, {ties:?}", self.bits);
        let queries: Vec<_> = self
            .queries
            .chunks(bytes)
            .enumerate()
            .map(|(query, code)| {
                let distance = |row: usize| hamming(code, &self.database[row * bytes..][..bytes]);
                let distances: Vec<_> = (0..rows).map(distance).collect();
                let mut ranking: Vec<_> = (0..rows).collect();
                ranking.sort_by(|&a, &b| {
                    let ties = tie_break(query, a).total_cmp(&tie_break(query, b));
                    distances[a].cmp(&distances[b]).then(ties).then(a.cmp(&b))
                });
                let is_relevant =
                    |row| self.query_labels.is_relevant(query, &self.database_labels, row);
                let relevant: Vec<_> = (0..rows).map(is_relevant).collect();
                (distances, ranking, relevant, &self.neighbours[query * count..][..count])
            })
            .collect();
        for normalised in NORMALISED {
            let context = format!("{context}, {normalised:?}");
            let evaluation =
                CodesEvaluation { average_precision: normalised, ..self.evaluation(ties) };
            let actual = evaluate_codes(&evaluation, 2, &Cancel::default()).unwrap();
            assert_eq!(actual.at.len(), self.at.len());
            for (actual, &n) in actual.at.iter().zip(&self.at) {
                assert_eq!(actual.at, n);
                let of_query =
                    |(_, ranking, relevant, neighbours): &(_, Vec<_>, Vec<_>, &[u32])| {
                        metrics(ranking, relevant, neighbours, n, normalised)
                    };
                let each: Vec<_> = queries.iter().map(of_query).collect();
                assert_close(actual, mean(&each), &context);
            }
            assert_eq!(actual.within.len(), self.bits + 1);
            for (actual, radius) in actual.within.iter().zip(0..) {
                assert_eq!(actual.radius, radius);
                let each: Vec<_> = queries
                    .iter()
                    .map(|(distances, _, relevant, neighbours)| {
                        found_within(distances, relevant, neighbours, radius)
                    })
                    .collect();
                assert_within(actual, &each, &context);
            }
        }
    }
}
