//! Ids owned by the core.

use std::sync::Arc;

use h2q_core::error::Error;
use napi::Env;
use napi::bindgen_prelude::{ObjectFinalize, Uint8Array};
use napi_derive::napi;

use crate::convert::{count, finished, tell_held, tell_released};
use crate::tasks::run_sync;

/// Any 64-bit numbers.
#[napi(custom_finalize)]
pub struct Ids {
    pub(crate) inner: Arc<Vec<i64>>,
}

impl ObjectFinalize for Ids {
    fn finalize(self, env: Env) -> napi::Result<()> {
        tell_released(&env, size_of_val(&self.inner[..]))
    }
}

/// Fills `Ids` in slices.
#[napi]
pub struct IdsBuilder {
    inner: Option<Vec<i64>>,
}

#[napi]
impl IdsBuilder {
    /// Reserves the memory for so many.
    #[napi(constructor)]
    pub fn new(env: Env, ids: f64) -> napi::Result<Self> {
        let ids = count(&env, "ids", ids)?;
        let inner = run_sync(&env, || {
            let mut inner = Vec::new();
            let too_large = |_| Error::out_of_memory("ids", ids.saturating_mul(size_of::<i64>()));
            inner.try_reserve_exact(ids).map_err(too_large)?;
            Ok(inner)
        })?;
        Ok(Self { inner: Some(inner) })
    }

    /// Appends the bytes of whole 64-bit numbers.
    #[napi]
    pub fn push(&mut self, env: Env, bytes: Uint8Array) -> napi::Result<()> {
        let ids = bytes.as_chunks::<8>().0.iter().map(|id| i64::from_le_bytes(*id));
        run_sync(&env, || self.inner.as_mut().ok_or_else(finished).map(|all| all.extend(ids)))
    }

    /// Appends the bytes of whole 32-bit numbers without a sign.
    #[napi]
    pub fn push_rows(&mut self, env: Env, bytes: Uint8Array) -> napi::Result<()> {
        let ids = bytes.as_chunks::<4>().0.iter().map(|row| i64::from(u32::from_le_bytes(*row)));
        run_sync(&env, || self.inner.as_mut().ok_or_else(finished).map(|all| all.extend(ids)))
    }

    /// The ids, once.
    #[napi]
    pub fn finish(&mut self, env: Env) -> napi::Result<Ids> {
        let inner = run_sync(&env, || self.inner.take().ok_or_else(finished))?;
        tell_held(&env, size_of_val(&inner[..]))?;
        Ok(Ids { inner: Arc::new(inner) })
    }
}
