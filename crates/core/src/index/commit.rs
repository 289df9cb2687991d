//! The front of an index file: its header, and the commits that say how far it is valid (docs/formats.md).

use super::file::{
    ALIGNMENT, FRONT, HEADER, Header, MAGIC, PAGE, bad, check_seal, put, seal, u64_at,
};
use crate::checksum::checksum;
#[cfg(not(target_family = "wasm"))]
use crate::error::Error;
use crate::error::Result;
use crate::text;

/// Bytes that may be put on the disk together with their commit: a reader has to look at them on opening.
pub(super) const MAX_PENDING: u64 = 1 << 20;

/// No file gets there; one that says so was made up.
pub(super) const LAST_SEQUENCE: u64 = 1 << 62;

/// How far a file is valid. Each change writes one behind the last, in turn into the second and the third page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Commit {
    /// Rises by one from change to change.
    pub sequence: u64,
    /// Bytes of the file that count.
    pub length: u64,
    /// How many of these, at the end, were put on the disk together with the commit and not before: they count only
    /// as a whole.
    pub pending: u64,
    /// XXH3-64 of these.
    pub checksum: u64,
}

impl Commit {
    /// Of bytes that are on the disk already.
    pub fn settled(sequence: u64, length: u64) -> Self {
        Self { sequence, length, pending: 0, checksum: 0 }
    }

    /// Of `length` bytes on the disk, and `pending` ones that get there together with it.
    #[cfg(not(target_family = "wasm"))]
    pub fn together(sequence: u64, length: u64, pending: &[u8]) -> Self {
        let bytes = pending.len() as u64;
        Self { sequence, length: length + bytes, pending: bytes, checksum: checksum(pending) }
    }

    /// Bytes that were on the disk before it.
    pub fn settled_length(self) -> u64 {
        self.length - self.pending
    }

    /// What counts: all of it where its last bytes are these, else what was there before it.
    pub fn judged(self, pending: &[u8]) -> Self {
        let is_whole = self.pending == 0
            || (pending.len() as u64 == self.pending && checksum(pending) == self.checksum);
        Self::settled(self.sequence, if is_whole { self.length } else { self.settled_length() })
    }

    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(b"H2QCOMIT");
        put(&mut bytes, 8, &self.sequence.to_le_bytes());
        put(&mut bytes, 16, &self.length.to_le_bytes());
        put(&mut bytes, 24, &self.pending.to_le_bytes());
        put(&mut bytes, 32, &self.checksum.to_le_bytes());
        seal(bytes)
    }

    fn from_bytes(bytes: &[u8; HEADER]) -> Option<Self> {
        let is_valid = bytes.starts_with(b"H2QCOMIT")
            && check_seal(bytes, "").is_ok()
            && bytes[40..56].iter().all(|byte| *byte == 0);
        let (sequence, length) = (u64_at(bytes, 8), u64_at(bytes, 16));
        let commit =
            Self { sequence, length, pending: u64_at(bytes, 24), checksum: u64_at(bytes, 32) };
        (is_valid && commit.sequence <= LAST_SEQUENCE).then_some(commit)
    }

    /// That of the commit after this one.
    ///
    /// # Errors
    /// `Unwritable` where there can be none: nobody would read it.
    #[cfg(not(target_family = "wasm"))]
    pub fn next_sequence(self) -> Result<u64> {
        match self.sequence < LAST_SEQUENCE {
            true => Ok(self.sequence + 1),
            false => {
                let reason = "it was changed too often: compact it".into();
                Err(Error::Unwritable { reason }.into())
            }
        }
    }

    fn is_possible(self) -> bool {
        let is_aligned = |bytes: u64| bytes.is_multiple_of(ALIGNMENT as u64);
        self.pending <= MAX_PENDING
            && self.length >= FRONT as u64 + self.pending
            && is_aligned(self.length)
            && is_aligned(self.pending)
    }

    /// What follows the front of a file of `length` bytes and was on the disk before it.
    ///
    /// # Errors
    /// `IndexFormat` where that is not all there.
    pub fn bytes_after_front(self, length: u64) -> Result<usize> {
        let committed = self.settled_length();
        if length < committed {
            return Err(bad(&text![
                "it is truncated: ",
                committed,
                " bytes were written, ",
                length,
                " are there"
            ]));
        }
        usize::try_from(committed - FRONT as u64)
            .map_err(|_| bad("it is too large for this system"))
    }

    /// Where this one stands in the file.
    pub fn offset(self) -> usize {
        PAGE * (1 + (self.sequence % 2) as usize)
    }
}

