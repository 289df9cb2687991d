//! The same kernel over a software twin of the intrinsics.

#![allow(clippy::duplicate_mod, reason = "once over the CPU, once over its twin")]

#[path = "twin_arm_intrinsics.rs"]
mod intrinsics;

#[path = "neon.rs"]
pub mod neon;
