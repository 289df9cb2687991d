//! Codes owned by the core.

use std::sync::Arc;

use h2q_core::codes as core;
use napi::Env;
use napi::bindgen_prelude::{ObjectFinalize, Uint8Array};
use napi_derive::napi;

use crate::convert::{count, finished, tell_held, tell_released};
use crate::tasks::run_sync;

/// n codes in `lsb` layout.
#[napi(custom_finalize)]
pub struct Codes {
    pub(crate) inner: Arc<core::Codes>,
}

impl ObjectFinalize for Codes {
    fn finalize(self, env: Env) -> napi::Result<()> {
        tell_released(&env, self.inner.as_bytes().len())
    }
}

#[napi]
impl Codes {
    /// Number of codes.
    #[napi(getter)]
    pub fn rows(&self) -> f64 {
        self.inner.rows() as f64
    }

    /// Bits of each.
    #[napi(getter)]
    pub fn bits(&self) -> f64 {
        self.inner.bits() as f64
    }
}

/// Fills a `Codes` in slices.
#[napi]
pub struct CodesBuilder {
    inner: Option<core::CodesBuilder>,
}

#[napi]
impl CodesBuilder {
    /// Reserves the memory.
    #[napi(constructor)]
    pub fn new(env: Env, rows: f64, bits: f64) -> napi::Result<Self> {
        let (rows, bits) = (count(&env, "rows", rows)?, count(&env, "bits", bits)?);
        let inner = run_sync(&env, || core::CodesBuilder::new(rows, bits))?;
        Ok(Self { inner: Some(inner) })
    }

    /// Appends bytes.
    #[napi]
    pub fn push(&mut self, env: Env, bytes: Uint8Array) -> napi::Result<()> {
        run_sync(&env, || self.inner.as_mut().ok_or_else(finished)?.push(&bytes))
    }

    /// The codes, once; `model` is the fingerprint of where they come from, 16 bytes.
    #[napi]
    pub fn finish(&mut self, env: Env, model: Option<Uint8Array>) -> napi::Result<Codes> {
        let model = model.and_then(|model| <[u8; 16]>::try_from(&model[..]).ok());
        let inner = run_sync(&env, || self.inner.take().ok_or_else(finished)?.finish())?;
        let inner = model.into_iter().fold(inner, core::Codes::of_model);
        tell_held(&env, inner.as_bytes().len())?;
        Ok(Codes { inner: Arc::new(inner) })
    }
}
