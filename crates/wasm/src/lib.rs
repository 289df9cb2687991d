//! The WASM binding of `h2q-core`. Every function here converts, calls the core and converts back, and
//! blocks until it is done; `ts/wasm/backend.ts` makes the interface `Backend` of it. A panic is a trap:
//! `ts/wasm/instance.ts` turns that into an error and lets nobody use the memory again.
//!
//! Compiled twice, by features: as the whole module (`whole`), and as one that fits alone and knows the loss
//! `neighbours` as well, which `ts/wasm/neighbours-module.ts` loads when it is asked for.
//!
//! Work never sees an object change: it holds its own share of what it was given ([`vectors::Vectors::share`]).

#[cfg(feature = "whole")]
mod changes;
#[cfg(feature = "whole")]
mod codes;
mod convert;
#[cfg(feature = "whole")]
mod evaluate;
mod fit;
#[cfg(feature = "whole")]
mod hits;
#[cfg(feature = "whole")]
mod ids;
#[cfg(feature = "whole")]
mod index;
#[cfg(feature = "whole")]
mod index_file;
mod json;
mod labels;
#[cfg(feature = "whole")]
mod measure;
mod model;
#[cfg(feature = "whole")]
mod model_use;
#[cfg(feature = "whole")]
mod primitives;
#[cfg(feature = "whole")]
mod rerank;
#[cfg(feature = "whole")]
mod stored;
mod vectors;

#[cfg(feature = "whole")]
use convert::Result;
use wasm_bindgen::prelude::wasm_bindgen;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// Lends the core a clock, for the seconds that fits and measurements report.
#[cfg(target_family = "wasm")]
#[wasm_bindgen(start)]
pub fn start() {
    h2q_core::clock::set_source(now);
}

/// Version of the crate.
#[cfg(feature = "whole")]
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

/// SIMD level of the float kernels.
#[cfg(feature = "whole")]
#[wasm_bindgen]
pub fn simd() -> String {
    h2q_core::projection::simd_level().into()
}

/// The kernel of the Hamming scan.
#[cfg(feature = "whole")]
#[wasm_bindgen]
pub fn kernel() -> Result<String> {
    Ok(h2q_core::hamming::Kernel::chosen()?.name().into())
}
