//! AVX2: a line is two registers. Bits are counted per byte by looking up nibbles (Muła, Kurz, Lemire,
//! *Faster population counts using AVX2 instructions*, 2018); byte counts add up over the words of a code
//! and are summed per code once.

use super::intrinsics::*;
use crate::hamming::lanes::Lanes;
use crate::hamming::{GROUP, Line};

/// Proof of avx2.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU must have avx2.
    pub unsafe fn new_unchecked() -> Self {
        Self(())
    }
}

/// Bits of each nibble.
const NIBBLES: [i64; 2] = [0x0302_0201_0201_0100, 0x0403_0302_0302_0201];

// In each block below: SAFETY: the value proves the instructions; loads and stores go through
// references to 64 bytes.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
#[allow(unused_unsafe, reason = "the software twin needs none")]
impl Avx2 {
    #[inline(always)]
    fn count(self, x: __m256i) -> __m256i {
        unsafe {
            let table = _mm256_set_epi64x(NIBBLES[1], NIBBLES[0], NIBBLES[1], NIBBLES[0]);
            let mask = _mm256_set1_epi8(0x0f);
            let low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, mask));
            let high =
                _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16::<4>(x), mask));
            _mm256_add_epi8(low, high)
        }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
#[allow(unused_unsafe, reason = "the software twin needs none")]
impl Lanes for Avx2 {
    /// Counts of bytes.
    type Sums = [__m256i; 2];
    /// Eight lanes of 64 bits.
    type Distances = [__m256i; 2];
    /// A byte counts up to 8 bits per word: 31 words reach 248.
    const WORDS: usize = 31;

    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, query: u64, line: &Line) -> Self::Sums {
        unsafe {
            let query = _mm256_set1_epi64x(query.cast_signed());
            let low = _mm256_load_si256(line.0[..4].as_ptr().cast());
            let high = _mm256_load_si256(line.0[4..].as_ptr().cast());
            [
                _mm256_add_epi8(sums[0], self.count(_mm256_xor_si256(low, query))),
                _mm256_add_epi8(sums[1], self.count(_mm256_xor_si256(high, query))),
            ]
        }
    }

    #[inline(always)]
    fn distances(self, sums: Self::Sums) -> Self::Distances {
        unsafe { sums.map(|bytes| _mm256_sad_epu8(bytes, _mm256_setzero_si256())) }
    }

    #[inline(always)]
    fn plus(self, a: Self::Distances, b: Self::Distances) -> Self::Distances {
        unsafe { [_mm256_add_epi64(a[0], b[0]), _mm256_add_epi64(a[1], b[1])] }
    }

    #[inline(always)]
    fn least(self, a: Self::Distances, b: Self::Distances) -> Self::Distances {
        // The upper half of every lane is zero.
        unsafe { [_mm256_min_epu32(a[0], b[0]), _mm256_min_epu32(a[1], b[1])] }
    }

    #[inline(always)]
    fn any_below(self, distances: Self::Distances, limit: u32) -> bool {
        unsafe {
            // The upper half of a lane compares 0 > 0.
            let limit = _mm256_set1_epi64x(i64::from(limit));
            let least = _mm256_min_epu32(distances[0], distances[1]);
            _mm256_movemask_epi8(_mm256_cmpgt_epi32(limit, least)) != 0
        }
    }

    #[inline(always)]
    fn to_array(self, distances: Self::Distances) -> [u32; GROUP] {
        let mut lanes = Line::default();
        unsafe {
            _mm256_store_si256(lanes.0[..4].as_mut_ptr().cast(), distances[0]);
            _mm256_store_si256(lanes.0[4..].as_mut_ptr().cast(), distances[1]);
        }
        lanes.0.map(|distance| distance as u32)
    }
}
