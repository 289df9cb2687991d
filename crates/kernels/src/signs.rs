//! The one place where a sign becomes a bit.

use crate::error::{Error, Result};

/// The order of bits within a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Bit j is bit `j % 8` of byte `j / 8`; the layout of this library.
    Lsb,
    /// Bit j is bit `7 − j % 8` of byte `j / 8`, as numpy's `packbits` has it.
    Msb,
}

impl Layout {
    /// Parses `lsb` or `msb`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "lsb" => Ok(Self::Lsb),
            "msb" => Ok(Self::Msb),
            _ => Err(Error::InvalidOption {
                option: "layout",
                value: name.into(),
                expected: "lsb or msb",
            }
            .into()),
        }
    }
}

/// Packs the signs of `z` (a multiple of 8 values) eight to a byte: a bit is 1 iff `z >= 0`, so both
/// zeros give 1.
pub fn pack_signs(z: &[f32], layout: Layout, out: &mut [u8]) {
    debug_assert_eq!(z.len(), out.len() * 8);
    for (z, byte) in z.as_chunks::<8>().0.iter().zip(out) {
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let lsb = crate::simd128::signs(z);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        let lsb = (0..8).fold(0u8, |byte, j| byte | u8::from(z[j] >= 0.0) << j);
        *byte = match layout {
            Layout::Lsb => lsb,
            Layout::Msb => lsb.reverse_bits(),
        };
    }
}
