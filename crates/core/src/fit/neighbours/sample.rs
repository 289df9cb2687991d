//! What the objective sees of the rows: a bounded sample, the nearest of each of its rows, and batches of both.

use faer::MatRef;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::objective::Batch;
use super::products::{matrix, matrix_mut, project};
use crate::codes::{Layout, pack_signs};
use crate::dot::reciprocal_norm;
use crate::error::Result;
use crate::evaluate::{
    AveragePrecision, CodesEvaluation, Labels, Ties, evaluate_codes, neighbours,
};
use crate::fit::part::Part;
use crate::linalg::multiply;
use crate::parallel::{Cancel, fill_chunks};
use crate::vectors::{Vectors, zeros};

/// The most rows of a sample, and the most values: 128 MiB, of which there are two.
const ROWS: usize = 20_000;
const VALUES: usize = 1 << 25;
/// Neighbours of each.
const NEAREST: usize = 50;
/// Neighbours that are looked for, among so many rows.
const RECALLED: usize = 10;
const RECALL_AT: usize = 100;
/// Neighbours further away, looked for among as many rows; at most a quarter of the rows.
const FAR: usize = 500;
/// The most anchors of a batch, and the most candidates beside their neighbours.
const BATCH_ANCHORS: usize = 512;
const BATCH_OTHERS: usize = 512;
/// Anchors that tell the gap.
const GAP_ANCHORS: usize = 256;
const TASK_ROWS: usize = 256;

/// How rows are seen: `basisᵀ (x − mean)`.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub mean: Option<&'a [f32]>,
    /// d x k with orthonormal columns; all coordinates where there is none.
    pub basis: Option<MatRef<'a, f32>>,
    /// Likewise the directions in which rows are compared.
    pub units: Option<MatRef<'a, f32>>,
}

/// Rows of one kind.
#[derive(Debug)]
struct Seen {
    /// count x k.
    rows: Vec<f32>,
    /// count x any, at norm 1: of the rows as they came.
    units: Vec<f32>,
    count: usize,
}

/// Training rows with their nearest, and a batch of rows that judge.
#[derive(Debug)]
pub(super) struct Sample {
    train: Seen,
    /// Of each row, [`Sample::nearest`] rows.
    lists: Vec<u32>,
    nearest: usize,
    validation: Drawn,
    /// Of the held-out anchors, those that [`Sample::recall`] looks for: [`RECALLED`] or all rows each.
    wanted: Vec<u32>,
    /// And [`FAR`] of each, or a quarter of the rows.
    far: Vec<u32>,
    /// Anchors in the order in which they come, and how many of them have come.
    order: Vec<usize>,
    used: usize,
    generator: ChaCha8Rng,
}

/// The rows of a batch.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    rows: Vec<f32>,
    units: Vec<f32>,
    count: usize,
    anchors: usize,
}

impl Drawn {
    pub fn batch(&self) -> Batch<'_, f32> {
        Batch { rows: &self.rows, units: &self.units, count: self.count, anchors: self.anchors }
    }

    fn add(&mut self, seen: &Seen, row: usize) {
        let row_of = |values: &[f32]| {
            let columns = values.len() / seen.count;
            row * columns..(row + 1) * columns
        };
        self.rows.extend_from_slice(&seen.rows[row_of(&seen.rows)]);
        self.units.extend_from_slice(&seen.units[row_of(&seen.units)]);
        self.count += 1;
    }
}

impl Seen {
    fn new(vectors: &Vectors, view: &View, threads: usize, cancel: &Cancel) -> Result<Self> {
        let d = vectors.columns();
        let see = |unit: bool| -> Result<Vec<f32>> {
            let basis = if unit { view.units } else { view.basis };
            let k = basis.map_or(d, |basis| basis.ncols());
            let mut out = zeros(vectors.rows() * k, "the sample of a fit")?;
            fill_chunks(threads, &mut out, TASK_ROWS * k, cancel, Vec::new, |block, task, out| {
                block.clear();
                for row in (task * TASK_ROWS..).take(out.len() / k).map(|row| vectors.row(row)) {
                    if unit {
                        let factor = reciprocal_norm(row);
                        block.extend(row.iter().map(|&x| (f64::from(x) * factor) as f32));
                    } else if let Some(mean) = view.mean {
                        block.extend(row.iter().zip(mean).map(|(x, mean)| x - mean));
                    } else {
                        block.extend_from_slice(row);
                    }
                }
                match basis {
                    Some(basis) => {
                        let rows = out.len() / k;
                        multiply(matrix_mut(out, rows), matrix(block, rows), basis);
                    }
                    None => out.copy_from_slice(block),
                }
                if unit && basis.is_some() {
                    out.chunks_mut(k).for_each(|row| scale_row(row, reciprocal_norm(row)));
                }
                Ok(())
            })?;
            Ok(out)
        };
        Ok(Self { rows: see(false)?, units: see(true)?, count: vectors.rows() })
    }