/// The header and the last commit of a file, from its first [`FRONT`] bytes.
///
/// # Errors
/// `IndexFormat` for a file that is no index, is too short, or of whose header or commits no copy is whole.
pub(super) fn read_front(front: &[u8]) -> Result<(Header, Commit)> {
    let Some([first, second]) = copies(front, 0) else {
        let is_index = front.starts_with(&MAGIC[..front.len().min(MAGIC.len())]);
        return Err(bad(if is_index {
            "it is truncated"
        } else {
            "it does not start with H2QINDEX"
        }));
    };
    let header = Header::from_bytes(&first)
        .or_else(|error| Header::from_bytes(&second).map_err(|_| error))?;
    Ok((header, last_commit(front)?))
}

fn last_commit(front: &[u8]) -> Result<Commit> {
    if front.len() < FRONT {
        return Err(bad("it is truncated"));
    }
    let commits = [PAGE, 2 * PAGE].into_iter().filter_map(|page| copies(front, page)).flatten();
    let last =
        commits.filter_map(|bytes| Commit::from_bytes(&bytes)).max_by_key(|commit| commit.sequence);
    let last = last.ok_or_else(|| bad("it has no commit that is whole"))?;
    match last.is_possible() {
        true => Ok(last),
        false => Err(bad("its commit is impossible")),
    }
}

/// Whatever opens the file needs is there twice.
fn copies(front: &[u8], page: usize) -> Option<[[u8; HEADER]; 2]> {
    let copy = |at: usize| front.get(at..).and_then(|bytes| bytes.first_chunk().copied());
    Some([copy(page)?, copy(page + HEADER)?])
}

/// The first [`FRONT`] bytes of a file.
pub(super) fn front(header: Header, commit: Commit) -> Vec<u8> {
    let mut bytes = vec![0; FRONT];
    for (at, part) in [(0, header.to_bytes()), (commit.offset(), commit.to_bytes())] {
        bytes[at..at + HEADER].copy_from_slice(&part);
        bytes[at + HEADER..at + 2 * HEADER].copy_from_slice(&part);
    }
    bytes
}

/// What of the front is not as it was written: nothing that keeps the file from being read.
#[cfg(not(target_family = "wasm"))]
pub(super) fn blemishes(front: &[u8], header: Header, commit: Commit) -> Vec<&'static str> {
    let mut found = Vec::new();
    let wanted = self::front(header, commit);
    let other = PAGE + 2 * PAGE - commit.offset();
    if front[..PAGE] != wanted[..PAGE] {
        found.push("a copy of the header is damaged");
    }
    if front[commit.offset()..][..PAGE] != wanted[commit.offset()..][..PAGE] {
        found.push("a copy of the last commit is damaged");
    }
    // The one before it, or zeros.
    let earlier = copies(front, other).unwrap_or([[0; HEADER]; 2]);
    let is_zero = earlier.iter().flatten().all(|byte| *byte == 0);
    let before = earlier.map(|bytes| Commit::from_bytes(&bytes));
    let is_whole = before[0] == before[1]
        && before[0].is_some_and(|before| before.sequence + 1 == commit.sequence);
    let is_empty = front[other + 2 * HEADER..other + PAGE].iter().all(|byte| *byte == 0);
    if !(is_empty && (is_whole || (is_zero && commit.sequence == 1))) {
        found.push("the commit before the last is damaged");
    }
    found
}
