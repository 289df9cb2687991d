//! One pass over the prepared rows at a fixed rotation: the loss, and the sum that a polar step needs.

use faer::{Mat, MatMut, MatRef};

use crate::error::Result;
use crate::linalg::{add, copy, multiply, multiply_add, zeros};
use crate::losses::{Loss, Weight};
use crate::parallel::{Cancel, map_tasks};

/// Rows of one block, whose Z stays in the cache between the products.
const BLOCK_ROWS: usize = 256;
/// At most this many partial sums. Their number depends on the rows alone, so that results do not
/// depend on the threads.
const MAX_STRIPS: usize = 8;
/// The fewest blocks of a strip, but for the last.
const STRIP_BLOCKS: usize = 4;
/// The most of all rows, and the fewest rows per bit, that a strip which stands for all has.
const TELLING_SHARE: f64 = 0.34;
const TELLING_ROWS_PER_BIT: f64 = 4.0;

/// Rows at norm √bits, and how to pass over them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub values: &'a [f32],
    pub columns: usize,
    /// Visit every row (1), every second (2), …
    pub stride: usize,
    pub threads: usize,
    pub cancel: &'a Cancel,
}

/// A concave upper bound of `loss` up to a constant: see [`Weight::Majoriser`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Majoriser {
    pub loss: Loss,
    pub curvature: f64,
    pub smoothing: f64,
}

/// What a pass with a majoriser saw.
pub(crate) struct Step {
    /// Mean of the majoriser's loss.
    pub loss: f64,
    /// Mean of the loss that is reported.
    pub reported: f64,
    /// `Xᵀ(cZ − ℓ'(Z))`.
    pub target: Mat<f32>,
    /// What the first strip has of it.
    pub part: Mat<f32>,
}

impl Majoriser {
    /// Adds `Xᵀ(cZ − ℓ'(Z))` of a block, whose Z is overwritten; returns the sum of its losses.
    fn add_target(self, target: &mut Mat<f32>, x: MatRef<'_, f32>, z: &mut [f32]) -> f64 {
        let Self { loss, curvature, smoothing } = self;
        let weight = Weight::Majoriser { curvature, smoothing };
        let sum = loss.sum_and_weights(z, x.ncols(), weight);
        let w = MatRef::from_row_major_slice(&*z, x.nrows(), x.ncols());
        multiply_add(target.as_mut(), 1.0, x.transpose(), w);
        sum
    }
}

impl Rows<'_> {
    /// Mean of `loss` over `X U`.
    pub fn loss(&self, loss: Loss, u: MatRef<'_, f32>) -> Result<f64> {
        let evaluate = Weight::Gradient { scale: 1.0 };
        let strips = self.fold_blocks(
            u,
            self.strips(),
            || 0.0,
            |sum: &mut f64, _, z| {
                *sum += loss.sum_and_weights(z, self.columns, evaluate);
            },
        )?;
        Ok(self.mean(loss, strips.into_iter().sum()))
    }

    /// Loss and target of `majoriser` at `u`; `reported` is evaluated on the way.
    pub fn step(&self, majoriser: Majoriser, reported: Loss, u: MatRef<'_, f32>) -> Result<Step> {
        let loss = majoriser.loss;
        let start = || (0.0, 0.0, zeros(self.columns, self.columns));
        let strips = self.fold_blocks(u, self.strips(), start, |(sum, other, target), x, z| {
            if reported != loss {
                let evaluate = Weight::Gradient { scale: 1.0 };
                *other += reported.sum_and_weights(&mut z.to_vec(), self.columns, evaluate);
            }
            *sum += majoriser.add_target(target, x, z);
        })?;
        let mut strips = strips.into_iter();
        let (mut sum, mut other, part) = strips.next().unwrap_or_else(start);
        let mut target = copy(&part);
        for strip in strips {
            sum += strip.0;
            other += strip.1;
            add(&mut target, &strip.2);
        }
        let mean = self.mean(loss, sum);
        let reported = if reported == loss { mean } else { self.mean(reported, other) };
        Ok(Step { loss: mean, reported, target, part })
    }

    /// [`Step::part`] of another `u`, at the cost of one strip.
    pub fn part(&self, majoriser: Majoriser, u: MatRef<'_, f32>) -> Result<Mat<f32>> {
        let start = || zeros(self.columns, self.columns);
        let strip = self.fold_blocks(u, 1, start, |target, x, z| {
            majoriser.add_target(target, x, z);
        })?;
        Ok(strip.into_iter().next().unwrap_or_else(start))
    }

    /// Whether the first strip has rows enough, and is small enough, to stand for all for a step.
    pub fn part_tells(&self) -> bool {
        let share = self.part_share();
        share <= TELLING_SHARE
            && share * self.count() as f64 >= TELLING_ROWS_PER_BIT * self.columns as f64
    }

    /// The share of the visited rows that the first strip has.
    pub fn part_share(&self) -> f64 {
        let (rows, strips) = (self.count(), self.strips());
        let blocks = (0..rows).step_by(strips * BLOCK_ROWS);
        let part: usize = blocks.map(|block| BLOCK_ROWS.min(rows - block)).sum();
        part as f64 / rows as f64
    }

    /// A strip is every so-many-th block, so that each is like the whole when rows are in some order.
    fn strips(&self) -> usize {
        self.count().div_ceil(STRIP_BLOCKS * BLOCK_ROWS).min(MAX_STRIPS)
    }

    /// Runs `work` on every block X and Z = X U of each of the first `wanted` strips; returns the final
    /// state of each.
    fn fold_blocks<S: Send>(
        &self,
        u: MatRef<'_, f32>,
        wanted: usize,
        start: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, MatRef<'_, f32>, &mut [f32]) + Sync,
    ) -> Result<Vec<S>> {
        let (rows, strips) = (self.count(), self.strips());
        map_tasks(self.threads, wanted, self.cancel, Buffers::default, |buffers, i| {
            let mut state = start();
            for block in (i * BLOCK_ROWS..rows).step_by(strips * BLOCK_ROWS) {
                self.cancel.check()?;
                let count = BLOCK_ROWS.min(rows - block);
                let x = self.gather(block, count, &mut buffers.x);
                let x = MatRef::from_row_major_slice(x, count, self.columns);
                let z = &mut buffers.z;
                z.resize(count * self.columns, 0.0);
                multiply(MatMut::from_row_major_slice_mut(z, count, self.columns), x, u);
                work(&mut state, x, z);
            }
            Ok(state)
        })
    }

    /// `count` of the visited rows, from the visited row `first` on.
    fn gather<'b>(&'b self, first: usize, count: usize, buffer: &'b mut Vec<f32>) -> &'b [f32] {
        if self.stride == 1 {
            return &self.values[first * self.columns..][..count * self.columns];
        }
        buffer.clear();
        for row in first..first + count {
            buffer.extend_from_slice(
                &self.values[row * self.stride * self.columns..][..self.columns],
            );
        }
        buffer
    }

    /// Floating-point operations of `products` products of the visited rows with a square matrix.
    pub fn flops(&self, products: usize) -> f64 {
        2.0 * products as f64 * self.count() as f64 * (self.columns * self.columns) as f64
    }

    /// Number of visited rows.
    fn count(&self) -> usize {
        (self.values.len() / self.columns).div_ceil(self.stride)
    }

    fn mean(&self, loss: Loss, sum: f64) -> f64 {
        sum / loss.terms(self.count(), self.columns) as f64
    }
}

#[derive(Default)]
struct Buffers {
    x: Vec<f32>,
    z: Vec<f32>,
}
