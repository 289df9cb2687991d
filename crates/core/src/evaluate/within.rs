//! Metrics of all rows within a Hamming radius, for every radius: the curve of precision over recall, and
//! hash lookup at small radii. Ties play no part: a radius takes all rows of a distance or none.

use super::expected::Group;
use super::{Totals, share};

/// Means over the queries of what they find within one Hamming radius.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricsWithin {
    /// Rows at this distance or a smaller one are found.
    pub radius: usize,
    /// Relevant rows found, divided by rows found; 0 for a query that finds nothing.
    pub precision: f64,
    /// Relevant rows of all queries together, divided by all rows found; 0 where nothing is found.
    pub pooled_precision: f64,
    /// Relevant rows found, divided by all relevant rows of the database; 0 for a query without any.
    pub recall: f64,
    /// Relevant rows that all queries together find, divided by all that they have; 0 without any.
    pub pooled_recall: f64,
    /// Share of the given nearest neighbours that are found; `None` when none were given.
    pub neighbour_recall: Option<f64>,
    /// Share of the queries that find at least one row, relevant or not.
    pub answered: f64,
    /// Rows found.
    pub hits: f64,
}

/// Sums over queries at one radius.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WithinSums {
    precision: f64,
    recall: f64,
    neighbour_recall: f64,
    relevant: u64,
    all_relevant: u64,
    answered: u64,
    hits: u64,
}

/// Adds what one query finds, which has `groups` by distance, to the sums of each radius.
pub(super) fn add_query(groups: &[Group], totals: Totals, sums: &mut [WithinSums]) {
    let mut found = Group::default();
    for (group, sum) in groups.iter().zip(sums) {
        found.total += group.total;
        found.relevant += group.relevant;
        found.neighbours += group.neighbours;
        sum.precision += share(found.relevant as f64, found.total);
        sum.recall += share(found.relevant as f64, totals.relevant);
        sum.neighbour_recall += share(found.neighbours as f64, totals.neighbours);
        sum.relevant += found.relevant as u64;
        sum.all_relevant += totals.relevant as u64;
        sum.answered += u64::from(found.total > 0);
        sum.hits += found.total as u64;
    }
}

/// Means over `queries` of parts that are added in order.
pub(super) fn means<'a>(
    parts: impl Iterator<Item = &'a [WithinSums]>,
    radii: usize,
    queries: usize,
    neighbours: bool,
) -> Vec<MetricsWithin> {
    let mut sums = vec![WithinSums::default(); radii];
    for part in parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            sum.precision += part.precision;
            sum.recall += part.recall;
            sum.neighbour_recall += part.neighbour_recall;
            sum.relevant += part.relevant;
            sum.all_relevant += part.all_relevant;
            sum.answered += part.answered;
            sum.hits += part.hits;
        }
    }
    let mean = |(radius, sum): (usize, &WithinSums)| MetricsWithin {
        radius,
        precision: share(sum.precision, queries),
        // Where the divisor is 0, so is what it divides.
        pooled_precision: sum.relevant as f64 / sum.hits.max(1) as f64,
        recall: share(sum.recall, queries),
        pooled_recall: sum.relevant as f64 / sum.all_relevant.max(1) as f64,
        neighbour_recall: neighbours.then(|| share(sum.neighbour_recall, queries)),
        answered: share(sum.answered as f64, queries),
        hits: share(sum.hits as f64, queries),
    };
    sums.iter().enumerate().map(mean).collect()
}
