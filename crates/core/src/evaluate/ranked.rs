//! Metrics of one ranking whose order is settled.

use super::{Cutoffs, Labels, Scores, Totals, share};

/// Adds to `sums` the scores of `query` at each rank of `cutoffs`.
///
/// `ranking` holds at least `cutoffs.depth()` rows, best first; `is_neighbour` has one entry per
/// database row.
pub(super) fn add_scores(
    ranking: &[u32],
    query: usize,
    labels: (&Labels, &Labels),
    is_neighbour: &[bool],
    totals: Totals,
    cutoffs: &Cutoffs,
    sums: &mut [Scores],
) {
    let (query_labels, database_labels) = labels;
    let (mut relevant, mut found, mut precisions) = (0, 0, 0.0);
    let mut start = 0;
    for (sum, &rank) in sums.iter_mut().zip(&cutoffs.ranks) {
        for (seen, &row) in ranking.iter().enumerate().take(rank).skip(start) {
            let row = row as usize;
            if query_labels.is_relevant(query, database_labels, row) {
                relevant += 1;
                precisions += f64::from(relevant) / (seen + 1) as f64;
            }
            found += usize::from(is_neighbour[row]);
        }
        start = rank;
        sum.add(&Scores {
            average_precision: share(precisions, relevant as usize),
            precision: f64::from(relevant) / rank as f64,
            recall: share(f64::from(relevant), totals.relevant),
            neighbour_recall: share(found as f64, totals.neighbours),
        });
    }
}
