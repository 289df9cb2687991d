//! Popcount and Hamming distance: single codes here, many codes by [`Kernel`] over [`Blocks`].
//!
//! A kernel is written once, in [`scan`], over the few operations of [`Lanes`] on eight codes at a time;
//! each instruction set implements these. `docs/kernels.md` counts cycles.

pub mod blocks;
mod isa;
pub mod kernel;
mod lanes;
mod scan;
#[cfg(any(test, fuzzing))]
pub mod twins;

pub use blocks::{Blocks, GROUP, Line};
pub use kernel::Kernel;
use lanes::Lanes;
pub use scan::Scan;

use crate::error::{Error, Result};

/// Number of set bits.
pub fn popcount(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let words: u64 = words.iter().map(|w| u64::from(u64::from_ne_bytes(*w).count_ones())).sum();
    words + tail.iter().map(|b| u64::from(b.count_ones())).sum::<u64>()
}

/// Number of bits in which two codes of the same length differ.
///
/// # Errors
/// `Mismatch` for different lengths.
pub fn distance(a: &[u8], b: &[u8]) -> Result<u64> {
    if a.len() != b.len() {
        return Err(Error::mismatch("bytes of the second code", a.len(), b.len()));
    }
    Ok(a.iter().zip(b).map(|(a, b)| u64::from((a ^ b).count_ones())).sum())
}

/// A found code: its distance above its position, so that the order of keys is that of hits.
#[inline]
pub fn key(distance: u32, position: u32) -> u64 {
    u64::from(distance) << 32 | u64::from(position)
}

/// Distance and position of a [`key`].
#[inline]
pub fn unkey(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}
