//! Files of indexes, piece by piece.

use std::sync::{Arc, Mutex, PoisonError};

use h2q_core::index as core;
use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;

use crate::convert::{count, finished};
use crate::index::Index;
use crate::tasks::{run_async, run_sync};

/// The file of an index.
#[napi]
pub struct IndexWriter {
    inner: core::IndexWriter,
}

impl IndexWriter {
    pub(crate) fn new(inner: core::IndexWriter) -> Self {
        Self { inner }
    }
}

#[napi]
impl IndexWriter {
    /// The next bytes, at most `at_most`; none at the end.
    #[napi]
    pub fn next(&mut self, env: Env, at_most: f64) -> napi::Result<Uint8Array> {
        let at_most = count(&env, "bytes", at_most)?;
        run_sync(&env, || Ok(self.inner.next(at_most))).map(Into::into)
    }
}

/// Reads a file of an index.
#[napi]
pub struct IndexReader {
    inner: Arc<Mutex<Option<core::IndexReader>>>,
}

#[napi]
impl IndexReader {
    /// For a file of so many bytes.
    #[napi(constructor)]
    pub fn new(env: Env, bytes: f64) -> napi::Result<Self> {
        let reader = core::IndexReader::new(count(&env, "bytes", bytes)?);
        Ok(Self { inner: Arc::new(Mutex::new(Some(reader))) })
    }

    /// Takes the next bytes.
    #[napi]
    pub fn push<'env>(&self, env: &'env Env, bytes: Uint8Array) -> napi::Result<Object<'env>> {
        let (reader, bytes) = (self.inner.clone(), bytes.to_vec());
        let work = move || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            reader.as_mut().ok_or_else(finished)?.push(&bytes)
        };
        run_async(env, work, |_, ()| Ok(()))
    }

    /// How many more bytes of the file are of use, as far as that is known.
    #[napi]
    pub fn wanted(&self) -> f64 {
        let reader = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        reader.as_ref().map_or(0.0, |reader| reader.wanted() as f64)
    }

    /// The index, once.
    #[napi]
    pub fn finish(&self, env: Env) -> napi::Result<Index> {
        let reader = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        let index = run_sync(&env, || reader.ok_or_else(finished)?.finish())?;
        Index::new(&env, index)
    }
}
