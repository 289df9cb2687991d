//! WebAssembly's simd128: a line is four registers of two codes. Bytes are counted by `i8x16.popcnt`, byte
//! counts add up over the words of a code and are summed per code once.
//!
//! Arrays are spelt out: compiled for size, nothing of the standard library that makes arrays is inlined.

use super::intrinsics::*;
use crate::hamming::lanes::Lanes;
use crate::hamming::{GROUP, Line};

/// Needs no proof: a module with instructions that the engine lacks is not compiled at all.
#[derive(Clone, Copy)]
pub struct Simd128;

impl Lanes for Simd128 {
    /// Counts of bytes.
    type Sums = [v128; 4];
    /// Eight lanes of 32 bits.
    type Distances = [v128; 2];
    /// A byte counts up to 8 bits per word: 31 words reach 248.
    const WORDS: usize = 31;

    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        [u8x16_splat(0); 4]
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, query: u64, line: &Line) -> Self::Sums {
        let query = u64x2_splat(query);
        let (pairs, _) = line.0.as_chunks::<2>();
        let add = |i: usize| {
            // SAFETY: sixteen bytes behind a reference.
            #[allow(unused_unsafe, reason = "the software twin needs none")]
            let codes = unsafe { v128_load(pairs[i].as_ptr().cast()) };
            u8x16_add(sums[i], u8x16_popcnt(v128_xor(codes, query)))
        };
        [add(0), add(1), add(2), add(3)]
    }

    #[inline(always)]
    fn distances(self, sums: Self::Sums) -> Self::Distances {
        // Sums stay below 2^15, so signed operations do, which engines lower to one instruction each on
        // x86-64. A code has eight byte counts, then two sums of four, side by side.
        let fours = |i: usize| i32x4_extadd_pairwise_i16x8(u16x8_extadd_pairwise_u8x16(sums[i]));
        let codes =
            |a: usize| i32x4_extadd_pairwise_i16x8(i16x8_narrow_i32x4(fours(a), fours(a + 1)));
        [codes(0), codes(2)]
    }

    #[inline(always)]
    fn plus(self, a: Self::Distances, b: Self::Distances) -> Self::Distances {
        [u32x4_add(a[0], b[0]), u32x4_add(a[1], b[1])]
    }

    #[inline(always)]
    fn least(self, a: Self::Distances, b: Self::Distances) -> Self::Distances {
        [u32x4_min(a[0], b[0]), u32x4_min(a[1], b[1])]
    }

    #[inline(always)]
    fn any_below(self, distances: Self::Distances, limit: u32) -> bool {
        let least = u32x4_min(distances[0], distances[1]);
        v128_any_true(u32x4_lt(least, u32x4_splat(limit)))
    }

    #[inline(always)]
    fn to_array(self, distances: Self::Distances) -> [u32; GROUP] {
        let lanes = |v: v128| {
            [
                u32x4_extract_lane::<0>(v),
                u32x4_extract_lane::<1>(v),
                u32x4_extract_lane::<2>(v),
                u32x4_extract_lane::<3>(v),
            ]
        };
        let ([a, b, c, d], [e, f, g, h]) = (lanes(distances[0]), lanes(distances[1]));
        [a, b, c, d, e, f, g, h]
    }
}
