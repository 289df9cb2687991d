//! Packed binary codes.

pub use h2q_kernels::signs::{Layout, pack_signs};

use crate::error::{Error, Result};
use crate::text;

/// n codes of `bits / 8` bytes, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    bytes: Vec<u8>,
    bits: usize,
    model: Option<Fingerprint>,
}

/// Tells which codes may be compared ([`crate::model::Model::fingerprint`]).
pub type Fingerprint = [u8; 16];

/// As 32 hexadecimal digits.
pub fn hex(fingerprint: Fingerprint) -> String {
    let digits = fingerprint.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

impl Codes {
    /// Takes `bytes` as codes of `bits` bits.
    ///
    /// # Errors
    /// `InvalidOption` for bits that are no positive multiple of 8, `Empty`, `Mismatch` for a length
    /// that is no multiple of `bits / 8`.
    pub fn new(bytes: Vec<u8>, bits: usize) -> Result<Self> {
        check_bits(bits)?;
        if bytes.is_empty() {
            return Err(Error::Empty { what: "codes".into(), axis: "rows" }.into());
        }
        if !bytes.len().is_multiple_of(bits / 8) {
            let whole = bytes.len() / (bits / 8) * (bits / 8);
            return Err(Error::mismatch("length of codes", whole, bytes.len()));
        }
        Ok(Self { bytes, bits, model: None })
    }

    /// The same codes as those of a model.
    #[must_use]
    pub fn of_model(mut self, model: Fingerprint) -> Self {
        self.model = Some(model);
        self
    }

    /// The model that they come from, where that is known.
    pub fn model(&self) -> Option<Fingerprint> {
        self.model
    }

    /// Number of codes.
    pub fn rows(&self) -> usize {
        self.bytes.len() / (self.bits / 8)
    }

    /// Bits of each code, a multiple of 8.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// All codes, one after the other.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives up the buffer.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes of one code.
    pub fn row(&self, row: usize) -> &[u8] {
        // Bits of all codes may be more than 32 bits can count.
        let bytes = self.bits / 8;
        &self.bytes[row * bytes..][..bytes]
    }
}

/// Fills a [`Codes`] piece by piece.
#[derive(Debug)]
pub struct CodesBuilder {
    bytes: Vec<u8>,
    expected: usize,
    bits: usize,
}

impl CodesBuilder {
    /// Reserves the memory for `rows` codes of `bits` bits.
    ///
    /// # Errors
    /// `InvalidOption`, `Empty`, `OutOfMemory`.
    pub fn new(rows: usize, bits: usize) -> Result<Self> {
        check_bits(bits)?;
        if rows == 0 {
            return Err(Error::Empty { what: "codes".into(), axis: "rows" }.into());
        }
        let too_large = || Error::OutOfMemory {
            what: text![rows, " codes of ", bits, " bits"],
            bytes: rows.saturating_mul(bits / 8),
        };
        let expected = rows.checked_mul(bits / 8).ok_or_else(too_large)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(expected).map_err(|_| too_large())?;
        Ok(Self { bytes, expected, bits })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// `Mismatch` for more than was announced.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let total = self.bytes.len() + bytes.len();
        if total > self.expected {
            return Err(Error::mismatch("bytes of codes", self.expected, total));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The codes, once all bytes have come.
    ///
    /// # Errors
    /// `Mismatch` when bytes are missing.
    pub fn finish(self) -> Result<Codes> {
        if self.bytes.len() != self.expected {
            return Err(Error::mismatch("bytes of codes", self.expected, self.bytes.len()));
        }
        Codes::new(self.bytes, self.bits)
    }
}

pub(crate) fn check_bits(bits: usize) -> Result<()> {
    if bits == 0 || !bits.is_multiple_of(8) {
        return Err(Error::InvalidOption {
            option: "bits",
            value: bits.to_string(),
            expected: "a positive multiple of 8",
        }
        .into());
    }
    Ok(())
}
