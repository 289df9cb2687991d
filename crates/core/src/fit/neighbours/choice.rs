//! What is kept of a descent.

use std::sync::Arc;

use faer::Mat;

use super::objective::NeighbourObjective;
use super::orthonormal::orthonormal;
use super::sample::{CLEARLY, Sample};
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
        let Rivals { start, random } = self.rivals;
        let least = self.sample.agreement(start.as_ref(), threads, cancel).await?;
        let other = self.sample.agreement(random.as_ref(), threads, cancel).await?;
        let mut means = Vec::new();
        for share in SHARES {
            let mean = extrapolate(&self.start, share, &self.w, &self.start);
            // None where the two are opposite.
            if let Some(w) = orthonormal(mean, threads, cancel)? {
                let own = self.sample.agreement(w.as_ref(), threads, cancel).await?;
                let beaten = (other.asymmetric + CLEARLY).min(1.0);
                if own.near >= least.near.max(other.near)
                    && own.asymmetric >= least.asymmetric.max(beaten)
                {
                    means.push((w, own.sum()));
                }
            }
        }
        let most = means.iter().fold(f64::NEG_INFINITY, |most, (_, sum)| most.max(*sum));
        let first = means.into_iter().find(|(_, sum)| *sum >= most - NOISE);
        let rival = if other.sum() > least.sum() { random } else { start };
        let w = first.map_or(rival, |(w, _)| w);
        let batch = self.sample.validation();
        let loss = self.objective.value(batch, w.as_ref(), threads, cancel)?;
        Ok(Kept { w, loss })
    }
}
