//! Elements of files and arrays on their way to float32.

use crate::error::{Error, Result};

/// How the elements of a buffer or file are stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// IEEE half precision.
    F16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision, rounded to float32.
    F64,
    /// Unsigned bytes.
    U8,
    /// Signed bytes.
    I8,
}

impl ElementType {
    /// Parses the names used by `.npy` headers without the byte order: `f2 f4 f8 u1 i1`.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "u1" => Self::U8,
            "i1" => Self::I8,
            _ => {
                return Err(Error::InvalidOption {
                    option: "elementType",
                    value: name.into(),
                    expected: "one of f2, f4, f8, u1, i1",
                }
                .into());
            }
        })
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::U8 | Self::I8 => 1,
        }
    }

    /// Appends the elements in `bytes` to `out`.
    pub fn decode(self, bytes: &[u8], out: &mut Vec<f32>) {
        match self {
            Self::F16 => out.extend(
                bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()),
            ),
            Self::F32 => {
                out.extend(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)))
            }
            Self::F64 => {
                out.extend(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32))
            }
            Self::U8 => out.extend(bytes.iter().map(|&b| f32::from(b))),
            Self::I8 => out.extend(bytes.iter().map(|&b| f32::from(b as i8))),
        }
    }
}

/// Position of the first NaN or infinity.
pub fn first_not_finite(values: &[f32]) -> Option<usize> {
    // Most blocks have none, and this test of a whole block becomes SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    let is_finite = crate::simd128::is_finite;
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    let is_finite = |block: &[f32]| block.iter().fold(true, |all, x| all & x.is_finite());
    let block = values.chunks(4096).position(|block| !is_finite(block))?;
    let start = block * 4096;
    values[start..].iter().position(|x| !x.is_finite()).map(|at| start + at)
}
