//! Metrics of one ranking whose order is settled, from the positions of what counts in it.

use super::{Cutoffs, Scores, Totals, share};

/// Unit of the sums of precisions. They are whole numbers, so that neither the order in which items are seen
/// nor the other cut-offs change a bit of a sum.
const UNIT: f64 = (1u64 << 63) as f64;

/// What lies between one cut-off and the next.
#[derive(Debug, Clone, Copy, Default)]
struct Between {
    precisions: u128,
    relevant: usize,
    neighbours: usize,
}

/// The relevant items and the neighbours that were seen so far in the ranking of one query, in any order.
pub(super) struct Placed<'a> {
    cutoffs: &'a Cutoffs<'a>,
    between: Vec<Between>,
}

impl<'a> Placed<'a> {
    pub fn new(cutoffs: &'a Cutoffs<'a>) -> Self {
        Self { cutoffs, between: vec![Between::default(); cutoffs.ranks.len()] }
    }

    /// What holds `position`, counted from 1; nothing does beyond the last cut-off.
    #[inline(always)]
    fn at(&mut self, position: usize) -> Option<&mut Between> {
        self.between.get_mut(self.cutoffs.ranks.partition_point(|&rank| rank < position))
    }

    /// The relevant item at `position` is number `count` of those.
    #[inline(always)]
    pub fn relevant(&mut self, count: usize, position: usize) {
        if let Some(between) = self.at(position) {
            between.precisions += u128::from((count as f64 / position as f64 * UNIT) as u64);
            between.relevant += 1;
        }
    }

    #[inline(always)]
    pub fn neighbour(&mut self, position: usize) {
        if let Some(between) = self.at(position) {
            between.neighbours += 1;
        }
    }

    /// Adds to `sums` the scores at each cut-off.
    pub fn add_scores(&self, totals: Totals, sums: &mut [Scores]) {
        let mut so_far = Between::default();
        let ranks = self.cutoffs.ranks.iter();
        for ((sum, between), &rank) in sums.iter_mut().zip(&self.between).zip(ranks) {
            so_far.precisions += between.precisions;
            so_far.relevant += between.relevant;
            so_far.neighbours += between.neighbours;
            let Between { precisions, relevant, neighbours } = so_far;
            let divisor = self.cutoffs.average_precision.divisor(relevant, totals.relevant, rank);
            sum.add(&Scores {
                average_precision: share(precisions as f64 / UNIT, divisor),
                precision: relevant as f64 / rank as f64,
                recall: share(relevant as f64, totals.relevant),
                neighbour_recall: share(neighbours as f64, totals.neighbours),
            });
        }
    }
}
