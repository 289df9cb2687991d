//! What the reader and the writer of index files share; docs/formats.md is the specification.

#[cfg(not(target_family = "wasm"))]
use std::ops::Range;

use xxhash_rust::xxh3::Xxh3Default;

use crate::checksum::checksum;
use crate::codes::Fingerprint;
use crate::error::{Error, Result};
use crate::hamming::GROUP;
use crate::sizes::block;
use crate::text;

pub(super) const MAGIC: [u8; 8] = *b"H2QINDEX";
pub(super) const VERSION: u32 = 2;
pub(super) const HEADER: usize = 64;
/// The header and the two commits have a page each, so that no write of one can tear another.
pub(super) const PAGE: usize = 4096;
/// Where records begin.
pub(super) const FRONT: usize = 3 * PAGE;
pub(super) const ALIGNMENT: usize = 64;
/// Bytes that share a checksum. The fuzzer has files of its own.
pub(super) const CHUNK: usize = block(64 << 10, 256);

const _: () = assert!(cfg!(target_endian = "little"), "files are read and written as memory");

/// The first 64 bytes of a file, which never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub bits: u32,
    pub has_ids: bool,
    pub has_factors: bool,
    pub fingerprint: Fingerprint,
}

/// The first 64 bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub kind: Kind,
    pub has_rows: bool,
    pub first_row: u64,
    pub count: u64,
    /// After these 64.
    pub bytes: u64,
    pub checksum: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Segment,
    Removal,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Segment, Self::Removal];

    fn magic(self) -> [u8; 8] {
        match self {
            Self::Segment => *b"H2QSEGMT",
            Self::Removal => *b"H2QREMOV",
        }
    }
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 12, &(HEADER as u32).to_le_bytes());
        put(&mut bytes, 48, &self.bits.to_le_bytes());
        put(&mut bytes, 32, &self.fingerprint);
        let flags = u32::from(self.has_ids) | u32::from(self.has_factors) << 1;
        put(&mut bytes, 52, &flags.to_le_bytes());
        seal(bytes)
    }

    pub fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self> {
        if bytes[..8] != MAGIC {
            return Err(bad("it does not start with H2QINDEX"));
        }
        check_seal(bytes, "the header is damaged")?;
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(bad(&text!["it has version ", version, ", this reads version ", VERSION]));
        }
        if bytes[16..32].iter().any(|byte| *byte != 0) {
            return Err(bad("its header has what this version does not know"));
        }
        let (size, bits, flags) = (u32_at(bytes, 12), u32_at(bytes, 48), u32_at(bytes, 52));
        if size as usize != HEADER
            || bits == 0
            || !bits.is_multiple_of(8)
            || bits > 1 << 30
            || flags > 3
        {
            return Err(bad("its header is impossible"));
        }
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(&bytes[32..48]);
        Ok(Self { bits, has_ids: flags & 1 != 0, has_factors: flags & 2 != 0, fingerprint })
    }
}

