//! The Node binding of `h2q-core`. Every function here converts, calls the core and converts back; the
//! surface is the interface `Backend` of `ts/backend.ts`.

mod codes;
mod convert;
mod evaluate;
mod fit;
mod hits;
mod ids;
mod index;
mod index_disk;
mod index_file;
mod learn;
mod measure;
mod model;
mod primitives;
mod rerank;
mod tasks;
mod vectors;

use napi::Env;
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
    /// The kernel of the Hamming scan.
    pub kernel: String,
}

/// Describes this build on this machine.
#[napi]
pub fn info(env: Env) -> napi::Result<BackendInfo> {
    let kernel = tasks::run_sync(&env, h2q_core::hamming::Kernel::chosen)?;
    Ok(BackendInfo {
        backend: "native".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        threads: h2q_core::parallel::resolve_threads(0) as u32,
        simd: h2q_core::projection::simd_level().into(),
        kernel: kernel.name().into(),
    })
}
