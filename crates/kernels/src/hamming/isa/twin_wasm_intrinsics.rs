//! What the simd128 intrinsics used by `simd128.rs` do, in plain Rust, after the specification of
//! WebAssembly.

#![allow(non_camel_case_types, reason = "the names of the intrinsics")]
#![allow(clippy::missing_safety_doc, reason = "as in std::arch")]

#[derive(Clone, Copy)]
pub struct v128([u8; 16]);

fn lanes32(a: v128) -> [u32; 4] {
    std::array::from_fn(|i| u32::from_le_bytes(std::array::from_fn(|j| a.0[4 * i + j])))
}
fn from32(lanes: [u32; 4]) -> v128 {
    v128(std::array::from_fn(|i| lanes[i / 4].to_le_bytes()[i % 4]))
}
fn each32(a: v128, b: v128, of: impl Fn(u32, u32) -> u32) -> v128 {
    let (a, b) = (lanes32(a), lanes32(b));
    from32(std::array::from_fn(|i| of(a[i], b[i])))
}

pub fn u8x16_splat(a: u8) -> v128 {
    v128([a; 16])
}
pub fn u32x4_splat(a: u32) -> v128 {
    from32([a; 4])
}
pub fn u64x2_splat(a: u64) -> v128 {
    v128(std::array::from_fn(|i| a.to_le_bytes()[i % 8]))
}
pub unsafe fn v128_load(from: *const v128) -> v128 {
    // SAFETY: of the caller.
    unsafe { from.read_unaligned() }
}
pub fn v128_xor(a: v128, b: v128) -> v128 {
    v128(std::array::from_fn(|i| a.0[i] ^ b.0[i]))
}
pub fn u8x16_popcnt(a: v128) -> v128 {
    v128(a.0.map(|byte| byte.count_ones() as u8))
}
pub fn u8x16_add(a: v128, b: v128) -> v128 {
    v128(std::array::from_fn(|i| a.0[i].wrapping_add(b.0[i])))
}
pub fn u16x8_extadd_pairwise_u8x16(a: v128) -> v128 {
    let sum = |i: usize| u16::from(a.0[2 * i]) + u16::from(a.0[2 * i + 1]);
    v128(std::array::from_fn(|i| sum(i / 2).to_le_bytes()[i % 2]))
}
pub fn i32x4_extadd_pairwise_i16x8(a: v128) -> v128 {
    let lane = |i: usize| i32::from(i16::from_le_bytes([a.0[2 * i], a.0[2 * i + 1]]));
    from32(std::array::from_fn(|i| (lane(2 * i) + lane(2 * i + 1)).cast_unsigned()))
}
pub fn i16x8_narrow_i32x4(a: v128, b: v128) -> v128 {
    let lanes = [lanes32(a), lanes32(b)].concat();
    let narrow = |i: usize| {
        let saturated = lanes[i].cast_signed().clamp(i16::MIN.into(), i16::MAX.into());
        saturated.to_le_bytes()
    };
    v128(std::array::from_fn(|i| narrow(i / 2)[i % 2]))
}
pub fn u32x4_add(a: v128, b: v128) -> v128 {
    each32(a, b, u32::wrapping_add)
}
pub fn u32x4_min(a: v128, b: v128) -> v128 {
    each32(a, b, u32::min)
}
pub fn u32x4_lt(a: v128, b: v128) -> v128 {
    each32(a, b, |a, b| if a < b { u32::MAX } else { 0 })
}
pub fn v128_any_true(a: v128) -> bool {
    a.0 != [0; 16]
}
pub fn u32x4_extract_lane<const LANE: usize>(a: v128) -> u32 {
    lanes32(a)[LANE]
}