impl Record {
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&self.kind.magic());
        put(&mut bytes, 12, &u32::from(self.has_rows).to_le_bytes());
        put(&mut bytes, 16, &self.first_row.to_le_bytes());
        put(&mut bytes, 24, &self.count.to_le_bytes());
        put(&mut bytes, 32, &self.bytes.to_le_bytes());
        put(&mut bytes, 40, &self.checksum.to_le_bytes());
        seal(bytes)
    }

    /// The header that these bytes were before one of their bits was flipped, if that is so.
    #[cfg(not(target_family = "wasm"))]
    pub fn mended(bytes: &[u8; HEADER]) -> Option<Self> {
        (0..8 * HEADER).find_map(|bit| {
            let mut mended = *bytes;
            mended[bit / 8] ^= 1 << (bit % 8);
            Self::from_bytes(&mended).ok()
        })
    }

    pub fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self> {
        check_seal(bytes, "the header of a record is damaged")?;
        let kind = Kind::ALL.into_iter().find(|kind| bytes[..8] == kind.magic());
        let kind = kind.ok_or_else(|| bad("it has a record of an unknown kind"))?;
        let is_removal = kind == Kind::Removal;
        if bytes[8..12].iter().chain(&bytes[48..56]).any(|byte| *byte != 0)
            || u32_at(bytes, 12) > u32::from(!is_removal)
            || (is_removal && u64_at(bytes, 16) != 0)
        {
            return Err(bad("a record has what this version does not know"));
        }
        Ok(Self {
            kind,
            has_rows: u32_at(bytes, 12) == 1,
            first_row: u64_at(bytes, 16),
            count: u64_at(bytes, 24),
            bytes: u64_at(bytes, 32),
            checksum: u64_at(bytes, 40),
        })
    }

    /// [`Record::sections`] of a record behind which `left` bytes follow.
    ///
    /// # Errors
    /// `IndexFormat` where it does not fit in or contradicts itself.
    pub fn checked_sections(&self, header: Header, left: usize) -> Result<[usize; 5]> {
        let too_large = || bad("a record reaches past its end");
        let sections = self.sections(header).ok_or_else(too_large)?;
        let payload = sections
            .iter()
            .try_fold(0usize, |sum, bytes| sum.checked_add(bytes.checked_next_multiple_of(64)?));
        let payload = payload.ok_or_else(too_large)?;
        let expected = payload.checked_add(padded(chunks(payload) * 8)).ok_or_else(too_large)?;
        if self.bytes != expected as u64 || self.count == 0 {
            return Err(bad("the header of a record is impossible"));
        }
        if expected > left {
            return Err(bad("it is truncated within a record"));
        }
        Ok(sections)
    }

    /// The codes of a segment that comes after `rows` rows.
    ///
    /// # Errors
    /// `IndexFormat` where its rows are not the next ones.
    pub fn checked_count(&self, rows: usize) -> Result<usize> {
        let end = rows as u64 + self.count;
        match self.first_row == rows as u64 && u32::try_from(end).is_ok() {
            true => Ok(self.count as usize),
            false => Err(bad("its rows are not numbered one after the other")),
        }
    }

    /// Its rows, where an index can have them.
    #[cfg(not(target_family = "wasm"))]
    pub fn rows(&self) -> Option<Range<u32>> {
        let end = u32::try_from(self.first_row.checked_add(self.count)?).ok()?;
        Some(self.first_row as u32..end)
    }

    /// Bytes of codes, ids, rows, factors and removed rows, each without its padding. None where they are more than
    /// a file can hold.
    pub fn sections(&self, header: Header) -> Option<[usize; 5]> {
        let count = usize::try_from(self.count).ok()?;
        let words = header.bits.div_ceil(64) as usize;
        Some(match self.kind {
            Kind::Segment => [
                count.div_ceil(GROUP).checked_mul(words)?.checked_mul(64)?,
                if header.has_ids { count.checked_mul(8)? } else { 0 },
                if self.has_rows { count.checked_mul(4)? } else { 0 },
                if header.has_factors { count.checked_mul(4)? } else { 0 },
                0,
            ],
            Kind::Removal => [0, 0, 0, 0, count.checked_mul(4)?],
        })
    }
}

/// With the padding behind it.
pub(super) fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

/// Number of checksums over `bytes`.
pub(super) fn chunks(bytes: usize) -> usize {
    bytes.div_ceil(CHUNK)
}

/// Checksums of a stream of bytes, one for every started 64 KiB.
#[derive(Default)]
pub(super) struct Checksums {
    hasher: Xxh3Default,
    filled: usize,
    pub done: Vec<u64>,
}

impl Checksums {
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.filled));
            self.hasher.update(now);
            self.filled += now.len();
            if self.filled == CHUNK {
                self.close();
            }
            bytes = later;
        }
    }

    /// Ends the last chunk.
    pub fn finish(mut self) -> Vec<u64> {
        if self.filled > 0 {
            self.close();
        }
        self.done
    }

    fn close(&mut self) {
        self.done.push(self.hasher.digest());
        self.hasher.reset();
        self.filled = 0;
    }
}

pub(super) fn put(bytes: &mut [u8; HEADER], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

pub(super) fn seal(mut bytes: [u8; HEADER]) -> [u8; HEADER] {
    let checksum = checksum(&bytes[..56]);
    put(&mut bytes, 56, &checksum.to_le_bytes());
    bytes
}

pub(super) fn check_seal(bytes: &[u8; HEADER], problem: &str) -> Result<()> {
    match checksum(&bytes[..56]) == u64_at(bytes, 56) {
        true => Ok(()),
        false => Err(bad(problem)),
    }
}

fn u32_at(bytes: &[u8; HEADER], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

pub(super) fn u64_at(bytes: &[u8; HEADER], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

pub(super) fn bad(reason: &str) -> Box<Error> {
    Box::new(Error::IndexFormat { reason: reason.into() })
}
