//! AVX-512 with VPOPCNTDQ: a line is one register, its eight lanes are the eight codes.

use super::intrinsics::*;
use crate::hamming::lanes::Lanes;
use crate::hamming::{GROUP, Line};

/// Proof of avx512f and avx512vpopcntdq.
#[derive(Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU must have avx512f and avx512vpopcntdq.
    pub unsafe fn new_unchecked() -> Self {
        Self(())
    }
}

// In each block below: SAFETY: the value proves the instructions; loads and stores go through
// references to 64 bytes.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
#[allow(unused_unsafe, reason = "the software twin needs none")]
impl Lanes for Avx512 {
    type Sums = __m512i;
    type Distances = __m512i;
    const WORDS: usize = usize::MAX;

    #[inline(always)]
    fn no_sums(self) -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn add(self, sums: __m512i, query: u64, line: &Line) -> __m512i {
        unsafe {
            let codes = _mm512_load_si512(line.0.as_ptr().cast());
            let differing = _mm512_xor_si512(codes, _mm512_set1_epi64(query.cast_signed()));
            _mm512_add_epi64(sums, _mm512_popcnt_epi64(differing))
        }
    }

    #[inline(always)]
    fn distances(self, sums: __m512i) -> __m512i {
        sums
    }

    #[inline(always)]
    fn plus(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi64(a, b) }
    }

    #[inline(always)]
    fn least(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_min_epu64(a, b) }
    }

    #[inline(always)]
    fn any_below(self, distances: __m512i, limit: u32) -> bool {
        unsafe { _mm512_cmplt_epu64_mask(distances, _mm512_set1_epi64(i64::from(limit))) != 0 }
    }

    #[inline(always)]
    fn to_array(self, distances: __m512i) -> [u32; GROUP] {
        let mut lanes = Line::default();
        unsafe { _mm512_store_si512(lanes.0.as_mut_ptr().cast(), distances) };
        lanes.0.map(|distance| distance as u32)
    }
}
