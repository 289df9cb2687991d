//! Ids owned by the core.

use std::sync::Arc;

use h2q_core::error::Error;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{Result, count, finished};

/// Any 64-bit numbers.
#[wasm_bindgen]
pub struct Ids {
    pub(crate) inner: Arc<Vec<i64>>,
}

#[wasm_bindgen]
impl Ids {
    /// The same ids under another handle.
    pub fn share(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

/// Fills `Ids` in slices.
#[wasm_bindgen]
pub struct IdsBuilder {
    inner: Option<Vec<i64>>,
}

#[wasm_bindgen]
impl IdsBuilder {
    /// Reserves the memory for so many.
    #[wasm_bindgen(constructor)]
    pub fn new(ids: f64) -> Result<IdsBuilder> {
        let ids = count(ids);
        let mut inner = Vec::new();
        let too_large = |_| Error::out_of_memory("ids", ids.saturating_mul(size_of::<i64>()));
        inner.try_reserve_exact(ids).map_err(too_large)?;
        Ok(Self { inner: Some(inner) })
    }

    /// Appends the bytes of whole 64-bit numbers.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let ids = bytes.as_chunks::<8>().0.iter().map(|id| i64::from_le_bytes(*id));
        self.inner.as_mut().ok_or_else(finished)?.extend(ids);
        Ok(())
    }

    /// Appends the bytes of whole 32-bit numbers without a sign.
    #[wasm_bindgen(js_name = pushRows)]
    pub fn push_rows(&mut self, bytes: &[u8]) -> Result<()> {
        let ids = bytes.as_chunks::<4>().0.iter().map(|row| i64::from(u32::from_le_bytes(*row)));
        self.inner.as_mut().ok_or_else(finished)?.extend(ids);
        Ok(())
    }

    /// The ids, once.
    pub fn finish(&mut self) -> Result<Ids> {
        Ok(Ids { inner: Arc::new(self.inner.take().ok_or_else(finished)?) })
    }
}
