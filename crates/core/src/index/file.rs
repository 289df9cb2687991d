//! What the reader and the writer of index files share; docs/formats.md is the specification.

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::error::Error;
use crate::hamming::GROUP;

pub(super) const MAGIC: [u8; 8] = *b"H2QINDEX";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: usize = 64;
const ALIGNMENT: usize = 64;
/// Bytes that share a checksum.
const CHUNK: usize = 1 << 20;

const _: () = assert!(cfg!(target_endian = "little"), "files are read and written as memory");

/// The first 64 bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub bits: u32,
    pub has_ids: bool,
    pub has_factors: bool,
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
        let flags = u32::from(self.has_ids) | u32::from(self.has_factors) << 1;
        put(&mut bytes, 52, &flags.to_le_bytes());
        seal(bytes)
    }

    pub fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self, Error> {
        if bytes[..8] != MAGIC {
            return Err(bad("it does not start with H2QINDEX"));
        }
        check_seal(bytes, "the header is damaged")?;
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(bad(&format!("it has version {version}, this reads version {VERSION}")));
        }
        if bytes[16..48].iter().any(|byte| *byte != 0) {
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
        Ok(Self { bits, has_ids: flags & 1 != 0, has_factors: flags & 2 != 0 })
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

    pub fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self, Error> {
        check_seal(bytes, "the header of a record is damaged")?;
        let kind = Kind::ALL.into_iter().find(|kind| bytes[..8] == kind.magic());
        let kind = kind.ok_or_else(|| bad("it has a record of an unknown kind"))?;
        Ok(Self {
            kind,
            has_rows: u32_at(bytes, 12) & 1 == 1,
            first_row: u64_at(bytes, 16),
            count: u64_at(bytes, 24),
            bytes: u64_at(bytes, 32),
            checksum: u64_at(bytes, 40),
        })
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

/// Checksums of a stream of bytes, one for every started MiB.
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

fn put(bytes: &mut [u8; HEADER], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn seal(mut bytes: [u8; HEADER]) -> [u8; HEADER] {
    let checksum = xxh3_64(&bytes[..56]);
    put(&mut bytes, 56, &checksum.to_le_bytes());
    bytes
}

fn check_seal(bytes: &[u8; HEADER], problem: &str) -> Result<(), Error> {
    match xxh3_64(&bytes[..56]) == u64_at(bytes, 56) {
        true => Ok(()),
        false => Err(bad(problem)),
    }
}

fn u32_at(bytes: &[u8; HEADER], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8; HEADER], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

pub(super) fn bad(reason: &str) -> Error {
    Error::IndexFormat { reason: reason.into() }
}
