//! What the objective sees of the rows: a bounded sample, the nearest of each of its rows, and batches of both.

use faer::MatRef;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::objective::Batch;
use super::products::{project, project_in_parts};
use super::seen::{Seen, View};
use crate::codes::{Layout, pack_signs};
use crate::error::Result;
use crate::evaluate::{
    AveragePrecision, CodesEvaluation, Labels, Ties, evaluate_codes, neighbours_in_parts,
};
use crate::fit::part::Part;
use crate::parallel::Cancel;
use crate::parts::pause;
use crate::vectors::Vectors;

/// The most rows of a sample, and the most values: 128 MiB, of which there are two.
const ROWS: usize = 20_000;
const VALUES: usize = 1 << 25;
/// Neighbours of each.
const NEAREST: usize = 50;
/// Neighbours that are looked for, among so many rows.
const RECALLED: usize = 10;
const RECALL_AT: usize = 100;
/// Neighbours in a wider circle, looked for among as many rows; at most a quarter of the rows.
const FAR: usize = 500;
/// What is clearly more of the neighbours of held-out rows: about a standard error.
pub(super) const CLEARLY: f64 = 0.002;
/// The most anchors of a batch, and the most candidates beside their neighbours.
const BATCH_ANCHORS: usize = 512;
const BATCH_OTHERS: usize = 512;
/// Anchors that tell the gap.
const GAP_ANCHORS: usize = 256;

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
    /// And [`FAR`] of each, or a quarter of the rows, by the rows as they are projected: without what all share.
    far: Vec<u32>,
}

/// The order in which anchors come.
#[derive(Debug)]
pub(super) struct Order {
    anchors: Vec<usize>,
    /// How many of them have come.
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
        self.rows.extend_from_slice(seen.rows.row(row));
        self.units.extend_from_slice(seen.units.row(row));
        self.count += 1;
    }
}

/// Shares of the neighbours of held-out rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreement {
    /// [`Sample::recall`].
    pub near: f64,
    /// Of the same neighbours, among as many rows by the asymmetric score.
    pub asymmetric: f64,
    /// Of the neighbours in a wider circle, by cosine of the centred rows, among as many rows by Hamming distance. It falls where the
    /// near are found at the cost of all others, and with it the precision of labels.
    pub far: f64,
}

impl Agreement {
    pub fn sum(self) -> f64 {
        self.near + self.asymmetric + self.far
    }
}

/// How many neighbours each of `rows` anchors has, and which: without the anchor itself, which twins of it may be before or
/// push out.
fn without_anchors(found: &[u32], rows: usize) -> (usize, Vec<u32>) {
    let list = found.len() / rows;
    let lists = (0u32..).zip(found.chunks(list)).flat_map(|(anchor, found)| {
        found.iter().copied().filter(move |&row| row != anchor).take(list - 1)
    });
    (list - 1, lists.collect())
}

/// The batch that judges, of the held-out rows and the `near` rows of each, and [`Sample::wanted`].
fn judging(
    train: &Seen,
    judges: &Seen,
    near: &[u32],
    generator: &mut ChaCha8Rng,
) -> (Drawn, Vec<u32>) {
    let mut batch = Drawn { anchors: judges.count(), ..Drawn::default() };
    (0..judges.count()).for_each(|row| batch.add(judges, row));
    let judged = near.len() / judges.count();
    for list in near.chunks(judged) {
        batch.add(train, list[generator.random_range(0..judged)] as usize);
    }
    for _ in 0..BATCH_OTHERS {
        batch.add(train, generator.random_range(0..train.count()));
    }
    let count = RECALLED.min(judged);
    (batch, near.chunks(judged).flat_map(|list| &list[..count]).copied().collect())
}

/// Training rows and held-out anchors after a projection: rows x bits.
struct Judged {
    bits: usize,
    train: Vec<f32>,
    judges: Vec<f32>,
}

