//! Where the descent starts, and in which coordinates.

use faer::{Mat, MatRef};

use super::START_EPOCHS;
use super::products::{product, project_in_parts};
use super::sample::Sample;
use crate::error::{Error, Result};
use crate::fit::choices::ProjectionSource;
use crate::fit::majorise::Majorise;
use crate::fit::options::Resolved;
use crate::fit::pass::Rows;
use crate::fit::prepare::{Prepared, Split, column_means, scale_to_root};
use crate::fit::run::{Snapshot, Solver};
use crate::losses::Loss;
use crate::parallel::Cancel;
use crate::parts::pause;

/// The mean that is taken off of the rows of `split`.
pub(super) async fn mean_of(
    split: &Split<'_>,
    prepared: &Prepared,
    options: &Resolved,
    cancel: &Cancel,
) -> Result<Option<Vec<f32>>> {
    match &prepared.mean {
        None if options.center => {
            Ok(Some(column_means(&split.train, options.threads, cancel).await?))
        }
        mean => Ok(mean.clone()),
    }
}

/// The directions in which rows are seen, all of the `dimensions` where there are none, and the first of them by PCA,
/// within those.
pub(super) fn coordinates(
    prepared: &Prepared,
    options: &Resolved,
    dimensions: usize,
) -> (Option<Mat<f32>>, Mat<f32>) {
    let learnt = options.projection == ProjectionSource::Learned;
    let basis = if learnt { prepared.basis.as_ref() } else { prepared.projection.as_ref() };
    // In principal directions PCA is the first of them; else the projection is what it is.
    let pca = match (basis, &prepared.projection) {
        (None, Some(projection)) => projection.clone(),
        (basis, _) => Mat::identity(basis.map_or(dimensions, Mat::ncols), options.bits),
    };
    (basis.cloned(), pca)
}

/// `pca` after the rotation of the least bit variance of the sample's rows.
pub(super) async fn least_variance(
    sample: &Sample,
    pca: MatRef<'_, f32>,
    options: &Resolved,
    cancel: &Cancel,
) -> Result<Mat<f32>> {
    let Resolved { bits, threads, .. } = *options;
    let mut values = project_in_parts(sample.rows(), pca, threads, cancel).await?;
    values.chunks_mut(bits).for_each(scale_to_root);
    let options = Resolved { loss: Loss::BitVariance, ..options.clone() };
    let mut solver = Majorise::auto(values.len() / bits, &options);
    for _ in 0..START_EPOCHS {
        pause().await;
        let rows = Rows { values: &values, columns: bits, stride: 1, threads, cancel };
        if solver.epoch(rows)?.done {
            break;
        }
    }
    match solver.snapshot() {
        Snapshot::Matrix(u) => product(pca, u.as_ref(), threads, cancel),
        Snapshot::Reflections(_) => {
            Err(Error::Internal { reason: "a majorisation has no reflections".into() }.into())
        }
    }
}
