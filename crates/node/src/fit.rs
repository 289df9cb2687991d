//! A running fit.

use std::sync::{Arc, Mutex};

use h2q_core::fit::{
    self as core, Criterion, FitLabels, FitSession, Method, Objective, ProjectionSource, SolverName,
};
use h2q_core::parallel::Cancel;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::convert::{count, labels, optional_count};
use crate::model::Model;
use crate::tasks::{CancelToken, locked, run_async, run_sync};
use crate::vectors::Vectors;

/// Options; what is left out takes the core's default.
#[napi(object)]
pub struct FitOptions {
    /// Code length.
    pub bits: Option<f64>,
    /// `h2q`, `itq`, `random` or `identity`.
    pub method: Option<String>,
    /// `loss`, `neighbours` or `labels`, instead of a method.
    pub criterion: Option<String>,
    /// `bit-variance`, `l2`, `l1`, `min-entropy` or `neighbours`.
    pub loss: Option<String>,
    /// `pca` or `learned`.
    pub projection: Option<String>,
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
                self.criterion.as_deref().map(Criterion::parse).transpose()?,
                self.loss.as_deref().map(Objective::parse).transpose()?,
                self.solver.as_deref().map(SolverName::parse).transpose()?,
                self.projection.as_deref().map(ProjectionSource::parse).transpose()?,
            ))
        })?;
        Ok(core::FitOptions {
            bits: optional_count(env, "bits", self.bits)?,
            method: parsed.0,
            criterion: parsed.1,
            loss: parsed.2,
            solver: parsed.3,
            projection: parsed.4,
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

/// Whether vectors of so many dimensions can be fitted with these options.
#[napi]
pub fn check_fit(env: Env, dimensions: f64, options: FitOptions) -> napi::Result<()> {
    let dimensions = count(&env, "dimensions", dimensions)?;
    let options = options.convert(&env)?;
    run_sync(&env, || options.check(dimensions))
}

/// One epoch.
#[napi(object)]
pub struct EpochReport {
    /// Which method is being fitted.
    pub method: String,
    /// What it minimises.
    pub loss: String,
    /// Counted from 1, for each method anew.
    pub epoch: u32,
    /// Mean over entries, or rows for min-entropy.
    pub train_loss: f64,
    /// The same on the validation rows.
    pub validation_loss: f64,
    /// max |UᵀU − I|.
    pub orthogonality_error: f64,
    /// Seconds of the fit so far.
    pub seconds: f64,
    /// Operations of this method's matrix products so far; not for `sgd`.
    pub flops: Option<f64>,
}

impl From<core::EpochReport> for EpochReport {
    fn from(report: core::EpochReport) -> Self {
        Self {
            method: report.method.name().into(),
            loss: report.objective.name().into(),
            epoch: report.epoch as u32,
            train_loss: report.train_loss,
            validation_loss: report.validation_loss,
            orthogonality_error: report.orthogonality_error,
            seconds: report.seconds,
            flops: report.flops,
        }
    }
}

/// How one method did.
#[napi(object)]
pub struct Candidate {
    /// The method.
    pub method: String,
    /// What `h2q` minimised.
    pub loss: String,
    /// Of the held-out rows.
    pub validation_loss: f64,
    /// 10 nearest in the first 100.
    pub neighbour_recall: f64,
    /// Among the first 100; where labels were given.
    pub label_precision: Option<f64>,
    /// Of this method alone.
    pub seconds: f64,
}

impl From<&core::Candidate> for Candidate {
    fn from(candidate: &core::Candidate) -> Self {
        Self {
            method: candidate.method.name().into(),
            loss: candidate.objective.name().into(),
            validation_loss: candidate.validation_loss,
            neighbour_recall: candidate.neighbour_recall,
            label_precision: candidate.label_precision,
            seconds: candidate.seconds,
        }
    }
}

/// `prepare`, `step` until `done`, `finish`.
#[napi]
pub struct Fit {
    session: Arc<Mutex<FitSession>>,
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
        train_labels: Option<Object>,
        validation_labels: Option<Object>,
    ) -> napi::Result<Self> {
        let options = options.convert(&env)?;
        let train = train.share(&env)?;
        let validation = validation.map(|vectors| vectors.share(&env)).transpose()?;
        let convert = |object: Option<Object>, name| {
            object.map(|object| labels(&env, &object, name)).transpose()
        };
        let held_out = convert(validation_labels, "validation labels")?;
        let fit_labels = convert(train_labels, "labels")?
            .map(|vectors| FitLabels { vectors, validation: held_out });
        let session =
            run_sync(&env, || FitSession::labelled(train, validation, fit_labels, &options))?;
        Ok(Self { session: Arc::new(Mutex::new(session)) })
    }

    /// The most epochs that there will have been, of all methods; 0 while one is running.
    #[napi(getter)]
    pub fn planned_epochs(&self) -> f64 {
        self.session.try_lock().map_or(0.0, |session| session.planned_epochs() as f64)
    }

    /// Whether further steps would change nothing; false while one is running.
    #[napi(getter)]
    pub fn done(&self) -> bool {
        self.session.try_lock().is_ok_and(|session| session.done())
    }

    /// The methods judged so far; empty while one is running.
    #[napi(getter)]
    pub fn candidates(&self) -> Vec<Candidate> {
        let candidates =
            |session: &FitSession| session.candidates().iter().map(Candidate::from).collect();
        self.session.try_lock().map(|session| candidates(&session)).unwrap_or_default()
    }

    /// Ends the epochs of the method that is running; nothing while a step is.
    #[napi]
    pub fn end_method(&self) {
        if let Ok(mut session) = self.session.try_lock() {
            session.end_method();
        }
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
