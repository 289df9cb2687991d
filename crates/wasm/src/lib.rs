//! The WASM binding of `h2q-core`. Every function here converts, calls the core and converts back.

use wasm_bindgen::prelude::wasm_bindgen;

/// Version of the crate.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}
