//! The same kernel over a software twin of the intrinsics.

#![allow(clippy::duplicate_mod, reason = "once over the CPU, once over its twin")]

#[path = "twin_wasm_intrinsics.rs"]
mod intrinsics;

#[path = "simd128.rs"]
pub mod simd128;
