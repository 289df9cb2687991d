//! Learning in progress.

use std::sync::{Arc, Mutex};

use h2q_core::jobs;
use h2q_core::learn::{self as core, LearnSession, Penalty, SimilarityLoss};
use h2q_core::parallel::Cancel;
use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;

use crate::convert::{count, labels, optional_count};
use crate::model::Model;
use crate::tasks::{CancelToken, locked, run_async, run_sync};
use crate::vectors::Vectors;

/// Options; what is left out takes the core's default.
#[napi(object)]
pub struct LearnOptions {
    /// Dimensions of the embedding, length of the codes.
    pub bits: Option<f64>,
    /// A similarity loss.
    pub loss: Option<String>,
    /// Dimensions of the hidden layers.
    pub hidden: Option<Vec<f64>>,
    /// The most epochs.
    pub epochs: Option<f64>,
    /// Rows of a step.
    pub batch_size: Option<f64>,
    /// Of Adam.
    pub learning_rate: Option<f64>,
    /// Of the weights.
    pub weight_decay: Option<f64>,
    /// Share of hidden values left out.
    pub dropout: Option<f64>,
    /// `none`, `l2` or `hswd`.
    pub penalty: Option<String>,
    /// Its factor.
    pub penalty_weight: Option<f64>,
    /// HashNet's.
    pub continuation: Option<bool>,
    /// Epochs without a better precision.
    pub patience: Option<f64>,
    /// Seed of every random choice.
    pub seed: Option<f64>,
    /// 0 for all.
    pub threads: Option<f64>,
}

impl LearnOptions {
    fn convert(&self, env: &Env) -> napi::Result<core::LearnOptions> {
        let (loss, penalty) = run_sync(env, || {
            Ok((
                self.loss.as_deref().map(SimilarityLoss::parse).transpose()?,
                self.penalty.as_deref().map(Penalty::parse).transpose()?,
            ))
        })?;
        let hidden = self.hidden.as_ref().map(|sizes| {
            sizes.iter().map(|&size| count(env, "hidden", size)).collect::<napi::Result<_>>()
        });
        Ok(core::LearnOptions {
            bits: optional_count(env, "bits", self.bits)?,
            loss,
            hidden: hidden.transpose()?,
            epochs: optional_count(env, "epochs", self.epochs)?,
            batch_size: optional_count(env, "batchSize", self.batch_size)?,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            dropout: self.dropout,
            penalty,
            penalty_weight: self.penalty_weight,
            continuation: self.continuation,
            patience: optional_count(env, "patience", self.patience)?,
            seed: optional_count(env, "seed", self.seed)?.map(|seed| seed as u64),
            threads: optional_count(env, "threads", self.threads)?,
        })
    }
}

/// Whether a head over vectors of so many dimensions can be learnt with these options.
#[napi]
pub fn check_learn(env: Env, dimensions: f64, options: LearnOptions) -> napi::Result<()> {
    let dimensions = count(&env, "dimensions", dimensions)?;
    let options = options.convert(&env)?;
    run_sync(&env, || options.check(dimensions))
}

/// One epoch.
#[napi(object)]
pub struct LearnReport {
    /// Counted from 1.
    pub epoch: u32,
    /// Mean over the batches.
    pub train_loss: f64,
    /// Of the float embeddings of the validation rows.
    pub mean_average_precision: f64,
    /// Seconds so far.
    pub seconds: f64,
}

impl From<core::LearnReport> for LearnReport {
    fn from(report: core::LearnReport) -> Self {
        Self {
            epoch: report.epoch as u32,
            train_loss: report.train_loss,
            mean_average_precision: report.mean_average_precision,
            seconds: report.seconds,
        }
    }
}

/// `prepare`, `step` until `done`, `finish`.
#[napi]
pub struct Learning {
    session: Arc<Mutex<LearnSession>>,
}

