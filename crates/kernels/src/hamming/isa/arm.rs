//! Kernels over the intrinsics of the CPU.

use std::arch::aarch64 as intrinsics;

#[path = "neon.rs"]
pub mod neon;