    /// Brings each row to a length at which its part within `start` (k x b) has norm √b. Of a row that has next to no
    /// part there, half of what a row of any direction has counts: it must not outweigh all others.
    fn scale(&mut self, start: MatRef<'_, f32>, threads: usize, cancel: &Cancel) -> Result<()> {
        let (k, b) = (start.nrows(), start.ncols());
        fill_chunks(threads, &mut self.rows, TASK_ROWS * k, cancel, Vec::new, |z, _, rows| {
            let count = rows.len() / k;
            z.resize(count * b, 0.0);
            multiply(matrix_mut(z, count), matrix(rows, count), start);
            for (row, z) in rows.chunks_mut(k).zip(z.chunks(b)) {
                let most = 2.0 * reciprocal_norm(row) * (k as f64).sqrt();
                scale_row(row, (reciprocal_norm(z) * (b as f64).sqrt()).min(most));
            }
            Ok(())
        })
    }
}

/// Multiplies all values.
fn scale_row(row: &mut [f32], factor: f64) {
    row.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
}

/// Shares of the neighbours of held-out rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreement {
    /// [`Sample::recall`].
    pub near: f64,
    /// Of the same neighbours, among as many rows by the asymmetric score.
    pub asymmetric: f64,
    /// Of those further away, among as many rows by Hamming distance. It falls where the near are found at the cost of all
    /// others.
    pub far: f64,
}

impl Agreement {
    pub fn sum(self) -> f64 {
        self.near + self.asymmetric + self.far
    }
}

/// Training rows and held-out anchors after a projection: rows x bits.
struct Judged {
    bits: usize,
    train: Vec<f32>,
    judges: Vec<f32>,
}

impl Sample {
    /// `start` is k x b: the directions in which rows get norm √b.
    pub fn new(
        [train, held_out]: [&Part; 2],
        view: &View,
        start: MatRef<'_, f32>,
        mut generator: ChaCha8Rng,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let most = (VALUES / start.nrows()).min(ROWS);
        let chosen = train.sample(most, &mut generator).copied();
        let mut seen = Seen::new(&chosen, view, threads, cancel)?;
        drop(chosen);
        seen.scale(start, threads, cancel)?;
        let width = seen.units.len() / seen.count;
        let units = Vectors::new(seen.units, width)?;
        let found = neighbours(&units, &units, NEAREST + 1, threads, cancel)?;
        let list = found.len() / units.rows();
        // Without the anchor itself; twins of it may be before it or push it out.
        let nearest = list - 1;
        let lists = (0u32..).zip(found.chunks(list)).flat_map(|(anchor, list)| {
            list.iter().copied().filter(move |&row| row != anchor).take(nearest)
        });
        let lists = lists.collect();
        let judges = held_out.sample(BATCH_ANCHORS, &mut generator).copied();
        let mut judging = Seen::new(&judges, view, threads, cancel)?;
        judging.scale(start, threads, cancel)?;
        let judges = Vectors::new(judging.units, width)?;
        let far = FAR.min(seen.count / 4).max(nearest.max(1));
        let found = neighbours(&units, &judges, far, threads, cancel)?;
        judging.units = judges.into_vec();
        seen.units = units.into_vec();
        let mut validation = Drawn { anchors: judging.count, ..Drawn::default() };
        (0..judging.count).for_each(|row| validation.add(&judging, row));
        let judged = nearest.max(1);
        let count = RECALLED.min(judged);
        let wanted = found.chunks(far).flat_map(|list| &list[..count]).copied().collect();
        for list in found.chunks(far) {
            validation.add(&seen, list[generator.random_range(0..judged)] as usize);
        }
        for _ in 0..BATCH_OTHERS {
            validation.add(&seen, generator.random_range(0..seen.count));
        }
        let (order, used) = ((0..seen.count).collect(), seen.count);
        let far = found;
        Ok(Self { train: seen, lists, nearest, validation, wanted, far, order, used, generator })
    }

