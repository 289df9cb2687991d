//! A running fit.

use std::sync::{Arc, Mutex, PoisonError};

use h2q_core::fit::{self as core, FitSession, Method, SolverName};
use h2q_core::losses::Loss;
use h2q_core::parallel::Cancel;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::convert::{count, optional_count};
use crate::model::Model;
use crate::tasks::{CancelToken, run_async, run_sync};
use crate::vectors::Vectors;

/// Options; what is left out takes the core's default.
#[napi(object)]
pub struct FitOptions {
    /// Code length.
    pub bits: Option<f64>,
    /// `h2q`, `itq`, `random` or `identity`.
    pub method: Option<String>,
    /// `bit-variance`, `l2`, `l1` or `min-entropy`.
    pub loss: Option<String>,
    /// `auto` or `sgd`.
    pub solver: Option<String>,
    /// The most epochs.
    pub epochs: Option<f64>,
    /// `sgd` alone.
    pub learning_rate: Option<f64>,
    /// `sgd` alone.
    pub batch_size: Option<f64>,
    /// `sgd` alone.
    pub reflections: Option<f64>,
    /// Subtract the mean.
    pub center: Option<bool>,
    /// Seed of every random choice.
    pub seed: Option<f64>,
    /// 0 for all.
    pub threads: Option<f64>,
}

impl FitOptions {
    fn convert(&self, env: &Env) -> napi::Result<core::FitOptions> {
        let parsed = run_sync(env, || {
            Ok((
                self.method.as_deref().map(Method::parse).transpose()?,
                self.loss.as_deref().map(Loss::parse).transpose()?,
                self.solver.as_deref().map(SolverName::parse).transpose()?,
            ))
        })?;
        Ok(core::FitOptions {
            bits: optional_count(env, "bits", self.bits)?,
            method: parsed.0,
            loss: parsed.1,
            solver: parsed.2,
            epochs: optional_count(env, "epochs", self.epochs)?,
            learning_rate: self.learning_rate,
            batch_size: optional_count(env, "batchSize", self.batch_size)?,
            reflections: optional_count(env, "reflections", self.reflections)?,
            center: self.center,
            seed: optional_count(env, "seed", self.seed)?.map(|seed| seed as u64),
            threads: optional_count(env, "threads", self.threads)?,
        })
    }
}

/// One epoch.
#[napi(object)]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: u32,
    /// Mean over entries, or rows for min-entropy.
    pub train_loss: f64,
    /// The same on the validation rows.
    pub validation_loss: f64,
    /// max |UᵀU − I|.
    pub orthogonality_error: f64,
    /// Seconds of the fit so far.
    pub seconds: f64,
}

impl From<core::EpochReport> for EpochReport {
    fn from(report: core::EpochReport) -> Self {
        Self {
            epoch: report.epoch as u32,
            train_loss: report.train_loss,
            validation_loss: report.validation_loss,
            orthogonality_error: report.orthogonality_error,
            seconds: report.seconds,
        }
    }
}

/// `prepare`, `step` until `done`, `finish`.
#[napi]
pub struct Fit {
    session: Arc<Mutex<FitSession>>,
    planned: usize,
}

#[napi]
impl Fit {
    /// Checks the request.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        train: &Vectors,
        validation: Option<&Vectors>,
        options: FitOptions,
    ) -> napi::Result<Self> {
        let options = options.convert(&env)?;
        let validation = validation.map(|vectors| vectors.inner.clone());
        let session =
            run_sync(&env, || FitSession::new(train.inner.clone(), validation, &options))?;
        let planned = session.planned_epochs();
        Ok(Self { session: Arc::new(Mutex::new(session)), planned })
    }

    /// The most epochs that will run.
    #[napi(getter)]
    pub fn planned_epochs(&self) -> f64 {
        self.planned as f64
    }

    /// Whether further steps would change nothing; false while one is running.
    #[napi(getter)]
    pub fn done(&self) -> bool {
        self.session.try_lock().is_ok_and(|session| session.done())
    }

    /// Centres, projects, scales.
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
            |_, reports| Ok(reports.into_iter().map(EpochReport::from).collect::<Vec<_>>()),
        )
    }

    /// Blocks.
    #[napi]
    pub fn step_sync(&self, env: Env, epochs: f64) -> napi::Result<Vec<EpochReport>> {
        let epochs = count(&env, "epochs", epochs)?;
        let reports =
            run_sync(&env, || locked(&self.session, |s| s.step(epochs, &Cancel::default())))?;
        Ok(reports.into_iter().map(EpochReport::from).collect())
    }

    /// The best model so far.
    #[napi]
    pub fn finish<'env>(&self, env: &'env Env, cancel: &CancelToken) -> napi::Result<Object<'env>> {
        let (session, cancel) = (self.session.clone(), cancel.inner.clone());
        let work = move || {
            cancel.check()?;
            locked(&session, |s| s.finish())
        };
        run_async(env, work, |_, model| Ok(Model::from(model)))
    }

    /// Blocks.
    #[napi]
    pub fn finish_sync(&self, env: Env) -> napi::Result<Model> {
        run_sync(&env, || locked(&self.session, |s| s.finish())).map(Model::from)
    }
}

fn locked<T>(session: &Mutex<FitSession>, work: impl FnOnce(&mut FitSession) -> T) -> T {
    work(&mut session.lock().unwrap_or_else(PoisonError::into_inner))
}