impl Sample {
    /// `start` is k x b: the directions in which rows get norm √b.
    pub async fn new(
        [train, held_out]: [&Part<'_>; 2],
        view: &View<'_>,
        start: MatRef<'_, f32>,
        mut generator: ChaCha8Rng,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<(Self, Order)> {
        let most = (VALUES / start.nrows()).min(ROWS);
        let chosen = train.sample(most, &mut generator).copied();
        let train = Seen::new(chosen, view, start, threads, cancel).await?;
        let (units, count) = (&train.units, NEAREST + 1);
        let found = neighbours_in_parts(units, units, count, threads, cancel).await?;
        let (nearest, lists) = without_anchors(&found, train.count());
        let judges = held_out.sample(BATCH_ANCHORS, &mut generator).copied();
        let judges = Seen::new(judges, view, start, threads, cancel).await?;
        let (units, count) = (&train.units, nearest.max(1));
        let near = neighbours_in_parts(units, &judges.units, count, threads, cancel).await?;
        let (rows, count) = (&train.rows, FAR.min(train.count() / 4).max(1));
        let far = neighbours_in_parts(rows, &judges.rows, count, threads, cancel).await?;
        let (validation, wanted) = judging(&train, &judges, &near, &mut generator);
        let anchors = (0..train.count()).collect();
        let order = Order { anchors, used: train.count(), generator };
        Ok((Self { train, lists, nearest, validation, wanted, far }, order))
    }

    /// How far the last of the neighbours of an anchor is behind the first, in standard deviations of the
    /// similarities between any two rows: the mean over some anchors.
    pub fn gap(&self) -> f64 {
        let Batch { units, count, anchors, .. } = self.validation();
        let k = units.len() / count;
        let unit = |row: usize| self.train.units.row(row);
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
    pub async fn recall(&self, w: MatRef<'_, f32>, threads: usize, cancel: &Cancel) -> Result<f64> {
        self.recall_of(self.seen(), w, threads, cancel).await
    }

    async fn recall_of(
        &self,
        rows: [&[f32]; 2],
        w: MatRef<'_, f32>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<f64> {
        let z = self.projected(rows, w, threads, cancel).await?;
        self.hamming_recall(&z, &self.wanted, RECALL_AT, threads, cancel)
    }

    /// Whether rows as they came keep clearly more of the neighbours of held-out rows than centred ones, both by codes that
    /// `rotation` gives. All coordinates are seen.
    pub async fn needs_no_mean(
        &self,
        rotation: MatRef<'_, f32>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<bool> {
        let centred = self.recall(rotation, threads, cancel).await?;
        let units = [self.train.units.as_slice(), &self.validation.units];
        let plain = self.recall_of(units, rotation, threads, cancel).await?;
        Ok(plain > centred + CLEARLY)
    }

    /// Takes rows as they came for centred ones. The wider circle stays that of the centred rows.
    pub fn without_mean(mut self) -> Result<Self> {
        let columns = self.train.units.columns();
        let length = (columns as f32).sqrt();
        let scaled = |units: &[f32]| units.iter().map(|x| x * length).collect();
        self.train.rows = Vectors::new(scaled(self.train.units.as_slice()), columns)?;
        self.validation.rows = scaled(&self.validation.units);
        Ok(self)
    }

    /// How well codes by `w` agree with the embedding on the neighbours of held-out rows.
    pub async fn agreement(
        &self,
        w: MatRef<'_, f32>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Agreement> {
        let mut z = self.projected(self.seen(), w, threads, cancel).await?;
        let near = self.hamming_recall(&z, &self.wanted, RECALL_AT, threads, cancel)?;
        pause().await;
        let far = self.far.len() / self.validation.anchors;
        let far = self.hamming_recall(&z, &self.far, far, threads, cancel)?;
        pause().await;
        // Codes have one norm, so that their cosines with a query rank as the asymmetric score.
        z.train.iter_mut().for_each(|z| *z = 1.0f32.copysign(*z));
        let (codes, queries) =
            (Vectors::new(z.train, w.ncols())?, Vectors::new(z.judges, w.ncols())?);
        let count = self.wanted.len() / self.validation.anchors;
        let found = neighbours_in_parts(&codes, &queries, count, threads, cancel).await?;
        let pairs = found.chunks(count).zip(self.wanted.chunks(count));
        let hits: usize = pairs
            .map(|(found, wanted)| wanted.iter().filter(|row| found.contains(row)).count())
            .sum();
        Ok(Agreement { near, asymmetric: hits as f64 / self.wanted.len() as f64, far })
    }

    /// [`Sample::rows`], and those of the batch that judges.
    fn seen(&self) -> [&[f32]; 2] {
        [self.rows(), &self.validation.rows]
    }

    /// Of the batch the anchors, its first rows.
    async fn projected(
        &self,
        [train, judges]: [&[f32]; 2],
        w: MatRef<'_, f32>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Judged> {
        let judges = &judges[..self.validation.anchors * w.nrows()];
        Ok(Judged {
            bits: w.ncols(),
            train: project_in_parts(train, w, threads, cancel).await?,
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
                database_labels: &Labels::unknown(self.train.count()),
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
        self.train.rows.as_slice()
    }

    /// Held-out anchors with the nearest of each and others.
    pub fn validation(&self) -> Batch<'_, f32> {
        self.validation.batch()
    }

    /// The next anchors, one of the nearest of each, and others.
    pub fn draw(&self, order: &mut Order, drawn: &mut Drawn) {
        let Order { anchors, used, generator } = order;
        let most = BATCH_ANCHORS.min(self.train.count() / 4).clamp(1, anchors.len());
        if *used + most > anchors.len() {
            anchors.shuffle(generator);
            *used = 0;
        }
        let anchors = &anchors[*used..*used + most];
        *used += most;
        let mut is_anchor = vec![false; self.train.count()];
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
            let row = list[generator.random_range(0..list.len())] as usize;
            if !is_anchor[row] {
                drawn.add(&self.train, row);
            }
        }
        for _ in 0..BATCH_OTHERS {
            let row = generator.random_range(0..self.train.count());
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
