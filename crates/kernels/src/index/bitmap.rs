//! Sets of positions, one bit each.

use crate::buffers::zeros;
use crate::error::Result;

/// Bits of `length` positions; those beyond are zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    length: usize,
}

impl Bitmap {
    /// No position.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn none(length: usize) -> Result<Self> {
        Ok(Self { words: zeros(length.div_ceil(64), "a bitmap")?, length })
    }

    /// All positions.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn all(length: usize) -> Result<Self> {
        let mut all = Self::none(length)?;
        all.words.fill(u64::MAX);
        all.clear_tail();
        Ok(all)
    }

    /// Takes bit `i % 8` of byte `i / 8` for position i; missing bytes are zero, bits beyond are ignored.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn from_bytes(bytes: &[u8], length: usize) -> Result<Self> {
        let mut bitmap = Self::none(length)?;
        for (word, bytes) in bitmap.words.iter_mut().zip(bytes.chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(padded);
        }
        bitmap.clear_tail();
        Ok(bitmap)
    }

    /// Number of positions, in the set or not.
    pub fn length(&self) -> usize {
        self.length
    }

    /// 64 positions each, the first one in bit 0.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Whether `position` is in the set.
    pub fn has(&self, position: usize) -> bool {
        self.words[position / 64] >> (position % 64) & 1 == 1
    }

    /// Adds `position`.
    pub fn insert(&mut self, position: usize) {
        self.words[position / 64] |= 1 << (position % 64);
    }

    /// Takes `position` out and tells whether it was in.
    pub fn remove(&mut self, position: usize) -> bool {
        let had = self.has(position);
        self.words[position / 64] &= !(1 << (position % 64));
        had
    }

    /// Number of positions in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Keeps what is also in `other`, of the same length.
    pub fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    /// Takes out the positions from `end` on.
    pub fn keep_below(&mut self, end: usize) {
        if end < self.length {
            let (word, bit) = (end / 64, end % 64);
            self.words[word] &= (1 << bit) - 1;
            self.words[word + 1..].fill(0);
        }
    }

    /// Turns the set into its complement.
    pub fn invert(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.clear_tail();
    }

    /// The `length` positions from `first` on; what lies beyond this bitmap is not in the set.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn slice(&self, first: usize, length: usize) -> Result<Self> {
        let mut slice = Self::none(length)?;
        let word = |i: usize| self.words.get(i).copied().unwrap_or(0);
        for (i, out) in slice.words.iter_mut().enumerate() {
            let (at, shift) = (first / 64 + i, first % 64);
            *out = word(at) >> shift;
            if shift > 0 {
                *out |= word(at + 1) << (64 - shift);
            }
        }
        slice.clear_tail();
        Ok(slice)
    }

    fn clear_tail(&mut self) {
        if !self.length.is_multiple_of(64)
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << (self.length % 64)) - 1;
        }
    }
}
