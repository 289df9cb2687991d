//! Kernels over the intrinsics of WebAssembly.

use std::arch::wasm32 as intrinsics;

#[path = "simd128.rs"]
pub mod simd128;
