//! What is kept of a descent.

use std::sync::Arc;

use faer::Mat;

use super::objective::NeighbourObjective;
use super::orthonormal::orthonormal;
use super::sample::{Agreement, CLEARLY, Sample};
use crate::error::Result;
use crate::linalg::extrapolate;
use crate::parallel::Cancel;

/// What may be kept: so much of the way from the start to the last epoch. Means of both find neighbours of rows that the fit did
/// not see better than either.
const SHARES: [f32; 6] = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Agreements so near are one: what the held-out rows tell is less sure than that. Of those, what is nearest to the start
/// keeps most of the labels.
const NOISE: f64 = 0.001;

/// What the model is made of, and its loss on held-out rows.
pub(super) struct Kept {
    pub w: Mat<f32>,
    pub loss: f64,
}

/// What is chosen among, and by what. It has a share of its own of all that.
pub(super) struct Choice {
    pub sample: Arc<Sample>,
    pub objective: NeighbourObjective,
    /// Where the descent began.
    pub start: Mat<f32>,
    /// Where it is.
    pub w: Mat<f32>,
    /// Plain ways to codes.
    pub rivals: Rivals,
    pub threads: usize,
}

/// What a fit must not fall behind, k x b.
#[derive(Clone)]
pub(super) struct Rivals {
    /// Which of PCA and its rotation of the least bit variance keeps more of the neighbours of held-out rows.
    pub start: Mat<f32>,
    /// PCA turned at random: by the asymmetric score, the more bits the harder to beat.
    pub random: Mat<f32>,
}

impl Choice {
    /// Of the way from the start to where the descent is, what agrees most with the embedding on held-out rows, but
    /// finds no fewer of the ten nearest than a rival by either score, and by the asymmetric one clearly more than the random
    /// rotation; else the better rival.
    pub async fn choose(self, cancel: Cancel) -> Result<Kept> {
        let (threads, cancel) = (self.threads, &cancel);
        let mut projections = vec![self.rivals.start, self.rivals.random];
        for share in SHARES {
            let mean = extrapolate(&self.start, share, &self.w, &self.start);
            // None where the two are opposite.
            projections.extend(orthonormal(mean, threads, cancel)?);
        }
        let mut agreements = Vec::new();
        for w in &projections {
            agreements.push(self.sample.agreement(w.as_ref(), threads, cancel).await?);
        }
        let w = projections.swap_remove(best(&agreements));
        let batch = self.sample.validation();
        let loss = self.objective.value(batch, w.as_ref(), threads, cancel)?;
        Ok(Kept { w, loss })
    }
}

/// Which is kept: of two rivals, start and random rotation, and the means after them, those nearest to the start first.
fn best(agreements: &[Agreement]) -> usize {
    let (start, random) = (agreements[0], agreements[1]);
    let near = start.near.max(random.near);
    let asymmetric = start.asymmetric.max((random.asymmetric + CLEARLY).min(1.0));
    let may_be = |own: &Agreement| own.near >= near && own.asymmetric >= asymmetric;
    let means = || (2..).zip(&agreements[2..]).filter(|(_, own)| may_be(own));
    let most = means().fold(f64::NEG_INFINITY, |most, (_, own)| most.max(own.sum()));
    let first = means().find(|(_, own)| own.sum() >= most - NOISE);
    first.map_or(usize::from(random.sum() > start.sum()), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(near: f64, asymmetric: f64, far: f64) -> Agreement {
        Agreement { near, asymmetric, far }
    }

    #[test]
    fn the_mean_that_agrees_most_is_kept_and_of_equals_the_nearest_to_the_start() {
        let rivals = [of(0.9, 0.6, 0.7), of(0.8, 0.59, 0.7)];
        let with = |means: &[Agreement]| best(&[&rivals[..], means].concat());
        assert_eq!(with(&[of(0.91, 0.61, 0.7), of(0.92, 0.63, 0.7)]), 3);
        assert_eq!(with(&[of(0.91, 0.61, 0.7), of(0.91, 0.6105, 0.7)]), 2);
        // Fewer of the ten by a score than the start, or not clearly more than the random rotation.
        assert_eq!(with(&[of(0.89, 0.7, 0.8), of(0.9, 0.6, 0.6)]), 3);
        assert_eq!(with(&[of(0.95, 0.599, 0.8), of(0.9, 0.6, 0.6)]), 3);
        let random = [of(0.9, 0.6, 0.7), of(0.8, 0.65, 0.7)];
        assert_eq!(best(&[random[0], random[1], of(0.95, 0.651, 0.7), of(0.9, 0.652, 0.6)]), 3);
        // No mean will do: the better rival.
        assert_eq!(with(&[of(0.8, 0.7, 0.9)]), 0);
        assert_eq!(best(&[random[0], of(0.9, 0.65, 0.7), of(0.9, 0.6, 0.9)]), 1);
        assert_eq!(with(&[]), 0);
        // Where all is found there is no more to find.
        assert_eq!(best(&[of(1.0, 1.0, 0.9), of(1.0, 1.0, 0.8), of(1.0, 1.0, 0.95)]), 2);
    }
}
