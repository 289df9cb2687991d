//! An index from the bytes of a file, given in pieces of any size. Nothing is believed: sizes are compared
//! with the length of the file before memory is asked for, contents with their checksums and with what an
//! index needs to be.

use super::columns::check_columns;
use super::commit::{Commit, read_front};
use super::file::{Checksums, FRONT, HEADER, Header, Kind, Record, bad, chunks, padded};
use super::opening::Opening;
use super::segment::{Beside, Segment};
use super::{Index, Snapshot};
use crate::checksum::checksum;
use crate::error::Result;
use crate::hamming::{Blocks, Line};
use crate::vectors::zeros;

/// Takes the bytes of a file and gives the index.
pub struct IndexReader {
    /// Bytes of the file that are still to come; once the front was read, of those that count in any case.
    left: usize,
    front: Option<Front>,
    record: Option<Open>,
    /// A header or a table of checksums until it is complete.
    buffer: Vec<u8>,
}

/// What is known once the front was read.
struct Front {
    header: Header,
    commit: Commit,
    opening: Opening,
    /// The last bytes, which count only as a whole, and how many of them the file has: all or none.
    pending: Vec<u8>,
    pending_bytes: usize,
}

/// A record on its way.
struct Open {
    record: Record,
    /// The table of checksums, until it has been read.
    table_bytes: usize,
    table: Option<Vec<u64>>,
    checksums: Checksums,
    sections: [usize; 5],
    /// The section that is read, and how far.
    current: usize,
    offset: usize,
    lines: Vec<Line>,
    ids: Vec<i64>,
    rows: Vec<u32>,
    factors: Vec<f32>,
    removed: Vec<u32>,
}

impl IndexReader {
    /// For a file of `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        let (front, record, buffer) = Default::default();
        Self { left: bytes, front, record, buffer }
    }

    /// How many more bytes of the file are of use, as far as that is known: what follows the last commit is not.
    pub fn wanted(&self) -> usize {
        let pending = |front: &Front| front.pending_bytes - front.pending.len();
        self.left + self.front.as_ref().map_or(0, pending)
    }

    /// Takes the next bytes; those beyond what is wanted are passed over.
    ///
    /// # Errors
    /// `IndexFormat` as soon as something is wrong, `OutOfMemory`.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let rest = self.take_all(bytes)?;
        if let Some(front) = &mut self.front {
            let taken = rest.len().min(front.pending_bytes - front.pending.len());
            front.pending.extend_from_slice(&rest[..taken]);
        }
        Ok(())
    }

    /// The index, once all bytes have come.
    ///
    /// # Errors
    /// `IndexFormat` when bytes are missing, or as [`Index::new`].
    pub fn finish(mut self) -> Result<Index> {
        if self.front.is_none() {
            // Says what it is not, or that it is too short.
            read_front(&self.buffer)?;
        }
        let is_whole = self.wanted() == 0;
        if let Some(Front { commit, pending, .. }) = &mut self.front
            && is_whole
            && commit.judged(pending).length == commit.length
        {
            let pending = std::mem::take(pending);
            self.left = pending.len();
            self.take_all(&pending)?;
        }
        let is_whole = is_whole && self.record.is_none() && self.buffer.is_empty();
        let front = self.front.filter(|_| is_whole).ok_or_else(|| bad("it is truncated"))?;
        index_of(front.header, front.opening.finish()?)
    }

    /// Uses what counts in any case, and gives the rest back.
    fn take_all<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8]> {
        while !bytes.is_empty() && self.left > 0 {
            let taken = self.take(&bytes[..bytes.len().min(self.left)])?;
            self.left -= taken;
            bytes = &bytes[taken..];
        }
        Ok(bytes)
    }

    /// Uses some of `bytes`, at least one, and tells how many.
    fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        let Some(open) = &mut self.record else {
            let wanted = if self.front.is_some() { HEADER } else { FRONT };
            let taken = bytes.len().min(wanted - self.buffer.len());
            self.buffer.extend_from_slice(&bytes[..taken]);
            if self.buffer.len() == wanted {
                let whole = std::mem::take(&mut self.buffer);
                self.start(&whole, taken)?;
            }
            return Ok(taken);
        };
        if open.table.is_none() {
            let taken = bytes.len().min(open.table_bytes - self.buffer.len());
            self.buffer.extend_from_slice(&bytes[..taken]);
            if self.buffer.len() == open.table_bytes {
                open.set_table(&std::mem::take(&mut self.buffer))?;
            }
            self.close_if_whole()?;
            return Ok(taken);
        }
        let taken = open.fill(bytes);
        self.close_if_whole()?;
        Ok(taken)
    }

    /// Takes the front of the file or the header of a record, of which `taken` bytes are still counted as to come.
    fn start(&mut self, bytes: &[u8], taken: usize) -> Result<()> {
        match (&self.front, bytes.first_chunk()) {
            (Some(front), Some(bytes)) => {
                let record = Record::from_bytes(bytes)?;
                self.record = Some(Open::new(record, front.header, self.left - taken)?);
            }
            _ => {
                let (header, commit) = read_front(bytes)?;
                let length = FRONT as u64 + (self.left - taken) as u64;
                self.left = commit.bytes_after_front(length)? + taken;
                let pending_bytes =
                    if length < commit.length { 0 } else { commit.pending as usize };
                let (opening, pending) = (Opening::new(header), Vec::new());
                self.front = Some(Front { header, commit, opening, pending, pending_bytes });
            }
        }
        Ok(())
    }

    fn close_if_whole(&mut self) -> Result<()> {
        if self.record.as_ref().is_some_and(Open::is_whole)
            && let (Some(open), Some(front)) = (self.record.take(), &mut self.front)
        {
            open.close(front.header, &mut front.opening)?;
        }
        Ok(())
    }
}

