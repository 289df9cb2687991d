//! The layout in which codes are searched, in memory as in files (docs/formats.md).

use std::ops::Range;

use crate::buffers::zeros;
use crate::column::Column;
use crate::error::{Error, Result};
use crate::text;

/// Codes that stand side by side.
pub const GROUP: usize = 8;

/// One word of eight codes: a line of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Line(pub [u64; GROUP]);

// SAFETY: eight words without padding; every pattern of bits is a value.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: as above.
unsafe impl bytemuck::Pod for Line {}

/// Codes in groups of eight; line j of a group holds word j of each. Bits beyond the length of a code and
/// codes beyond the last are zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    lines: Column<Line>,
    rows: usize,
    bits: usize,
}

impl Blocks {
    /// `rows` codes of `bits` bits, all zero, to be filled by [`Blocks::set`].
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn zeros(rows: usize, bits: usize) -> Result<Self> {
        let words = bits.div_ceil(64);
        let lines = rows.div_ceil(GROUP).checked_mul(words).ok_or_else(|| {
            Error::out_of_memory(text![rows, " codes of ", bits, " bits"], usize::MAX)
        })?;
        Ok(Self { lines: zeros(lines, "codes")?.into(), rows, bits })
    }

    /// The codes given byte by byte, of `bits / 8` bytes each.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn from_rows<'a>(
        rows: impl ExactSizeIterator<Item = &'a [u8]>,
        bits: usize,
    ) -> Result<Self> {
        let mut blocks = Self::zeros(rows.len(), bits)?;
        let mut words = vec![0; blocks.words()];
        let lines = blocks.lines.make_mut();
        for (position, row) in rows.enumerate() {
            to_words(row, &mut words);
            let group = &mut lines[position / GROUP * words.len()..];
            for (word, line) in words.iter().zip(group) {
                line.0[position % GROUP] = *word;
            }
        }
        Ok(blocks)
    }

    /// [`Blocks::from_rows`] of codes one after the other.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn from_codes(codes: &[u8], bits: usize) -> Result<Self> {
        Self::from_rows(codes.chunks_exact(bits / 8), bits)
    }

    /// Takes lines as they stand in a file.
    ///
    /// # Errors
    /// `Mismatch` when they are not `⌈rows / 8⌉ · ⌈bits / 64⌉`; `IndexFormat` for set bits in the padding.
    pub fn from_lines(lines: Vec<Line>, rows: usize, bits: usize) -> Result<Self> {
        let blocks = Self::unchecked(lines.into(), rows, bits)?;
        blocks.check_padding()?;
        Ok(blocks)
    }

    /// [`Blocks::from_lines`] that looks at no line.
    ///
    /// # Errors
    /// `Mismatch` for another number of lines.
    pub fn unchecked(lines: Column<Line>, rows: usize, bits: usize) -> Result<Self> {
        let expected = rows.div_ceil(GROUP).saturating_mul(bits.div_ceil(64));
        if lines.len() != expected {
            return Err(Error::mismatch("lines of codes", expected, lines.len()));
        }
        Ok(Self { lines, rows, bits })
    }

    /// Whether what a code does not use is zero.
    ///
    /// # Errors
    /// `IndexFormat`.
    pub fn check_padding(&self) -> Result<()> {
        self.check_lines(0..self.lines.len())
    }

    /// The same of some lines.
    ///
    /// # Errors
    /// As [`Blocks::check_padding`].
    pub fn check_lines(&self, range: Range<usize>) -> Result<()> {
        let reason =
            |what: &str| Box::new(Error::IndexFormat { reason: text![what, " are not zero"] });
        let words = self.words();
        let lines = &self.lines[range.clone()];
        let unused = self.rows.next_multiple_of(GROUP) - self.rows;
        let last = self.lines.len().saturating_sub(words);
        let of_last = &lines[last.max(range.start).min(range.end) - range.start..];
        if of_last.iter().any(|line| line.0[GROUP - unused..].iter().any(|w| *w != 0)) {
            return Err(reason("codes beyond the last"));
        }
        let tail = self.bits % 64;
        let is_padded = |line: &Line| line.0.iter().all(|word| word >> tail == 0);
        let before_first = (words - 1 + words - range.start % words) % words;
        if tail != 0 && !lines.iter().skip(before_first).step_by(words).all(is_padded) {
            return Err(reason("bits beyond the length of a code"));
        }
        Ok(())
    }

    /// Number of codes.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Length of a code.
    #[inline]
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Words of a code, the last one padded with zeros.
    #[inline]
    pub fn words(&self) -> usize {
        self.bits.div_ceil(64)
    }

    /// Bytes of memory that the codes take.
    pub fn memory(&self) -> usize {
        self.lines.memory()
    }

    /// All lines.
    #[inline]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lines of the groups that hold `count` positions from `first` on, a multiple of eight.
    #[inline]
    pub fn range(&self, first: usize, count: usize) -> &[Line] {
        debug_assert!(first.is_multiple_of(GROUP));
        let words = self.words();
        &self.lines[first / GROUP * words..][..count.div_ceil(GROUP) * words]
    }

    /// Word `word` of the code at `position`.
    #[inline]
    pub fn word(&self, position: usize, word: usize) -> u64 {
        self.lines[position / GROUP * self.words() + word].0[position % GROUP]
    }

    /// Copies the code at `position`.
    #[inline]
    pub fn get(&self, position: usize, words: &mut [u64]) {
        let group = &self.lines[position / GROUP * self.words()..];
        for (word, line) in words.iter_mut().zip(group) {
            *word = line.0[position % GROUP];
        }
    }

    /// Writes all codes of `other`, which are as long, to the positions from `first` on.
    pub fn copy_from(&mut self, first: usize, other: &Self) {
        let words = self.words();
        if first.is_multiple_of(GROUP) {
            let lines = &mut self.lines.make_mut()[first / GROUP * words..];
            lines[..other.lines.len()].copy_from_slice(&other.lines);
            return;
        }
        let lines = self.lines.make_mut();
        for position in 0..other.rows {
            let to = first + position;
            for word in 0..words {
                lines[to / GROUP * words + word].0[to % GROUP] = other.word(position, word);
            }
        }
    }

    /// Writes the code at `position`.
    #[inline]
    pub fn set(&mut self, position: usize, words: &[u64]) {
        let first = position / GROUP * self.words();
        for (word, line) in words.iter().zip(&mut self.lines.make_mut()[first..]) {
            line.0[position % GROUP] = *word;
        }
    }
}

/// The bytes of a code as words, the last one padded with zeros.
pub fn to_words(code: &[u8], words: &mut [u64]) {
    let (whole, tail) = code.as_chunks::<8>();
    for (word, bytes) in words.iter_mut().zip(whole) {
        *word = u64::from_le_bytes(*bytes);
    }
    if !tail.is_empty() {
        let mut bytes = [0; 8];
        bytes[..tail.len()].copy_from_slice(tail);
        words[whole.len()] = u64::from_le_bytes(bytes);
    }
}
