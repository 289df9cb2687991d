//! Majorisation with polar steps, for `solver: auto` and for ITQ.
//!
//! `‖XU‖_F` does not depend on U, so subtracting `(c/2) z²` from the loss changes nothing; for c at
//! least the largest curvature of the loss the difference is concave, lies below its tangents, and
//! `U ← polar(Xᵀ(cZ − ℓ'(Z)))` never raises the loss. There is no step size. For l2 with c = 2 the step
//! is the one of ITQ. Smaller c make longer steps; the loss is watched and c doubled when it rises.
//!
//! The sum under `polar` changes slowly, so it is extrapolated from one iteration to the next
//! (momentum, at no cost). Where there are many rows for each bit, a second step follows at little cost,
//! along the change that the sum of a few of the rows shows (as stochastic gradients of reduced variance
//! do: Johnson & Zhang 2013). Steps that raise the loss are taken back and repeated without such help. Many
//! rows begin with a part of them, where an iteration costs as much less.
//!
//! The minimum of the bit variance is a good start for the other losses, better than any tried for them
//! directly, so `auto` first minimises the bit variance and then continues with the loss asked for.
//!
//! Which minimum is found depends on the start. Where an iteration is little work, the first epoch tries
//! several starts on a part of the rows and goes on from the best.

use faer::Mat;

use super::options::Resolved;
use super::pass::{Majoriser, Rows, Step};
use super::random::{Stream, generator, numbered_generator, random_rotation};
use super::run::{Epoch, Snapshot, Solver};
use crate::error::Result;
use crate::linalg::{Polar, copy, extrapolate, polar};
use crate::losses::Loss;
use crate::parallel::Cancel;

/// How far the target is extrapolated.
const MOMENTUM: f32 = 0.9;
/// A stage ends when so many iterations in a row (one alone may be a pause of the momentum) …
const PATIENCE: usize = 3;
/// … gain less than this share of the loss. An iteration that is more work than this (some 10 ms) must
/// gain more in proportion, up to the largest tolerance.
const TOLERANCE: f64 = 5e-6;
const TOLERANCE_WORK: f64 = 60_000.0 * 64.0 * 64.0;
const MAX_TOLERANCE: f64 = 2e-4;
/// The tolerance on a part of the rows.
const PART_TOLERANCE: f64 = 1e-3;
/// A rise below this share of the loss is rounding.
const ROUNDING: f64 = 1e-7;
/// A stage whose loss still rises with the curvature doubled so often has arrived: the smoothed l1 has
/// its minimum a little beside that of l1.
const MAX_RAISES: u32 = 4;
/// The fewest rows worth a pass of their own, and the fewest per bit.
const PART_ROWS: usize = 1024;
const PART_ROWS_PER_BIT: usize = 10;
/// The smallest part of the rows.
const MAX_STRIDE: usize = 8;
/// The most starts that are tried, the identity among them; as many as keep starts x rows x bits² below
/// this (some 50 ms in all). With more work, one start has to do.
const MAX_STARTS: usize = 6;
/// Codes of at most [`SHORT`] bits have minima that differ more, and starts that cost next to nothing.
const MAX_STARTS_SHORT: usize = 12;
const SHORT: usize = 16;
const STARTS_WORK: f64 = 4.0 * 5_000.0 * 64.0 * 64.0;
/// The tolerance within a trial: its minimum must be told from those of the others.
const START_TOLERANCE: f64 = 1e-4;
/// The most iterations of a trial.
const START_ITERATIONS: usize = 20;

pub(super) struct Majorise {
    u: Mat<f32>,
    /// Stages still to come, the current one last.
    stages: Vec<Stage>,
    reported: Loss,
    momentum: f32,
    /// What the first epoch has to try, if anything.
    trial: Option<Trial>,
    /// The pass at `u`, once there was one.
    step: Option<Step>,
    /// The target before that, within the same stage; never without momentum.
    previous: Option<Mat<f32>>,
    /// Iterations in a row that gained too little on the training rows.
    stalled: usize,
    /// The lowest validation loss of the last stage, and iterations since it fell enough.
    judged: (f64, usize),
    flops: f64,
}

/// Other starts than the identity.
#[derive(Debug, Clone, Copy)]
struct Trial {
    starts: usize,
    seed: u64,
    stage: Stage,
}