    /// How far the last of the neighbours of an anchor is behind the first, in standard deviations of the
    /// similarities between any two rows: the mean over some anchors.
    pub fn gap(&self) -> f64 {
        let Batch { units, count, anchors, .. } = self.validation();
        let k = units.len() / count;
        let unit = |row: usize| &self.train.units[row * k..][..k];
        let similarity =
            |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum() };
        // The last rows of the validation are any.
        let others = &units[(2 * anchors) * k..];
        let (mut sum, mut some) = (0.0, 0.0);
        for (anchor, list) in self.lists.chunks(self.nearest.max(1)).enumerate().take(GAP_ANCHORS) {
            let own = unit(anchor);
            let all: Vec<f64> = others.chunks(k).map(|other| similarity(own, other)).collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / all.len() as f64;
            let to =
                |row: Option<&u32>| row.map_or(0.0, |&row| similarity(own, unit(row as usize)));
            if variance > 0.0 {
                sum += (to(list.first()) - to(list.last())) / variance.sqrt();
                some += 1.0;
            }
        }
        if some > 0.0 { sum / some } else { 0.0 }
    }

    /// The share of the neighbours of held-out rows that are among the first [`RECALL_AT`] by Hamming distance.
    pub fn recall(&self, w: MatRef<'_, f32>, threads: usize, cancel: &Cancel) -> Result<f64> {
        let z = self.projected(w, threads, cancel)?;
        self.hamming_recall(&z, &self.wanted, RECALL_AT, threads, cancel)
    }

    /// How well codes by `w` agree with the embedding on the neighbours of held-out rows.
    pub fn agreement(
        &self,
        w: MatRef<'_, f32>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Agreement> {
        let mut z = self.projected(w, threads, cancel)?;
        let near = self.hamming_recall(&z, &self.wanted, RECALL_AT, threads, cancel)?;
        let far = self.far.len() / self.validation.anchors;
        let far = self.hamming_recall(&z, &self.far, far, threads, cancel)?;
        // Codes have one norm, so that their cosines with a query rank as the asymmetric score.
        z.train.iter_mut().for_each(|z| *z = 1.0f32.copysign(*z));
        let (codes, queries) =
            (Vectors::new(z.train, w.ncols())?, Vectors::new(z.judges, w.ncols())?);
        let count = self.wanted.len() / self.validation.anchors;
        let found = neighbours(&codes, &queries, count, threads, cancel)?;
        let pairs = found.chunks(count).zip(self.wanted.chunks(count));
        let hits: usize = pairs
            .map(|(found, wanted)| wanted.iter().filter(|row| found.contains(row)).count())
            .sum();
        Ok(Agreement { near, asymmetric: hits as f64 / self.wanted.len() as f64, far })
    }

    fn projected(&self, w: MatRef<'_, f32>, threads: usize, cancel: &Cancel) -> Result<Judged> {
        let judges = &self.validation.rows[..self.validation.anchors * w.nrows()];
        Ok(Judged {
            bits: w.ncols(),
            train: project(&self.train.rows, w, threads, cancel)?,
            judges: project(judges, w, threads, cancel)?,
        })
    }

    /// The share of `wanted`, as many of each held-out row, among the first `at` by Hamming distance.
    fn hamming_recall(
        &self,
        z: &Judged,
        wanted: &[u32],
        at: usize,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<f64> {
        let encode = |z: &[f32]| {
            let mut codes = vec![0; z.len() / 8];
            pack_signs(z, Layout::Lsb, &mut codes);
            codes
        };
        let (database, queries) = (encode(&z.train), encode(&z.judges));
        let metrics = evaluate_codes(
            &CodesEvaluation {
                bits: z.bits,
                database_codes: &database,
                query_codes: &queries,
                database_labels: &Labels::unknown(self.train.count),
                query_labels: &Labels::unknown(self.validation.anchors),
                neighbours: wanted,
                at: &[at],
                ties: Ties::Expected,
                average_precision: AveragePrecision::default(),
                database_vectors: None,
                query_vectors: None,
            },
            threads,
            cancel,
        )?;
        Ok(metrics.at[0].neighbour_recall.unwrap_or(0.0))
    }

    /// The rows: count x k, row-major.
    pub fn rows(&self) -> &[f32] {
        &self.train.rows
    }

    /// Held-out anchors with the nearest of each and others.
    pub fn validation(&self) -> Batch<'_, f32> {
        self.validation.batch()
    }

    /// The next anchors, one of the nearest of each, and others.
    pub fn draw(&mut self, drawn: &mut Drawn) {
        let most = BATCH_ANCHORS.min(self.train.count / 4).clamp(1, self.order.len());
        if self.used + most > self.order.len() {
            self.order.shuffle(&mut self.generator);
            self.used = 0;
        }
        let anchors = &self.order[self.used..self.used + most];
        self.used += most;
        let mut is_anchor = vec![false; self.train.count];
        anchors.iter().for_each(|&row| is_anchor[row] = true);
        drawn.rows.clear();
        drawn.units.clear();
        (drawn.count, drawn.anchors) = (0, most);
        anchors.iter().for_each(|&row| drawn.add(&self.train, row));
        for &anchor in anchors {
            let list = &self.lists[anchor * self.nearest..][..self.nearest];
            if list.is_empty() {
                continue;
            }
            let row = list[self.generator.random_range(0..list.len())] as usize;
            if !is_anchor[row] {
                drawn.add(&self.train, row);
            }
        }
        for _ in 0..BATCH_OTHERS {
            let row = self.generator.random_range(0..self.train.count);
            if !is_anchor[row] {
                drawn.add(&self.train, row);
            }
        }
        // Of a few rows all may have been anchors.
        if drawn.count == drawn.anchors {
            drawn.add(&self.train, 0);
        }
    }
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod tests;
