//! What a model is used for, once it is there.

use h2q_core::codes::Layout;
use h2q_core::error::{self, Error};
use h2q_core::head::Head;
use h2q_core::model as core;
use h2q_core::parallel::Cancel;
use h2q_core::vectors;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count, object};
use crate::json;
use crate::model::Model;
use crate::vectors::Vectors;

#[wasm_bindgen]
impl Model {
    /// Reads a model file.
    #[wasm_bindgen(js_name = fromBytes)]
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        Ok(core::Model::read(bytes, &json::read)?.into())
    }

    /// The same model under another handle.
    pub fn share(&self) -> Self {
        Self { inner: self.inner.clone() }
    }

    /// Dimensions of the input.
    #[wasm_bindgen(getter)]
    pub fn dimensions(&self) -> f64 {
        self.inner.dimensions() as f64
    }

    /// Code length.
    #[wasm_bindgen(getter)]
    pub fn bits(&self) -> f64 {
        self.inner.bits() as f64
    }

    /// 16 bytes.
    #[wasm_bindgen(getter)]
    pub fn fingerprint(&self) -> Vec<u8> {
        self.inner.fingerprint().to_vec()
    }

    /// Multiplications that a row takes.
    #[wasm_bindgen(getter, js_name = productsPerRow)]
    pub fn products_per_row(&self) -> f64 {
        self.inner.products_per_row() as f64
    }

    /// How the model was fitted: `ModelSummary` of `ts/backend.ts`.
    #[wasm_bindgen(getter)]
    pub fn summary(&self) -> JsValue {
        let summary = self.inner.summary();
        object([
            ("rows", Some(summary.rows.into())),
            ("dimensions", Some(summary.dimensions.into())),
            ("bits", Some(summary.bits.into())),
            ("method", Some(summary.method.name().into())),
            ("loss", Some(summary.loss.name().into())),
            ("solver", Some(summary.solver.name().into())),
            ("epochs", Some(summary.epochs.into())),
            ("seconds", summary.seconds.map(JsValue::from)),
            ("trainLoss", Some(summary.train_loss.into())),
            ("validationLoss", Some(summary.validation_loss.into())),
            ("orthogonalityError", Some(summary.orthogonality_error.into())),
            ("head", self.inner.head().map(|head| head_summary(head))),
        ])
    }

    /// rows x bits rotated values.
    #[wasm_bindgen(js_name = transformSync)]
    pub fn transform(&self, vectors: &Vectors, first: f64, rows: f64) -> Result<Vec<f32>> {
        let never = Cancel::default();
        on_rows(vectors, first, rows, |vectors| self.inner.transform(vectors, 1, &never))
    }

    /// rows x bits / 8 bytes.
    #[wasm_bindgen(js_name = encodeSync)]
    pub fn encode(
        &self,
        vectors: &Vectors,
        first: f64,
        rows: f64,
        layout: &str,
    ) -> Result<Vec<u8>> {
        let (layout, never) = (Layout::parse(layout)?, Cancel::default());
        let encode = |vectors: &_| self.inner.encode(vectors, layout, 1, &never);
        Ok(on_rows(vectors, first, rows, encode)?.into_bytes())
    }

    /// The model that applies the head of another first.
    #[wasm_bindgen(js_name = withHeadOf)]
    pub fn with_head_of(&self, learnt: &Model) -> Result<Model> {
        Ok((*self.inner).clone().with_head_of(&learnt.inner)?.into())
    }
}

/// `HeadSummary` of `ts/backend.ts`.
fn head_summary(head: &Head) -> JsValue {
    let summary = head.summary();
    object([
        ("rows", Some(summary.rows.into())),
        ("dimensions", Some(head.outputs().into())),
        ("loss", Some(summary.loss.as_str().into())),
        ("penalty", Some(summary.penalty.as_str().into())),
        ("penaltyWeight", Some(summary.penalty_weight.into())),
        ("seed", Some((summary.seed as f64).into())),
        ("epochs", Some(summary.epochs.into())),
        ("meanAveragePrecision", Some(summary.mean_average_precision.into())),
    ])
}

/// Runs `work` on a copy of some rows; rows in errors are counted over all of them.
pub(crate) fn on_rows<T>(
    vectors: &Vectors,
    first: f64,
    rows: f64,
    work: impl FnOnce(&vectors::Vectors) -> error::Result<T>,
) -> Result<T> {
    let first = count(first);
    let slice = vectors.copy(first, count(rows))?;
    Ok(work(&slice).map_err(|mut error| {
        if let Error::OutOfRange { row } = &mut *error {
            *row += first;
        }
        error
    })?)
}