/// A loss to minimise over some of the rows until an iteration gains too little.
#[derive(Debug, Clone, Copy)]
struct Stage {
    majoriser: Majoriser,
    stride: usize,
    tolerance: f64,
    /// How often the curvature may still be doubled.
    raises: u32,
    /// Whether a second step follows each, looking at the first strip of the rows.
    second: bool,
}

impl Majorise {
    /// `solver: auto`: from the identity through the bit variance to the loss asked for.
    pub fn auto(rows: usize, options: &Resolved) -> Self {
        let work = rows as f64 * (options.bits * options.bits) as f64;
        let tolerance = TOLERANCE * (work / TOLERANCE_WORK).max(1.0);
        let tolerance = tolerance.min(MAX_TOLERANCE);
        let stride = (rows / PART_ROWS.max(PART_ROWS_PER_BIT * options.bits)).clamp(1, MAX_STRIDE);
        let part = Stage { stride, tolerance: PART_TOLERANCE, ..Stage::new(Loss::BitVariance) };
        let most = if options.bits <= SHORT { MAX_STARTS_SHORT } else { MAX_STARTS };
        let starts = ((STARTS_WORK / work) as usize).min(most);
        let trial = (starts > 1).then_some(Trial {
            starts,
            seed: options.seed,
            stage: Stage { tolerance: START_TOLERANCE, ..part },
        });
        // The best of several starts is so near that second steps cost more than they save.
        let second = trial.is_none();
        let mut stages = vec![Stage { tolerance, second, ..Stage::new(Loss::BitVariance) }];
        if options.loss != Loss::BitVariance {
            stages.insert(0, Stage { tolerance, second, ..Stage::new(options.loss) });
        }
        if trial.is_none() && stride > 1 {
            stages.push(part);
        }
        let u = Mat::identity(options.bits, options.bits);
        Self { trial, ..Self::new(u, stages, options.loss, MOMENTUM) }
    }

    /// ITQ: a random start and as many steps as were asked for.
    pub fn itq(options: &Resolved) -> Self {
        let u = random_rotation(options.bits, generator(options.seed, Stream::Rotation));
        let stages = vec![Stage { tolerance: f64::NEG_INFINITY, ..Stage::new(Loss::L2) }];
        Self::new(u, stages, options.loss, 0.0)
    }

    fn new(u: Mat<f32>, stages: Vec<Stage>, reported: Loss, momentum: f32) -> Self {
        let judged = (f64::INFINITY, 0);
        let (trial, step, previous) = (None, None, None);
        let (stalled, flops) = (0, 0.0);
        Self { u, stages, reported, momentum, trial, step, previous, stalled, judged, flops }
    }

    /// The best of the minima that are reached from several starts.
    fn best_start(&mut self, trial: Trial, rows: Rows<'_>) -> Result<Mat<f32>> {
        let mut best: Option<(f64, Mat<f32>)> = None;
        for number in 0..trial.starts as u32 {
            let start = match number {
                0 => copy(&self.u),
                _ => {
                    let generator = numbered_generator(trial.seed, Stream::Starts, number);
                    random_rotation(rows.columns, generator)
                }
            };
            let mut solver = Self::new(start, vec![trial.stage], Loss::BitVariance, MOMENTUM);
            for _ in 0..START_ITERATIONS {
                if solver.epoch(rows)?.done {
                    break;
                }
            }
            let loss = rows.loss(self.reported, solver.u.as_ref())?;
            self.flops += solver.flops + rows.flops(1);
            if best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
                best = Some((loss, solver.u));
            }
        }
        Ok(best.map_or_else(|| copy(&self.u), |(_, u)| u))
    }

    /// What was seen of one stage says nothing of the next.
    fn end_stage(&mut self) {
        self.stages.pop();
        (self.step, self.previous, self.stalled) = (None, None, 0);
    }

    /// The polar step of the target at `u`, extrapolated where there was another before.
    fn polar(&mut self, target: &Mat<f32>, cancel: &Cancel) -> Result<Mat<f32>> {
        let extrapolated;
        let target = match &self.previous {
            Some(previous) => {
                extrapolated = extrapolate(target, self.momentum, target, previous);
                &extrapolated
            }
            None => target,
        };
        let Polar { factor, products } = polar(target.as_ref(), self.u.as_ref(), cancel)?;
        self.flops += 2.0 * products * (factor.nrows() as f64).powi(3);
        Ok(factor)
    }

    /// The target at `next`, estimated from its change on the first strip of the rows.
    fn estimate(
        &mut self,
        rows: Rows<'_>,
        majoriser: Majoriser,
        before: &Step,
        next: &Mat<f32>,
    ) -> Result<Mat<f32>> {
        let share = rows.part_share();
        self.flops += share * rows.flops(2);
        let part = rows.part(majoriser, next.as_ref())?;
        Ok(extrapolate(&before.target, (1.0 / share) as f32, &part, &before.part))
    }
}

