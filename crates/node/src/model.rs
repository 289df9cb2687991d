//! A fitted model.

use std::sync::Arc;

use h2q_core::codes::{Layout, hex};
use h2q_core::head::Head;
use h2q_core::model as core;
use h2q_core::parallel::Cancel;
use h2q_core::rerank::Metric;
use napi::Env;
use napi::bindgen_prelude::{Float32Array, Object, Uint8Array};
use napi_derive::napi;

use crate::convert::count;
use crate::tasks::{CancelToken, run_async, run_sync};
use crate::vectors::Vectors;

/// How a model was fitted.
#[napi(object)]
pub struct FitSummary {
    /// Rows given to the fit.
    pub rows: f64,
    /// Dimensions of the input.
    pub dimensions: f64,
    /// Code length.
    pub bits: f64,
    /// Where the rotation comes from.
    pub method: String,
    /// The loss below.
    pub loss: String,
    /// How it was minimised.
    pub solver: String,
    /// Epochs run.
    pub epochs: f64,
    /// Time of the fit alone; absent in a model read from a file.
    pub seconds: Option<f64>,
    /// Of the rotation kept.
    pub train_loss: f64,
    /// Of the rotation kept.
    pub validation_loss: f64,
    /// max |UᵀU − I|.
    pub orthogonality_error: f64,
    /// Of a model with a head.
    pub head: Option<HeadSummary>,
}

/// How the head of a model was learnt.
#[napi(object)]
pub struct HeadSummary {
    /// Rows that it was learnt from.
    pub rows: f64,
    /// Dimensions of the embeddings.
    pub dimensions: f64,
    /// The similarity loss.
    pub loss: String,
    /// `none`, `l2` or `hswd`.
    pub penalty: String,
    /// Its factor.
    pub penalty_weight: f64,
    /// Of every random choice.
    pub seed: f64,
    /// Epochs run.
    pub epochs: f64,
    /// Of the float embeddings of the validation rows.
    pub mean_average_precision: f64,
}

/// Turns vectors into codes.
#[napi]
pub struct Model {
    pub(crate) inner: Arc<core::Model>,
}

impl From<core::Model> for Model {
    fn from(model: core::Model) -> Self {
        Self { inner: Arc::new(model) }
    }
}

#[napi]
impl Model {
    /// Reads a model file.
    #[napi(factory)]
    pub fn from_bytes(env: Env, bytes: Uint8Array) -> napi::Result<Self> {
        run_sync(&env, || core::Model::from_bytes(&bytes)).map(Self::from)
    }

    /// The model as a file.
    #[napi]
    pub fn to_bytes(&self) -> Uint8Array {
        self.inner.to_bytes().into()
    }

    /// Dimensions of the input.
    #[napi(getter)]
    pub fn dimensions(&self) -> f64 {
        self.inner.dimensions() as f64
    }

    /// Code length.
    #[napi(getter)]
    pub fn bits(&self) -> f64 {
        self.inner.bits() as f64
    }

    /// 32 hexadecimal digits.
    #[napi(getter)]
    pub fn fingerprint(&self) -> String {
        hex(self.inner.fingerprint())
    }

    /// How the model was fitted.
    #[napi(getter)]
    pub fn summary(&self) -> FitSummary {
        let summary = self.inner.summary();
        FitSummary {
            rows: summary.rows as f64,
            dimensions: summary.dimensions as f64,
            bits: summary.bits as f64,
            method: summary.method.name().into(),
            loss: summary.loss.name().into(),
            solver: summary.solver.name().into(),
            epochs: summary.epochs as f64,
            seconds: summary.seconds,
            train_loss: summary.train_loss,
            validation_loss: summary.validation_loss,
            orthogonality_error: summary.orthogonality_error,
            head: self.inner.head().map(|head| head_summary(head)),
        }
    }

