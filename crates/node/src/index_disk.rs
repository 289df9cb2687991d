//! Index files that are searched and changed where they are.

use std::path::Path;
use std::sync::Arc;

use h2q_core::error::Error;
use h2q_core::index as core;
use napi::Env;
use napi::bindgen_prelude::{ClassInstance, Object, Uint32Array};
use napi_derive::napi;

use crate::codes::Codes;
use crate::convert::js_error;
use crate::ids::Ids;
use crate::index::{Index, Shared};
use crate::tasks::{CancelToken, run_async};
use crate::vectors::Vectors;

/// Maps a file to search in it; resolves to an `Index`.
#[napi]
pub fn map_index<'env>(env: &'env Env, path: String) -> napi::Result<Object<'env>> {
    let map = move || core::Index::map(Path::new(&path));
    run_async(env, map, |env, index| Index::new(&env, index))
}

/// An index file that is open for changes.
#[napi]
pub struct IndexFile {
    /// None after `close`.
    inner: Option<Arc<core::IndexFile>>,
}

/// Opens a file for changes, by nobody else.
#[napi]
pub fn open_index_file<'env>(env: &'env Env, path: String) -> napi::Result<Object<'env>> {
    let open = move || core::IndexFile::open(Path::new(&path)).map(Arc::new);
    run_async(env, open, |_, file| Ok(IndexFile { inner: Some(file) }))
}

#[napi]
impl IndexFile {
    fn file(&self, env: &Env) -> napi::Result<Arc<core::IndexFile>> {
        let closed = || js_error(env, &Error::Unwritable { reason: "it was closed".into() });
        self.inner.clone().ok_or_else(closed)
    }

    /// The index, which follows the changes of the file.
    #[napi]
    pub fn index(&self, env: Env) -> napi::Result<Index> {
        Index::of(&env, self.file(&env)?.index().clone())
    }

    /// Appends codes; resolves to the row of the first when they are on the disk.
    #[napi]
    pub fn append<'env>(
        &self,
        env: &'env Env,
        codes: &Codes,
        ids: Option<ClassInstance<Ids>>,
        factors: Option<ClassInstance<Vectors>>,
    ) -> napi::Result<Object<'env>> {
        let (file, codes) = (self.file(env)?, codes.inner.clone());
        let beside = Shared::new(env, ids, factors)?;
        let append = move || file.append(&codes, beside.copy(), &Default::default());
        run_async(env, append, |_, row| Ok(row as f64))
    }

    /// Removes by id; resolves to how many there were when that is on the disk.
    #[napi]
    pub fn remove<'env>(&self, env: &'env Env, ids: &Ids) -> napi::Result<Object<'env>> {
        let (file, ids) = (self.file(env)?, ids.inner.clone());
        run_async(env, move || file.remove(&ids), |_, removed| Ok(removed as f64))
    }

    /// Writes the file anew without what was removed; resolves to the row that each row had.
    #[napi]
    pub fn compact<'env>(
        &self,
        env: &'env Env,
        cancel: &CancelToken,
    ) -> napi::Result<Object<'env>> {
        let (file, cancel) = (self.file(env)?, cancel.inner.clone());
        run_async(env, move || file.compact(&cancel), |_, rows| Ok(Uint32Array::from(rows)))
    }

    /// Lets others change the file, once what was begun has ended.
    #[napi]
    pub fn close(&mut self) {
        self.inner = None;
    }
}

/// `VerifiedIndex` of `ts/index-disk.ts`.
#[napi(object)]
pub struct VerifiedIndex {
    /// Rows ever added.
    pub rows: f64,
    /// Codes that can be found.
    pub size: f64,
    /// Records of codes.
    pub segments: f64,
    /// Records of removals.
    pub removals: f64,
    /// Bytes that count.
    pub committed_bytes: f64,
    /// Bytes behind them.
    pub uncommitted_bytes: f64,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// Reads and checks all of a file.
#[napi]
pub fn verify_index<'env>(
    env: &'env Env,
    path: String,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let cancel = cancel.inner.clone();
    run_async(
        env,
        move || core::verify(Path::new(&path), &cancel),
        |_, found| {
            Ok(VerifiedIndex {
                rows: found.rows as f64,
                size: found.alive as f64,
                segments: found.segments as f64,
                removals: found.removals as f64,
                committed_bytes: found.committed_bytes as f64,
                uncommitted_bytes: found.uncommitted_bytes as f64,
                problems: found.problems,
            })
        },
    )
}

/// `RepairedIndex` of `ts/index-disk.ts`.
#[napi(object, object_from_js = false)]
pub struct RepairedIndex {
    /// What had been wrong.
    pub problems: Vec<String>,
    /// Codes that are lost, where that is known.
    pub lost: Option<f64>,
    /// Where the damaged file is.
    pub damaged: Option<String>,
    /// The row that each row had.
    pub rows: Option<Uint32Array>,
}

/// Makes a file whole again.
#[napi]
pub fn repair_index<'env>(
    env: &'env Env,
    path: String,
    cancel: &CancelToken,
) -> napi::Result<Object<'env>> {
    let cancel = cancel.inner.clone();
    run_async(
        env,
        move || core::repair(Path::new(&path), &cancel),
        |_, repaired| {
            Ok(RepairedIndex {
                problems: repaired.problems,
                lost: repaired.lost.map(|lost| lost as f64),
                damaged: repaired.damaged.map(|path| path.to_string_lossy().into_owned()),
                rows: repaired.rows.map(Uint32Array::from),
            })
        },
    )
}
