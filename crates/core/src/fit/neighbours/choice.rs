//! What is kept of a descent.

use std::sync::Arc;

use faer::Mat;

use super::objective::NeighbourObjective;
use super::orthonormal::orthonormal;
use super::sample::Sample;
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
    /// The better start.
    pub rival: Mat<f32>,
    pub threads: usize,
}

impl Choice {
    /// Of the way from the start to where the descent is, what agrees most with the embedding on held-out rows, but
    /// finds no fewer of the near neighbours than the better start; else that.
    pub async fn choose(self, cancel: Cancel) -> Result<Kept> {
        let (threads, cancel) = (self.threads, &cancel);
        let least = self.sample.agreement(self.rival.as_ref(), threads, cancel).await?;
        let mut means = Vec::new();
        for share in SHARES {
            let mean = extrapolate(&self.start, share, &self.w, &self.start);
            // None where the two are opposite.
            if let Some(w) = orthonormal(mean, threads, cancel)? {
                let own = self.sample.agreement(w.as_ref(), threads, cancel).await?;
                if own.near >= least.near {
                    means.push((w, own.sum()));
                }
            }
        }
        let most = means.iter().fold(least.sum(), |most, (_, sum)| most.max(*sum));
        let first = means.into_iter().find(|(_, sum)| *sum >= most - NOISE);
        let w = first.map_or(self.rival, |(w, _)| w);
        let batch = self.sample.validation();
        let loss = self.objective.value(batch, w.as_ref(), threads, cancel)?;
        Ok(Kept { w, loss })
    }
}
