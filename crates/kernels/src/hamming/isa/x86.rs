//! Kernels over the intrinsics of the CPU.

use std::arch::x86_64 as intrinsics;

#[path = "avx2.rs"]
pub mod avx2;
#[path = "avx512.rs"]
pub mod avx512;
