//! Majorisation with polar steps, for `solver: auto` and for ITQ.
//!
//! `‖XU‖_F` does not depend on U, so subtracting `(c/2) z²` from the loss changes nothing; for c at
//! least the largest curvature of the loss the difference is concave, lies below its tangents, and
//! `U ← polar(Xᵀ(cZ − ℓ'(Z)))` never raises the loss. There is no step size. For l2 with c = 2 the step
//! is the one of ITQ. Smaller c make longer steps; the loss is watched and c doubled when it rises.
//!
//! The minimum of the bit variance is a good start for the other losses, better than any tried for them
//! directly, so `auto` first minimises the bit variance and then continues with the loss asked for.

use faer::Mat;

use super::options::Resolved;
use super::pass::{Majoriser, Rows, Step};
use super::random::random_rotation;
use super::{Epoch, Snapshot, Solver};
use crate::error::Result;
use crate::linalg::polar;
use crate::losses::Loss;

/// A stage ends when an iteration gains less than this share of the loss.
const TOLERANCE: f64 = 2e-6;
/// A rise below this share of the loss is rounding.
const ROUNDING: f64 = 1e-7;

pub(super) struct Majorise {
    u: Mat<f32>,
    /// Stages still to come, the current one last.
    stages: Vec<Majoriser>,
    reported: Loss,
    tolerance: f64,
    /// The pass at `u`, once there was one.
    step: Option<Step>,
}

impl Majorise {
    /// `solver: auto`: from the identity through the bit variance to the loss asked for.
    pub fn auto(options: &Resolved) -> Self {
        let mut stages = vec![majoriser(Loss::BitVariance)];
        if options.loss != Loss::BitVariance {
            stages.insert(0, majoriser(options.loss));
        }
        let u = Mat::identity(options.bits, options.bits);
        Self { u, stages, reported: options.loss, tolerance: TOLERANCE, step: None }
    }

    /// ITQ: a random start and as many steps as were asked for.
    pub fn itq(options: &Resolved) -> Self {
        let u = random_rotation(options.bits, options.seed);
        let stages = vec![majoriser(Loss::L2)];
        Self { u, stages, reported: Loss::L2, tolerance: 0.0, step: None }
    }
}

/// The fastest constants that were monotone in practice (docs/math.md).
fn majoriser(loss: Loss) -> Majoriser {
    let (curvature, smoothing) = match loss {
        Loss::BitVariance => (0.0, 0.0),
        Loss::L2 => (2.0, 0.0),
        Loss::L1 => (20.0, 0.1),
        Loss::MinEntropy => (0.05, 0.0),
    };
    Majoriser { loss, curvature, smoothing }
}

impl Solver for Majorise {
    fn epoch(&mut self, rows: Rows<'_>) -> Result<Epoch> {
        let Some(&stage) = self.stages.last() else {
            let train_loss = rows.loss(self.reported, self.u.as_ref())?;
            return Ok(Epoch { train_loss, done: true });
        };
        let before = match self.step.take() {
            Some(step) => step,
            None => rows.step(stage, self.reported, self.u.as_ref())?,
        };
        let next = polar(before.target.as_ref())?;
        rows.cancel.check()?;
        let after = rows.step(stage, self.reported, next.as_ref())?;
        let gain = before.loss - after.loss;
        if gain < -ROUNDING * before.loss.abs() {
            // The step was too long: stay, with a stronger majoriser.
            if let Some(stage) = self.stages.last_mut() {
                stage.curvature = (2.0 * stage.curvature).max(0.01);
            }
            return Ok(Epoch { train_loss: before.reported, done: false });
        }
        let train_loss = after.reported;
        (self.u, self.step) = (next, Some(after));
        if gain <= self.tolerance * before.loss.abs() && self.tolerance > 0.0 {
            self.stages.pop();
            self.step = None;
        }
        Ok(Epoch { train_loss, done: self.stages.is_empty() })
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::Matrix(self.u.clone())
    }
}