    /// The model that applies the head of another first.
    #[napi]
    pub fn with_head_of(&self, env: Env, learnt: &Model) -> napi::Result<Self> {
        let model = run_sync(&env, || (*self.inner).clone().with_head_of(&learnt.inner))?;
        Ok(model.into())
    }

    /// n x bits rotated values.
    #[napi]
    pub fn transform<'env>(
        &self,
        env: &'env Env,
        vectors: &Vectors,
        threads: f64,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let threads = count(env, "threads", threads)?;
        let (model, vectors) = (self.inner.clone(), vectors.share(env)?);
        let cancel = cancel.inner.clone();
        run_async(
            env,
            move || model.transform(&vectors, threads, &cancel),
            |_, z| Ok(Float32Array::new(z)),
        )
    }

    /// Blocks.
    #[napi]
    pub fn transform_sync(
        &self,
        env: Env,
        vectors: &Vectors,
        threads: f64,
    ) -> napi::Result<Float32Array> {
        let threads = count(&env, "threads", threads)?;
        let vectors = vectors.share(&env)?;
        run_sync(&env, || self.inner.transform(&vectors, threads, &Cancel::default()))
            .map(Float32Array::new)
    }

    /// A factor per row for re-ranking by codes; the metric is `inner-product`, `cosine` or `euclidean`.
    #[napi]
    pub fn factors<'env>(
        &self,
        env: &'env Env,
        vectors: &Vectors,
        metric: String,
        threads: f64,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let threads = count(env, "threads", threads)?;
        let metric = run_sync(env, || Metric::parse(&metric))?;
        let (model, vectors) = (self.inner.clone(), vectors.share(env)?);
        let cancel = cancel.inner.clone();
        run_async(
            env,
            move || model.factors(&vectors, metric, threads, &cancel),
            |_, factors| Ok(Float32Array::new(factors)),
        )
    }

    /// Blocks.
    #[napi]
    pub fn factors_sync(
        &self,
        env: Env,
        vectors: &Vectors,
        metric: String,
        threads: f64,
    ) -> napi::Result<Float32Array> {
        let threads = count(&env, "threads", threads)?;
        let vectors = vectors.share(&env)?;
        run_sync(&env, || {
            let metric = Metric::parse(&metric)?;
            self.inner.factors(&vectors, metric, threads, &Cancel::default())
        })
        .map(Float32Array::new)
    }

    /// n x bits / 8 bytes.
    #[napi]
    pub fn encode<'env>(
        &self,
        env: &'env Env,
        vectors: &Vectors,
        layout: String,
        threads: f64,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let threads = count(env, "threads", threads)?;
        let layout = run_sync(env, || Layout::parse(&layout))?;
        let (model, vectors) = (self.inner.clone(), vectors.share(env)?);
        let cancel = cancel.inner.clone();
        run_async(
            env,
            move || model.encode(&vectors, layout, threads, &cancel),
            |_, codes| Ok(Uint8Array::new(codes.into_bytes())),
        )
    }

    /// Blocks.
    #[napi]
    pub fn encode_sync(
        &self,
        env: Env,
        vectors: &Vectors,
        layout: String,
        threads: f64,
    ) -> napi::Result<Uint8Array> {
        let threads = count(&env, "threads", threads)?;
        let vectors = vectors.share(&env)?;
        run_sync(&env, || {
            let layout = Layout::parse(&layout)?;
            self.inner.encode(&vectors, layout, threads, &Cancel::default())
        })
        .map(|codes| Uint8Array::new(codes.into_bytes()))
    }
}

fn head_summary(head: &Head) -> HeadSummary {
    let summary = head.summary();
    HeadSummary {
        rows: summary.rows as f64,
        dimensions: head.outputs() as f64,
        loss: summary.loss.clone(),
        penalty: summary.penalty.clone(),
        penalty_weight: summary.penalty_weight,
        seed: summary.seed as f64,
        epochs: summary.epochs as f64,
        mean_average_precision: summary.mean_average_precision,
    }
}