/// The index that a file holds.
pub(super) fn index_of(header: Header, mut snapshot: Snapshot) -> Result<Index> {
    let Header { bits, has_ids, has_factors, fingerprint } = header;
    (snapshot.has_ids, snapshot.has_factors, snapshot.model) = (has_ids, has_factors, fingerprint);
    let index = Index::empty(bits as usize, has_ids, has_factors)?;
    index.publish(snapshot);
    Ok(index)
}

impl Open {
    fn new(record: Record, header: Header, left: usize) -> Result<Self> {
        let sections = record.checked_sections(header, left)?;
        let table_bytes = padded(chunks(sections.iter().map(|bytes| padded(*bytes)).sum()) * 8);
        let [lines, ids, rows, factors, removed] = sections;
        Ok(Self {
            record,
            table_bytes,
            table: None,
            checksums: Checksums::default(),
            sections,
            current: 0,
            offset: 0,
            lines: zeros(lines / 64, "codes")?,
            ids: zeros(ids / 8, "ids")?,
            rows: zeros(rows / 4, "rows")?,
            factors: zeros(factors / 4, "factors")?,
            removed: zeros(removed / 4, "removed rows")?,
        })
    }

    fn set_table(&mut self, bytes: &[u8]) -> Result<()> {
        let count = chunks(self.sections.iter().map(|bytes| padded(*bytes)).sum());
        let (table, rest) = bytes.split_at(count * 8);
        if checksum(table) != self.record.checksum || rest.iter().any(|byte| *byte != 0) {
            return Err(bad("the checksums of a record are damaged"));
        }
        self.table =
            Some(table.as_chunks::<8>().0.iter().map(|sum| u64::from_le_bytes(*sum)).collect());
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.table.is_some() && self.sections[self.current..].iter().all(|bytes| *bytes == 0)
    }

    /// Copies into the current section what belongs there, padding included.
    fn fill(&mut self, bytes: &[u8]) -> usize {
        while self.sections[self.current] == 0 {
            self.current += 1;
        }
        let length = self.sections[self.current];
        let taken = bytes.len().min(padded(length) - self.offset);
        let section: &mut [u8] = match self.current {
            0 => bytemuck::cast_slice_mut(&mut self.lines),
            1 => bytemuck::cast_slice_mut(&mut self.ids),
            2 => bytemuck::cast_slice_mut(&mut self.rows),
            3 => bytemuck::cast_slice_mut(&mut self.factors),
            _ => bytemuck::cast_slice_mut(&mut self.removed),
        };
        let stored = taken.min(length.saturating_sub(self.offset));
        if stored > 0 {
            section[self.offset..self.offset + stored].copy_from_slice(&bytes[..stored]);
        }
        self.checksums.update(&bytes[..taken]);
        self.offset += taken;
        if self.offset == padded(length) {
            self.sections[self.current] = 0;
            self.offset = 0;
        }
        taken
    }

    /// Checks the contents and adds them to the others.
    fn close(self, header: Header, opening: &mut Opening) -> Result<()> {
        if Some(self.checksums.finish()) != self.table {
            return Err(bad("its contents are damaged"));
        }
        if self.record.kind == Kind::Removal {
            return opening.remove(&self.removed);
        }
        opening.push(&self.record, |first_row| {
            let count = self.record.count as usize;
            let blocks = Blocks::from_lines(self.lines, count, header.bits as usize)?;
            let rows_at = self.record.has_rows.then_some(self.rows);
            let ids = header.has_ids.then_some(self.ids);
            let factors = header.has_factors.then_some(self.factors);
            check_columns(ids.as_deref(), rows_at.as_deref(), factors.as_deref(), count)?;
            Ok(Segment::of(blocks, first_row, rows_at, Beside { ids, factors }))
        })
    }
}
