//! A running fit.

use h2q_core::fit::{
    self as core, Criterion, FitLabels, FitSession, Method, Objective, ProjectionSource, SolverName,
};
use h2q_core::parallel::Cancel;
use js_sys::{Array, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count, object};
use crate::labels::Labels;
use crate::model::Model;
use crate::vectors::Vectors;

/// `CoreFitOptions` of `ts/backend.ts`, checked by the facade.
struct Options<'a>(&'a JsValue);

impl Options<'_> {
    fn get(&self, name: &str) -> JsValue {
        Reflect::get(self.0, &name.into()).unwrap_or_default()
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.get(name).as_f64().map(count)
    }

    fn choice<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> h2q_core::error::Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.get(name).as_string().map(|choice| parse(&choice)).transpose()?)
    }

    fn convert(&self) -> Result<core::FitOptions> {
        Ok(core::FitOptions {
            bits: self.count("bits"),
            method: self.choice("method", Method::parse)?,
            criterion: self.choice("criterion", Criterion::parse)?,
            loss: self.choice("loss", Objective::parse)?,
            projection: self.choice("projection", ProjectionSource::parse)?,
            solver: self.choice("solver", SolverName::parse)?,
            epochs: self.count("epochs"),
            learning_rate: self.get("learningRate").as_f64(),
            batch_size: self.count("batchSize"),
            reflections: self.count("reflections"),
            center: self.get("center").as_bool(),
            seed: self.get("seed").as_f64().map(|seed| seed as u64),
            threads: Some(1),
        })
    }
}

/// Whether vectors of so many dimensions can be fitted with these options.
#[wasm_bindgen(js_name = checkFit)]
pub fn check_fit(dimensions: f64, options: &JsValue) -> Result<()> {
    Ok(Options(options).convert()?.check(count(dimensions))?)
}

/// `preparePart` until it says so, `stepPart` until `done`, `finishPart` until there is a model.
#[wasm_bindgen]
pub struct Fit {
    session: FitSession,
}

#[wasm_bindgen]
impl Fit {
    /// Checks the request. The fit shares the vectors until they are prepared.
    #[wasm_bindgen(constructor)]
    pub fn new(
        train: &Vectors,
        validation: Option<Vectors>,
        options: &JsValue,
        labels: Option<Labels>,
        validation_labels: Option<Labels>,
    ) -> Result<Fit> {
        let options = Options(options).convert()?;
        let validation = validation.map(|vectors| vectors.inner);
        let held_out = validation_labels.map(|labels| labels.inner);
        let labels = labels.map(|labels| FitLabels { vectors: labels.inner, validation: held_out });
        let train = train.inner.clone();
        Ok(Self { session: FitSession::labelled(train, validation, labels, &options)? })
    }

    /// The most epochs that there will have been, of all methods.
    #[wasm_bindgen(getter, js_name = plannedEpochs)]
    pub fn planned_epochs(&self) -> f64 {
        self.session.planned_epochs() as f64
    }

    /// Whether further steps would change nothing.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.session.done()
    }

    /// The methods judged so far: `Candidate[]` of `ts/backend.ts`.
    #[wasm_bindgen(getter)]
    pub fn candidates(&self) -> JsValue {
        let candidates = self.session.candidates().iter().map(|candidate| {
            object([
                ("method", Some(candidate.method.name().into())),
                ("loss", Some(candidate.objective.name().into())),
                ("validationLoss", Some(candidate.validation_loss.into())),
                ("neighbourRecall", Some(candidate.neighbour_recall.into())),
                ("labelPrecision", candidate.label_precision.map(JsValue::from)),
                ("seconds", Some(candidate.seconds.into())),
            ])
        });
        candidates.collect::<Array>().into()
    }

    /// Ends the epochs of the method that is running.
    #[wasm_bindgen(js_name = endMethod)]
    pub fn end_method(&mut self) {
        self.session.end_method();
    }

    /// Centres, projects, scales: a part of that. True once there is none left.
    #[wasm_bindgen(js_name = preparePart)]
    pub fn prepare_part(&mut self) -> Result<bool> {
        Ok(self.session.prepare_part(&Cancel::default())?)
    }

    /// A part of an epoch: with its last the `EpochReport` of `ts/backend.ts`, else undefined.
    #[wasm_bindgen(js_name = stepPart)]
    pub fn step_part(&mut self) -> Result<JsValue> {
        Ok(self.session.step_part(&Cancel::default())?.as_ref().map(report_of).unwrap_or_default())
    }

    /// The best model so far, or a part of what it needs.
    #[wasm_bindgen(js_name = finishPart)]
    pub fn finish_part(&mut self) -> Result<Option<Model>> {
        Ok(self.session.finish_part()?.map(Model::from))
    }
}

fn report_of(report: &core::EpochReport) -> JsValue {
    object([
        ("method", Some(report.method.name().into())),
        ("loss", Some(report.objective.name().into())),
        ("epoch", Some(report.epoch.into())),
        ("trainLoss", Some(report.train_loss.into())),
        ("validationLoss", Some(report.validation_loss.into())),
        ("orthogonalityError", Some(report.orthogonality_error.into())),
        ("seconds", Some(report.seconds.into())),
        ("flops", report.flops.map(JsValue::from)),
    ])
}
