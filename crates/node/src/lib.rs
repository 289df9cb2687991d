//! The Node binding of `h2q-core`. Every function here converts, calls the core and converts back; the
//! surface is the interface `Backend` of `ts/backend.ts`.

mod codes;
mod convert;
mod evaluate;
mod fit;
mod index;
mod measure;
mod model;
mod primitives;
mod rerank;
mod tasks;
mod vectors;

use napi_derive::napi;

/// What runs here.
#[napi(object)]
pub struct BackendInfo {
    /// Always `native`.
    pub backend: String,
    /// Version of the crate.
    pub version: String,
    /// Threads that 0 stands for.
    pub threads: u32,
    /// SIMD level of the float kernels.
    pub simd: String,
}

/// Describes this build on this machine.
#[napi]
pub fn info() -> BackendInfo {
    BackendInfo {
        backend: "native".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        threads: h2q_core::parallel::resolve_threads(0) as u32,
        simd: h2q_core::projection::simd_level().into(),
    }
}
