//! The same kernel over a software twin of the intrinsics.

#[path = "twin_arm_intrinsics.rs"]
mod intrinsics;

#[path = "neon.rs"]
pub mod neon;
