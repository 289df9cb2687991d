//! NEON: a line is four registers of two codes. Bytes are counted by `cnt`, byte counts add up over the
//! words of a code and are summed per code once.

use super::intrinsics::*;
use crate::hamming::lanes::Lanes;
use crate::hamming::{GROUP, Line};

/// Proof of neon.
#[derive(Clone, Copy)]
pub struct Neon(());

impl Neon {
    /// # Safety
    /// The CPU must have neon.
    pub unsafe fn new_unchecked() -> Self {
        Self(())
    }
}

// In each block below: SAFETY: the value proves the instructions; loads and stores go through
// references to 64 bytes.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
#[allow(unused_unsafe, reason = "the software twin needs none")]
impl Lanes for Neon {
    /// Counts of bytes.
    type Sums = [uint8x16_t; 4];
    type Distances = [uint32x4_t; 2];
    /// A byte counts up to 8 bits per word: 31 words reach 248.
    const WORDS: usize = 31;

    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        unsafe { [vdupq_n_u8(0); 4] }
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, query: u64, line: &Line) -> Self::Sums {
        unsafe {
            let query = vdupq_n_u64(query);
            std::array::from_fn(|i| {
                let codes = vld1q_u64(line.0[2 * i..2 * i + 2].as_ptr());
                let differing = vreinterpretq_u8_u64(veorq_u64(codes, query));
                vaddq_u8(sums[i], vcntq_u8(differing))
            })
        }
    }

    #[inline(always)]
    fn distances(self, sums: Self::Sums) -> Self::Distances {
        unsafe {
            let pair = |i: usize| vmovn_u64(vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(sums[i]))));
            [vcombine_u32(pair(0), pair(1)), vcombine_u32(pair(2), pair(3))]
        }
    }

    #[inline(always)]
    fn plus(self, a: Self::Distances, b: Self::Distances) -> Self::Distances {
        unsafe { [vaddq_u32(a[0], b[0]), vaddq_u32(a[1], b[1])] }
    }

    #[inline(always)]
    fn least(self, a: Self::Distances, b: Self::Distances) -> Self::Distances {
        unsafe { [vminq_u32(a[0], b[0]), vminq_u32(a[1], b[1])] }
    }

    #[inline(always)]
    fn any_below(self, distances: Self::Distances, limit: u32) -> bool {
        unsafe { vminvq_u32(vminq_u32(distances[0], distances[1])) < limit }
    }

    #[inline(always)]
    fn to_array(self, distances: Self::Distances) -> [u32; GROUP] {
        let mut lanes = [0; GROUP];
        unsafe {
            vst1q_u32(lanes[..4].as_mut_ptr(), distances[0]);
            vst1q_u32(lanes[4..].as_mut_ptr(), distances[1]);
        }
        lanes
    }
}