impl Stage {
    /// All rows, with the fastest constants that were monotone in practice (docs/math.md).
    fn new(loss: Loss) -> Self {
        let (curvature, smoothing) = match loss {
            Loss::BitVariance => (0.0, 0.0),
            Loss::L2 => (2.0, 0.0),
            Loss::L1 => (20.0, 0.1),
            Loss::MinEntropy => (0.05, 0.0),
        };
        let majoriser = Majoriser { loss, curvature, smoothing };
        Self { majoriser, stride: 1, tolerance: TOLERANCE, raises: MAX_RAISES, second: false }
    }
}

impl Solver for Majorise {
    fn epoch(&mut self, rows: Rows<'_>) -> Result<Epoch> {
        if let Some(trial) = self.trial.take() {
            self.u = self.best_start(trial, rows)?;
        }
        let Some(&Stage { majoriser, stride, tolerance, raises, second }) = self.stages.last()
        else {
            let train_loss = rows.loss(self.reported, self.u.as_ref())?;
            self.flops += rows.flops(1);
            return Ok(Epoch { train_loss, done: true });
        };
        let rows = Rows { stride, ..rows };
        let before = match self.step.take() {
            Some(step) => step,
            None => {
                self.flops += rows.flops(2);
                rows.step(majoriser, self.reported, self.u.as_ref())?
            }
        };
        let extrapolated = self.previous.is_some();
        let mut next = self.polar(&before.target, rows.cancel)?;
        let second = second && rows.part_tells();
        let mut estimate = None;
        if second {
            let target = self.estimate(rows, majoriser, &before, &next)?;
            self.previous = Some(copy(&before.target));
            next = self.polar(&target, rows.cancel)?;
            estimate = Some(target);
        }
        self.flops += rows.flops(2);
        let after = rows.step(majoriser, self.reported, next.as_ref())?;
        let gain = before.loss - after.loss;
        if gain < -ROUNDING * before.loss.abs() {
            // The step was too long: stay, and go on without second steps, momentum or with a stronger
            // majoriser.
            let train_loss = before.reported;
            self.previous = None;
            if extrapolated || second {
                self.stages.iter_mut().for_each(|stage| stage.second = false);
                self.step = Some(before);
            } else if let (Some(stage), Some(left)) =
                (self.stages.last_mut(), raises.checked_sub(1))
            {
                stage.majoriser.curvature = (2.0 * majoriser.curvature).max(0.01);
                stage.raises = left;
            } else {
                self.end_stage();
            }
            return Ok(Epoch { train_loss, done: self.stages.is_empty() });
        }
        let train_loss = after.reported;
        self.u = next;
        self.stalled = if gain <= tolerance * before.loss.abs() { self.stalled + 1 } else { 0 };
        if self.stalled < PATIENCE {
            let target = estimate.unwrap_or(before.target);
            self.previous = (self.momentum > 0.0).then_some(target);
            self.step = Some(after);
        } else {
            self.end_stage();
        }
        Ok(Epoch { train_loss, done: self.stages.is_empty() })
    }

    /// The last stage also ends when only the training rows still gain.
    fn judge(&mut self, validation_loss: f64) -> bool {
        let [Stage { tolerance, .. }] = self.stages[..] else { return false };
        let (lowest, since) = self.judged;
        self.judged = if validation_loss < lowest - tolerance * validation_loss.abs() {
            (validation_loss, 0)
        } else {
            (lowest, since + 1)
        };
        tolerance > 0.0 && self.judged.1 > PATIENCE
    }

    fn flops(&self) -> Option<f64> {
        Some(self.flops)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::Matrix(copy(&self.u))
    }
}
