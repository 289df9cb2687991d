//! Popcount and Hamming distance over codes.

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

/// Codes widened to whole 64-bit words, the last one padded with zero bits.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    words: Vec<u64>,
    per_code: usize,
}

impl Words {
    /// Widens the codes named by `rows`, in that order.
    pub(crate) fn new<'a>(rows: impl Iterator<Item = &'a [u8]>, bits: usize) -> Self {
        let per_code = bits.div_ceil(64);
        let mut words = Vec::with_capacity(rows.size_hint().0 * per_code);
        for row in rows {
            words.extend(row.chunks(8).map(|chunk| {
                let mut bytes = [0; 8];
                bytes[..chunk.len()].copy_from_slice(chunk);
                u64::from_le_bytes(bytes)
            }));
        }
        Self { words, per_code }
    }

    pub(crate) fn rows(&self) -> usize {
        self.words.len() / self.per_code
    }

    pub(crate) fn per_code(&self) -> usize {
        self.per_code
    }

    /// The words of `count` codes from `first` on.
    pub(crate) fn range(&self, first: usize, count: usize) -> &[u64] {
        &self.words[first * self.per_code..][..count * self.per_code]
    }
}

/// Distances from `query` to each code in `codes`, whole words both.
pub(crate) fn distances(query: &[u64], codes: &[u64], out: &mut [u32]) {
    pulp::Arch::new().dispatch(Distances { query, codes, out });
}

/// The arguments of [`distances`]: a type of its own, so that all of it is compiled for the CPU's level.
struct Distances<'a> {
    query: &'a [u64],
    codes: &'a [u64],
    out: &'a mut [u32],
}

impl pulp::WithSimd for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { query, codes, out } = self;
        match query.len() {
            1 => fixed::<1>(query, codes, out),
            2 => fixed::<2>(query, codes, out),
            4 => fixed::<4>(query, codes, out),
            8 => fixed::<8>(query, codes, out),
            16 => fixed::<16>(query, codes, out),
            words => {
                for (code, distance) in codes.chunks_exact(words).zip(out) {
                    *distance = code.iter().zip(query).map(|(c, q)| (c ^ q).count_ones()).sum();
                }
            }
        }
    }
}

/// The same for a width known to the compiler, which then unrolls.
#[inline(always)]
fn fixed<const WORDS: usize>(query: &[u64], codes: &[u64], out: &mut [u32]) {
    let Some(query) = query.first_chunk::<WORDS>() else { return };
    for (code, distance) in codes.as_chunks::<WORDS>().0.iter().zip(out) {
        *distance = (0..WORDS).map(|w| (code[w] ^ query[w]).count_ones()).sum();
    }
}
