//! Vectors owned by the core.

use std::sync::Arc;

use h2q_core::vectors::{self as core, ElementType};
use napi::Env;
use napi::bindgen_prelude::{ObjectFinalize, Uint8Array};
use napi_derive::napi;

use crate::convert::{count, finished, tell_held, tell_released};
use crate::tasks::run_sync;

/// n x d finite float32 rows.
#[napi(custom_finalize)]
pub struct Vectors {
    pub(crate) inner: Arc<core::Vectors>,
}

impl Vectors {
    fn bytes(&self) -> usize {
        size_of_val(self.inner.as_slice())
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
        self.inner.rows() as f64
    }

    /// Values of a row.
    #[napi(getter)]
    pub fn columns(&self) -> f64 {
        self.inner.columns() as f64
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
        let vectors = Vectors { inner: Arc::new(inner) };
        tell_held(&env, vectors.bytes())?;
        Ok(vectors)
    }
}
