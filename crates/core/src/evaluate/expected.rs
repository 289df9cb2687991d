//! Exact expectations over every order of the items that tie, in closed form.
//!
//! Items at the same distance form a group. Let the groups before hold N0 items, R0 of them relevant,
//! and let a group of t items, r of them relevant, be cut after s (s = t when it is complete).
//!
//! The number x of relevant items among those s is hypergeometric, and given x each placement of
//! them is equally likely: slot p is relevant with probability x/s, and then (p-1)(x-1)/(s-1)
//! relevant items stand before it within the group. Hence, with c = (x-1)/(s-1), or 0 for s = 1,
//! the precisions at the relevant items of the group sum to
//!
//! ```text
//! A(x) = x/s · Σ_{p=1..s} (R0 + 1 + (p-1)c) / (N0 + p)
//!      = x/s · ( c·s + (R0 + 1 - (N0 + 1)c) · (H(N0 + s) - H(N0)) )         H(n) = Σ_{i=1..n} 1/i
//! ```
//!
//! in the mean, and E[AP] = Σ_x P(x) · (S0 + A(x)) / (R0 + x), where S0 sums A(r) over the groups
//! before: their order is independent of the order inside this one. Precision and recall are linear
//! in x, so they only need its mean.
//!
//! Where AP is divided by a number that no order changes, the sum over x is not needed either: slot p is
//! relevant with probability r/t, and then (p-1)(r-1)/(t-1) others stand before it, so E[A] is A(r) with
//! r/t and (r-1)/(t-1) in place of x/s and c (McSherry and Najork 2008).

use super::{AveragePrecision, Cutoffs, Scores, Totals, share};

/// What a query has at one distance.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    pub total: usize,
    pub relevant: usize,
    pub neighbours: usize,
}

/// `H(0) ..= H(depth)`.
pub(super) fn harmonic_numbers(depth: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let rest = (1..=depth).map(|i| {
        sum += 1.0 / i as f64;
        sum
    });
    std::iter::once(0.0).chain(rest).collect()
}

/// Adds to `sums` the expected scores at each rank of `cutoffs`. `groups` are in order of distance
/// and hold all rows; `harmonic` reaches to the depth of `cutoffs`.
pub(super) fn add_scores(
    groups: &[Group],
    totals: Totals,
    cutoffs: &Cutoffs,
    harmonic: &[f64],
    sums: &mut [Scores],
) {
    let mut pending = sums.iter_mut().zip(cutoffs.ranks.iter().copied()).peekable();
    let mut before = Before { rank: 0, relevant: 0, precisions: 0.0, harmonic };
    let mut neighbours_before = 0;
    for &group in groups.iter().filter(|group| group.total > 0) {
        let end = before.rank + group.total;
        while let Some((sum, rank)) = pending.next_if(|(_, rank)| *rank <= end) {
            let taken = rank - before.rank;
            let part = taken as f64 / group.total as f64;
            let relevant = before.relevant as f64 + group.relevant as f64 * part;
            let found = neighbours_before as f64 + group.neighbours as f64 * part;
            let average_precision = match cutoffs.average_precision {
                AveragePrecision::Retrieved => before.average_precision(group, taken),
                other => {
                    let precisions = before.group_precisions(taken, group.relevant, group.total);
                    let divisor = other.divisor(0, totals.relevant, rank);
                    share(before.precisions + precisions, divisor)
                }
            };
            sum.add(&Scores {
                average_precision,
                precision: relevant / rank as f64,
                recall: share(relevant, totals.relevant),
                neighbour_recall: share(found, totals.neighbours),
            });
        }
        if pending.peek().is_none() {
            return;
        }
        before.precisions += before.group_precisions(group.total, group.relevant, group.total);
        before.rank = end;
        before.relevant += group.relevant;
        neighbours_before += group.neighbours;
    }
}

/// The groups before the current one: N0, R0 and S0 of the module's formulas.
struct Before<'a> {
    rank: usize,
    relevant: usize,
    precisions: f64,
    harmonic: &'a [f64],
}

impl Before<'_> {
    /// The expected sum of precisions at the relevant items in the first `slots` of a group of `total`
    /// items, `relevant` of which are relevant: A(x) for `total` = `slots`.
    fn group_precisions(&self, slots: usize, relevant: usize, total: usize) -> f64 {
        if relevant == 0 {
            return 0.0;
        }
        let (t, r) = (total as f64, relevant as f64);
        let c = if total == 1 { 0.0 } else { (r - 1.0) / (t - 1.0) };
        let reciprocals = self.harmonic[self.rank + slots] - self.harmonic[self.rank];
        let first = self.relevant as f64 + 1.0 - (self.rank as f64 + 1.0) * c;
        r / t * (c * slots as f64 + first * reciprocals)
    }

    /// Expected AP when the ranking ends after `taken` items of `group`.
    fn average_precision(&self, group: Group, taken: usize) -> f64 {
        hypergeometric_mean(group.total, group.relevant, taken, |x| {
            share(self.precisions + self.group_precisions(taken, x, taken), self.relevant + x)
        })
    }
}

/// The mean of `value(x)`, where x counts the relevant among `taken` items drawn without replacement
/// from `total`, `relevant` of which are relevant.
///
/// Weights grow from 1 at the mode by ratios of neighbours, so nothing overflows and no factorial is
/// needed; they fall ever faster away from it, so what follows a negligible one is negligible.
fn hypergeometric_mean(
    total: usize,
    relevant: usize,
    taken: usize,
    value: impl Fn(usize) -> f64,
) -> f64 {
    const NEGLIGIBLE: f64 = 1e-30;
    let lowest = (taken + relevant).saturating_sub(total);
    let highest = taken.min(relevant);
    let mode = ((taken + 1) as f64 * (relevant + 1) as f64 / (total + 2) as f64) as usize;
    let mode = mode.clamp(lowest, highest);
    // P(x + 1) / P(x)
    let ratio = |x: usize| {
        let up = (relevant - x) as f64 * (taken - x) as f64;
        let down = (x + 1) as f64 * (total + x + 1 - relevant - taken) as f64;
        up / down
    };

    let (mut weights, mut sum) = (1.0, value(mode));
    let mut weight = 1.0;
    for x in mode + 1..=highest {
        weight *= ratio(x - 1);
        if weight < NEGLIGIBLE {
            break;
        }
        weights += weight;
        sum += weight * value(x);
    }
    weight = 1.0;
    for x in (lowest..mode).rev() {
        weight /= ratio(x);
        if weight < NEGLIGIBLE {
            break;
        }
        weights += weight;
        sum += weight * value(x);
    }
    sum / weights
}
