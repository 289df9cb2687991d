//! What the NEON intrinsics used by `neon.rs` do, in plain Rust, after Arm's reference of intrinsics.

#![allow(non_camel_case_types, reason = "the names of the intrinsics")]
#![allow(clippy::missing_safety_doc, reason = "as in std::arch")]

#[derive(Clone, Copy)]
pub struct uint8x16_t([u8; 16]);
#[derive(Clone, Copy)]
pub struct uint16x8_t([u16; 8]);
#[derive(Clone, Copy)]
pub struct uint32x4_t([u32; 4]);
#[derive(Clone, Copy)]
pub struct uint32x2_t([u32; 2]);
#[derive(Clone, Copy)]
pub struct uint64x2_t([u64; 2]);

pub fn vdupq_n_u8(a: u8) -> uint8x16_t {
    uint8x16_t([a; 16])
}
pub fn vdupq_n_u64(a: u64) -> uint64x2_t {
    uint64x2_t([a; 2])
}
pub unsafe fn vld1q_u64(from: *const u64) -> uint64x2_t {
    // SAFETY: of the caller.
    uint64x2_t(unsafe { from.cast::<[u64; 2]>().read() })
}
pub unsafe fn vst1q_u32(to: *mut u32, a: uint32x4_t) {
    // SAFETY: of the caller.
    unsafe { to.cast::<[u32; 4]>().write(a.0) }
}
pub fn veorq_u64(a: uint64x2_t, b: uint64x2_t) -> uint64x2_t {
    uint64x2_t([a.0[0] ^ b.0[0], a.0[1] ^ b.0[1]])
}
pub fn vreinterpretq_u8_u64(a: uint64x2_t) -> uint8x16_t {
    uint8x16_t(std::array::from_fn(|i| a.0[i / 8].to_le_bytes()[i % 8]))
}
pub fn vcntq_u8(a: uint8x16_t) -> uint8x16_t {
    uint8x16_t(a.0.map(|byte| byte.count_ones() as u8))
}
pub fn vaddq_u8(a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
    uint8x16_t(std::array::from_fn(|i| a.0[i].wrapping_add(b.0[i])))
}
pub fn vpaddlq_u8(a: uint8x16_t) -> uint16x8_t {
    uint16x8_t(std::array::from_fn(|i| u16::from(a.0[2 * i]) + u16::from(a.0[2 * i + 1])))
}
pub fn vpaddlq_u16(a: uint16x8_t) -> uint32x4_t {
    uint32x4_t(std::array::from_fn(|i| u32::from(a.0[2 * i]) + u32::from(a.0[2 * i + 1])))
}
pub fn vpaddlq_u32(a: uint32x4_t) -> uint64x2_t {
    uint64x2_t(std::array::from_fn(|i| u64::from(a.0[2 * i]) + u64::from(a.0[2 * i + 1])))
}
pub fn vmovn_u64(a: uint64x2_t) -> uint32x2_t {
    uint32x2_t(a.0.map(|lane| lane as u32))
}
pub fn vcombine_u32(low: uint32x2_t, high: uint32x2_t) -> uint32x4_t {
    uint32x4_t([low.0[0], low.0[1], high.0[0], high.0[1]])
}
pub fn vaddq_u32(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
    uint32x4_t(std::array::from_fn(|i| a.0[i].wrapping_add(b.0[i])))
}
pub fn vminq_u32(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
    uint32x4_t(std::array::from_fn(|i| a.0[i].min(b.0[i])))
}
pub fn vminvq_u32(a: uint32x4_t) -> u32 {
    a.0.into_iter().fold(u32::MAX, u32::min)
}
