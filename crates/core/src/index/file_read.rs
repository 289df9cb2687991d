//! An index from the bytes of a file, given in pieces of any size. Nothing is believed: sizes are compared
//! with the length of the file before memory is asked for, contents with their checksums and with what an
//! index needs to be.

use std::sync::Arc;

use super::bitmap::Bitmap;
use super::columns::check_columns;
use super::file::{
    Checksums, FRONT, HEADER, Header, Kind, Record, bad, chunks, padded, read_front,
};
use super::segment::{Beside, Segment};
use super::{Index, Snapshot};
use crate::checksum::checksum;
use crate::error::Result;
use crate::hamming::{Blocks, Line};
use crate::vectors::zeros;

/// Takes the bytes of a file and gives the index.
pub struct IndexReader {
    /// Bytes of the file that are still to come; once the front was read, of those that count.
    left: usize,
    header: Option<Header>,
    record: Option<Open>,
    /// A header or a table of checksums until it is complete.
    buffer: Vec<u8>,
    snapshot: Snapshot,
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
        let (header, record, buffer, snapshot) = Default::default();
        Self { left: bytes, header, record, buffer, snapshot }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `IndexFormat` as soon as something is wrong, `OutOfMemory`.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        // What nobody committed is passed over.
        while !bytes.is_empty() && (self.header.is_none() || self.left > 0) {
            bytes = &bytes[..bytes.len().min(self.left)];
            let taken = self.take(bytes)?;
            self.left -= taken;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// The index, once all bytes have come.
    ///
    /// # Errors
    /// `IndexFormat` when bytes are missing, or as [`Index::new`].
    pub fn finish(self) -> Result<Index> {
        let is_whole = self.left == 0 && self.record.is_none() && self.buffer.is_empty();
        if self.header.is_none() {
            // Says what it is not, or that it is too short.
            read_front(&self.buffer)?;
        }
        let header = self.header.filter(|_| is_whole).ok_or_else(|| bad("it is truncated"))?;
        index_of(header, self.snapshot)
    }

    /// Uses some of `bytes`, at least one, and tells how many.
    fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        let Some(open) = &mut self.record else {
            let wanted = if self.header.is_some() { HEADER } else { FRONT };
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
        match (self.header, bytes.first_chunk()) {
            (Some(header), Some(bytes)) => {
                let record = Record::from_bytes(bytes)?;
                self.record = Some(Open::new(record, header, self.left - taken)?);
            }
            _ => {
                let (header, commit) = read_front(bytes)?;
                let length = FRONT as u64 + (self.left - taken) as u64;
                self.left = commit.bytes_after_front(length)? + taken;
                self.header = Some(header);
            }
        }
        Ok(())
    }

    fn close_if_whole(&mut self) -> Result<()> {
        if self.record.as_ref().is_some_and(Open::is_whole)
            && let (Some(open), Some(header)) = (self.record.take(), self.header)
        {
            open.close(header, &mut self.snapshot)?;
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

    /// Checks the contents and adds them to the snapshot.
    fn close(self, header: Header, snapshot: &mut Snapshot) -> Result<()> {
        if Some(self.checksums.finish()) != self.table {
            return Err(bad("its contents are damaged"));
        }
        match self.record.kind {
            Kind::Segment => {
                let count = self.record.checked_count(snapshot.rows)?;
                let blocks = Blocks::from_lines(self.lines, count, header.bits as usize)?;
                let rows_at = self.record.has_rows.then_some(self.rows);
                let ids = header.has_ids.then_some(self.ids);
                let factors = header.has_factors.then_some(self.factors);
                check_columns(ids.as_deref(), rows_at.as_deref(), factors.as_deref(), count)?;
                let beside = Beside { ids, factors };
                let segment = Segment::of(blocks, snapshot.rows as u32, rows_at, beside);
                snapshot.push(segment);
                Ok(())
            }
            Kind::Removal => remove(&self.removed, snapshot),
        }
    }
}

/// Takes `rows` out.
///
/// # Errors
/// `IndexFormat` for rows that are not there.
pub(super) fn remove(rows: &[u32], snapshot: &mut Snapshot) -> Result<()> {
    for row in rows {
        let after = snapshot.parts.partition_point(|part| part.segment.first_row <= *row);
        let part = after.checked_sub(1).map(|at| &mut snapshot.parts[at]);
        let part = part.filter(|_| (*row as usize) < snapshot.rows);
        let part = part.ok_or_else(|| bad("it removes a row that it does not have"))?;
        let position = part.segment.position(*row)? as usize;
        if part.alive.is_none() {
            part.alive = Some(Arc::new(Bitmap::all(part.segment.count())?));
        }
        let alive = part.alive.as_mut().map(Arc::make_mut);
        if !alive.is_some_and(|alive| alive.remove(position)) {
            return Err(bad("it removes a row twice"));
        }
        snapshot.alive -= 1;
    }
    Ok(())
}
