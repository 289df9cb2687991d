//! Vectors owned by the core.

use std::sync::Arc;

use h2q_core::error::Error;
use h2q_core::sample;
use h2q_core::vectors::{self as core, ElementType};
use napi::Env;
use napi::bindgen_prelude::{Float64Array, ObjectFinalize, Uint8Array};
use napi_derive::napi;

use crate::convert::{count, finished, js_error, tell_held, tell_released};
use crate::tasks::run_sync;

/// n x d finite float32 rows.
#[napi(custom_finalize)]
pub struct Vectors {
    /// None after `release`.
    inner: Option<Arc<core::Vectors>>,
    rows: usize,
    columns: usize,
}

impl Vectors {
    fn held(env: &Env, inner: core::Vectors) -> napi::Result<Self> {
        let (rows, columns) = (inner.rows(), inner.columns());
        let vectors = Self { inner: Some(Arc::new(inner)), rows, columns };
        tell_held(env, vectors.bytes())?;
        Ok(vectors)
    }

    /// The vectors for some work.
    pub(crate) fn share(&self, env: &Env) -> napi::Result<Arc<core::Vectors>> {
        let released =
            || Error::Internal { reason: "vectors were used after their release".into() };
        self.inner.clone().ok_or_else(|| js_error(env, &released()))
    }

    /// Releases the vectors and hands them over, without a copy unless work shares them.
    pub(crate) fn take(&mut self, env: &Env) -> napi::Result<core::Vectors> {
        let (shared, bytes) = (self.share(env)?, self.bytes());
        self.inner = None;
        tell_released(env, bytes)?;
        Ok(Arc::unwrap_or_clone(shared))
    }

    fn bytes(&self) -> usize {
        self.inner.as_ref().map_or(0, |vectors| size_of_val(vectors.as_slice()))
    }
}

impl ObjectFinalize for Vectors {
    fn finalize(self, env: Env) -> napi::Result<()> {
        tell_released(&env, self.bytes())
    }
}

#[napi]
impl Vectors {
    /// Number of rows.
    #[napi(getter)]
    pub fn rows(&self) -> f64 {
        self.rows as f64
    }

    /// Values of a row.
    #[napi(getter)]
    pub fn columns(&self) -> f64 {
        self.columns as f64
    }

    /// Gives the memory back once no work shares it any more.
    #[napi]
    pub fn release(&mut self, env: Env) -> napi::Result<()> {
        let bytes = self.bytes();
        self.inner = None;
        tell_released(&env, bytes)
    }
}

/// Fills a `Vectors` in slices.
#[napi]
pub struct VectorsBuilder {
    inner: Option<core::VectorsBuilder>,
}

#[napi]
impl VectorsBuilder {
    /// Reserves the memory.
    #[napi(constructor)]
    pub fn new(env: Env, rows: f64, columns: f64, first_row: f64) -> napi::Result<Self> {
        let rows = count(&env, "rows", rows)?;
        let columns = count(&env, "columns", columns)?;
        let first_row = count(&env, "firstRow", first_row)?;
        let inner = run_sync(&env, || core::VectorsBuilder::new(rows, columns, first_row))?;
        Ok(Self { inner: Some(inner) })
    }

    /// Appends whole elements of type `f2`, `f4`, `f8`, `u1` or `i1`.
    #[napi]
    pub fn push(&mut self, env: Env, bytes: Uint8Array, element: String) -> napi::Result<()> {
        run_sync(&env, || {
            let element = ElementType::parse(&element)?;
            self.inner.as_mut().ok_or_else(finished)?.push(&bytes, element)
        })
    }

    /// The vectors, once.
    #[napi]
    pub fn finish(&mut self, env: Env) -> napi::Result<Vectors> {
        let inner = run_sync(&env, || self.inner.take().ok_or_else(finished)?.finish())?;
        Vectors::held(&env, inner)
    }
}

/// Keeps a uniform sample of the rows that are pushed.
#[napi]
pub struct VectorsSampler {
    inner: Option<sample::VectorsSampler>,
    chosen: Vec<f64>,
}

#[napi]
impl VectorsSampler {
    /// Draws `keep` of `rows` rows.
    #[napi(constructor)]
    pub fn new(env: Env, rows: f64, columns: f64, keep: f64, seed: f64) -> napi::Result<Self> {
        let rows = count(&env, "rows", rows)?;
        let columns = count(&env, "columns", columns)?;
        let keep = count(&env, "keep", keep)?;
        let seed = count(&env, "seed", seed)? as u64;
        let inner = run_sync(&env, || sample::VectorsSampler::new(rows, columns, keep, seed))?;
        let chosen = inner.chosen().iter().map(|&row| row as f64).collect();
        Ok(Self { inner: Some(inner), chosen })
    }

    /// The rows that are kept, in rising order.
    #[napi]
    pub fn chosen(&self) -> Float64Array {
        self.chosen.clone().into()
    }

    /// The next whole rows, of an element type as in `VectorsBuilder`.
    #[napi]
    pub fn push(&mut self, env: Env, bytes: Uint8Array, element: String) -> napi::Result<()> {
        run_sync(&env, || {
            let element = ElementType::parse(&element)?;
            self.inner.as_mut().ok_or_else(finished)?.push(&bytes, element)
        })
    }

    /// The rows kept, once.
    #[napi]
    pub fn finish(&mut self, env: Env) -> napi::Result<Vectors> {
        let inner = run_sync(&env, || self.inner.take().ok_or_else(finished)?.finish())?;
        Vectors::held(&env, inner)
    }
}