#[napi]
impl Learning {
    /// Checks the request.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        train: &Vectors,
        train_labels: Object,
        validation: Option<&Vectors>,
        validation_labels: Option<Object>,
        options: LearnOptions,
    ) -> napi::Result<Self> {
        let options = options.convert(&env)?;
        let train = train.share(&env)?;
        let train_labels = labels(&env, &train_labels, "labels")?;
        let validation = match (validation, validation_labels) {
            (Some(rows), Some(own)) => {
                Some((rows.share(&env)?, labels(&env, &own, "validation labels")?))
            }
            _ => None,
        };
        let session =
            run_sync(&env, || LearnSession::new(train, train_labels, validation, &options))?;
        Ok(Self { session: Arc::new(Mutex::new(session)) })
    }

    /// The most epochs that there will be; 0 while one is running.
    #[napi(getter)]
    pub fn planned_epochs(&self) -> f64 {
        self.session.try_lock().map_or(0.0, |session| session.planned_epochs() as f64)
    }

    /// Whether further steps would change nothing; false while one is running.
    #[napi(getter)]
    pub fn done(&self) -> bool {
        self.session.try_lock().is_ok_and(|session| session.done())
    }

    /// Splits, measures, draws the first parameters.
    #[napi]
    pub fn prepare<'env>(
        &self,
        env: &'env Env,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let (session, cancel) = (self.session.clone(), cancel.inner.clone());
        run_async(env, move || locked(&session, |s| s.prepare(&cancel)), |_, ()| Ok(()))
    }

    /// Blocks.
    #[napi]
    pub fn prepare_sync(&self, env: Env) -> napi::Result<()> {
        run_sync(&env, || locked(&self.session, |s| s.prepare(&Cancel::default())))
    }

    /// Up to `epochs` more epochs.
    #[napi]
    pub fn step<'env>(
        &self,
        env: &'env Env,
        epochs: f64,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let epochs = count(env, "epochs", epochs)?;
        let (session, cancel) = (self.session.clone(), cancel.inner.clone());
        run_async(
            env,
            move || locked(&session, |s| s.step(epochs, &cancel)),
            |_, reports| Ok(reports.into_iter().map(LearnReport::from).collect::<Vec<_>>()),
        )
    }

    /// Blocks.
    #[napi]
    pub fn step_sync(&self, env: Env, epochs: f64) -> napi::Result<Vec<LearnReport>> {
        let epochs = count(&env, "epochs", epochs)?;
        let reports =
            run_sync(&env, || locked(&self.session, |s| s.step(epochs, &Cancel::default())))?;
        Ok(reports.into_iter().map(LearnReport::from).collect())
    }

    /// The state after the last whole epoch; nothing before the preparation.
    #[napi]
    pub fn checkpoint(&self) -> Option<Uint8Array> {
        locked(&self.session, |s| s.checkpoint()).map(Uint8Array::from)
    }

    /// Takes up the state of a checkpoint.
    #[napi]
    pub fn resume(&self, env: Env, bytes: Uint8Array) -> napi::Result<()> {
        run_sync(&env, || locked(&self.session, |s| s.resume(&bytes)))
    }

    /// Gives the memory back; nothing else may be done with this then.
    #[napi]
    pub fn release(&self) {
        // A step that was told to stop may hold it for a moment: not on this thread.
        let session = self.session.clone();
        jobs::spawn(move || locked(&session, LearnSession::release));
    }

    /// The best model so far.
    #[napi]
    pub fn finish<'env>(&self, env: &'env Env, cancel: &CancelToken) -> napi::Result<Object<'env>> {
        let (session, cancel) = (self.session.clone(), cancel.inner.clone());
        let work = move || locked(&session, |s| s.finish(&cancel));
        run_async(env, work, |_, model| Ok(Model::from(model)))
    }

    /// Blocks.
    #[napi]
    pub fn finish_sync(&self, env: Env) -> napi::Result<Model> {
        let finish = |session: &mut LearnSession| session.finish(&Cancel::default());
        run_sync(&env, || locked(&self.session, finish)).map(Model::from)
    }
}
