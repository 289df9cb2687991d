//! What the x86-64 intrinsics used by `avx2.rs` and `avx512.rs` do, in plain Rust, after the pseudo-code of
//! Intel's intrinsics guide. The tests of `kernel.rs` hold it against the CPU where the CPU has them.

#![allow(non_camel_case_types, reason = "the names of the intrinsics")]
#![allow(clippy::missing_safety_doc, reason = "as in std::arch")]

#[derive(Clone, Copy)]
pub struct __m512i([u64; 8]);
#[derive(Clone, Copy)]
pub struct __m256i([u8; 32]);

pub fn _mm512_setzero_si512() -> __m512i {
    __m512i([0; 8])
}
pub unsafe fn _mm512_load_si512(from: *const __m512i) -> __m512i {
    assert!(from.cast::<u8>().addr().is_multiple_of(64), "an aligned load");
    // SAFETY: of the caller.
    __m512i(unsafe { from.cast::<[u64; 8]>().read() })
}
pub unsafe fn _mm512_store_si512(to: *mut __m512i, a: __m512i) {
    assert!(to.cast::<u8>().addr().is_multiple_of(64), "an aligned store");
    // SAFETY: of the caller.
    unsafe { to.cast::<[u64; 8]>().write(a.0) }
}
pub fn _mm512_set1_epi64(a: i64) -> __m512i {
    __m512i([a.cast_unsigned(); 8])
}
fn lanes(a: __m512i, b: __m512i, f: impl Fn(u64, u64) -> u64) -> __m512i {
    __m512i(std::array::from_fn(|i| f(a.0[i], b.0[i])))
}
pub fn _mm512_xor_si512(a: __m512i, b: __m512i) -> __m512i {
    lanes(a, b, |a, b| a ^ b)
}
pub fn _mm512_add_epi64(a: __m512i, b: __m512i) -> __m512i {
    lanes(a, b, u64::wrapping_add)
}
pub fn _mm512_min_epu64(a: __m512i, b: __m512i) -> __m512i {
    lanes(a, b, u64::min)
}
pub fn _mm512_popcnt_epi64(a: __m512i) -> __m512i {
    lanes(a, a, |a, _| u64::from(a.count_ones()))
}
pub fn _mm512_cmplt_epu64_mask(a: __m512i, b: __m512i) -> u8 {
    (0..8).fold(0, |mask, i| mask | u8::from(a.0[i] < b.0[i]) << i)
}

pub fn _mm256_setzero_si256() -> __m256i {
    __m256i([0; 32])
}
pub unsafe fn _mm256_load_si256(from: *const __m256i) -> __m256i {
    assert!(from.cast::<u8>().addr().is_multiple_of(32), "an aligned load");
    // SAFETY: of the caller.
    __m256i(unsafe { from.cast::<[u8; 32]>().read() })
}
pub unsafe fn _mm256_store_si256(to: *mut __m256i, a: __m256i) {
    assert!(to.cast::<u8>().addr().is_multiple_of(32), "an aligned store");
    // SAFETY: of the caller.
    unsafe { to.cast::<[u8; 32]>().write(a.0) }
}
pub fn _mm256_set1_epi8(a: i8) -> __m256i {
    __m256i([a.cast_unsigned(); 32])
}
pub fn _mm256_set1_epi64x(a: i64) -> __m256i {
    _mm256_set_epi64x(a, a, a, a)
}
pub fn _mm256_set_epi64x(e3: i64, e2: i64, e1: i64, e0: i64) -> __m256i {
    let words = [e0, e1, e2, e3].map(i64::to_le_bytes);
    __m256i(std::array::from_fn(|i| words[i / 8][i % 8]))
}
fn bytes(a: __m256i, b: __m256i, f: impl Fn(u8, u8) -> u8) -> __m256i {
    __m256i(std::array::from_fn(|i| f(a.0[i], b.0[i])))
}
pub fn _mm256_xor_si256(a: __m256i, b: __m256i) -> __m256i {
    bytes(a, b, |a, b| a ^ b)
}
pub fn _mm256_and_si256(a: __m256i, b: __m256i) -> __m256i {
    bytes(a, b, |a, b| a & b)
}
pub fn _mm256_add_epi8(a: __m256i, b: __m256i) -> __m256i {
    bytes(a, b, u8::wrapping_add)
}
pub fn _mm256_shuffle_epi8(a: __m256i, b: __m256i) -> __m256i {
    // Within each half of 128 bits; a set top bit gives zero.
    __m256i(std::array::from_fn(|i| match b.0[i] {
        index if index & 0x80 != 0 => 0,
        index => a.0[i / 16 * 16 + usize::from(index & 0x0f)],
    }))
}
pub fn _mm256_srli_epi16<const BY: i32>(a: __m256i) -> __m256i {
    words(a, a, |a: u16, _| a >> BY)
}
fn words<const SIZE: usize, T: Word<SIZE>>(
    a: __m256i,
    b: __m256i,
    f: impl Fn(T, T) -> T,
) -> __m256i {
    let mut out = [0; 32];
    let pairs = a.0.as_chunks::<SIZE>().0.iter().zip(b.0.as_chunks::<SIZE>().0);
    for ((a, b), out) in pairs.zip(out.as_chunks_mut::<SIZE>().0) {
        *out = f(T::read(*a), T::read(*b)).write();
    }
    __m256i(out)
}
pub fn _mm256_add_epi64(a: __m256i, b: __m256i) -> __m256i {
    words(a, b, u64::wrapping_add)
}
pub fn _mm256_min_epu32(a: __m256i, b: __m256i) -> __m256i {
    words(a, b, u32::min)
}
pub fn _mm256_cmpgt_epi32(a: __m256i, b: __m256i) -> __m256i {
    words(a, b, |a: u32, b: u32| match a.cast_signed() > b.cast_signed() {
        true => u32::MAX,
        false => 0,
    })
}
pub fn _mm256_sad_epu8(a: __m256i, b: __m256i) -> __m256i {
    let differences = bytes(a, b, u8::abs_diff);
    words(differences, differences, |a: u64, _| {
        a.to_le_bytes().iter().map(|byte| u64::from(*byte)).sum()
    })
}
pub fn _mm256_movemask_epi8(a: __m256i) -> i32 {
    let mask = (0..32).fold(0u32, |mask, i| mask | u32::from(a.0[i] >> 7) << i);
    mask.cast_signed()
}

/// Unsigned integers in a register.
trait Word<const SIZE: usize> {
    fn read(bytes: [u8; SIZE]) -> Self;
    fn write(self) -> [u8; SIZE];
}

macro_rules! words {
    ($($type:ty),*) => {$(
        impl Word<{ size_of::<$type>() }> for $type {
            fn read(bytes: [u8; size_of::<$type>()]) -> Self {
                Self::from_le_bytes(bytes)
            }
            fn write(self) -> [u8; size_of::<$type>()] {
                self.to_le_bytes()
            }
        }
    )*};
}
words!(u16, u32, u64);
