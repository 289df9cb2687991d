//! The instruction sets. Each kernel file is compiled twice: over the CPU's own intrinsics, and in tests and for the fuzzer
//! over a software twin of them, so that every kernel is checked on every CPU.

#[cfg(target_arch = "aarch64")]
pub(super) mod arm;
#[cfg(any(test, fuzzing))]
pub(super) mod twin_arm;
#[cfg(any(test, fuzzing))]
pub(super) mod twin_wasm;
#[cfg(any(test, fuzzing))]
pub(super) mod twin_x86;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod wasm;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;
