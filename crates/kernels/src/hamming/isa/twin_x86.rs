//! The same kernels over a software twin of the intrinsics.

#![allow(clippy::duplicate_mod, reason = "once over the CPU, once over its twin")]

#[path = "twin_x86_intrinsics.rs"]
mod intrinsics;

#[path = "avx2.rs"]
pub mod avx2;
#[path = "avx512.rs"]
pub mod avx512;
