//! The bottom of h2q: the loops that must be fast, and the errors that everything shares.
//!
//! It is a crate of its own because crates are what can be compiled differently: for WebAssembly this one is
//! compiled for speed and all others for size (the profile `wasm`). A generic function is compiled in the crate
//! that calls it, so what is entered from outside is concrete: [`real::Real`] has a method for each loop over both
//! floating-point types. Small accessors are `#[inline]`, since their callers' loops are elsewhere.

pub mod buffers;
pub mod column;
pub mod decompositions;
pub mod dot;
pub mod elements;
pub mod error;
#[cfg(any(target_family = "wasm", test))]
mod gemm;
pub mod hamming;
pub mod index;
pub mod json;
pub mod level;
pub mod linalg;
pub mod losses;
pub mod parallel;
pub mod products;
pub mod projection;
pub mod ranking;
pub mod real;
pub mod rotating;
pub mod signs;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
pub mod sizes;
#[cfg(any(target_family = "wasm", test))]
mod small_linalg;
pub mod sorting;
pub mod text;
