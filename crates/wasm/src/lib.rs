//! The WASM binding of `h2q-core`. Every function here converts, calls the core and converts back, and
//! blocks until it is done; `ts/wasm/backend.ts` makes the interface `Backend` of it. A panic is a trap:
//! `ts/wasm/instance.ts` turns that into an error and lets nobody use the memory again.
//!
//! Work never sees an object change: it holds its own share of what it was given ([`vectors::Vectors::share`]).

mod codes;
mod convert;
mod hits;
mod ids;
mod index;
mod index_file;
mod json;
mod model;
mod primitives;
mod vectors;

#[cfg(feature = "whole")]
mod changes;
#[cfg(feature = "whole")]
mod evaluate;
#[cfg(feature = "whole")]
mod fit;
#[cfg(feature = "whole")]
mod labels;
#[cfg(feature = "whole")]
mod measure;
#[cfg(feature = "whole")]
mod rerank;
#[cfg(feature = "whole")]
mod stored;

#[cfg(feature = "whole")]
use wasm_bindgen::prelude::wasm_bindgen;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(feature = "whole")]
use convert::Result;

#[cfg(feature = "whole")]
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// Lends the core a clock, for the seconds that fits and measurements report.
#[cfg(all(feature = "whole", target_family = "wasm"))]
#[wasm_bindgen(start)]
pub fn start() {
    h2q_core::clock::set_source(now);
}

#[cfg(feature = "whole")]
/// Version of the crate.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

#[cfg(feature = "whole")]
/// SIMD level of the float kernels.
#[wasm_bindgen]
pub fn simd() -> String {
    h2q_core::projection::simd_level().into()
}

#[cfg(feature = "whole")]
/// The kernel of the Hamming scan.
#[wasm_bindgen]
pub fn kernel() -> Result<String> {
    Ok(h2q_core::hamming::Kernel::chosen()?.name().into())
}
