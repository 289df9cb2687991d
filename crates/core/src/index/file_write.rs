//! An index as the bytes of a file, in pieces of a bounded size.

use std::sync::Arc;

use super::commit::{Commit, front};
use super::file::{Checksums, FRONT, HEADER, Header, Kind, Record, chunks, padded};
use super::{Index, Snapshot};
use crate::checksum::checksum;
use crate::error::Result;
use crate::sorting;

/// The file of an index at one moment; the index may change meanwhile.
#[derive(Debug)]
pub struct IndexWriter {
    snapshot: Arc<Snapshot>,
    removed: Vec<u32>,
    /// Sections in the order of the file, and how far they were read.
    sections: Vec<Section>,
    current: usize,
    offset: usize,
}

#[derive(Debug)]
enum Section {
    Own(Vec<u8>),
    Codes(usize),
    Ids(usize),
    Rows(usize),
    Factors(usize),
    Removed,
}

impl Index {
    /// Writes what the index holds now.
    ///
    /// # Errors
    /// `IndexFormat` where it lies in a file that is damaged.
    pub fn writer(&self) -> Result<IndexWriter> {
        let snapshot = self.snapshot();
        let header = header_of(&snapshot, self.bits);
        let removed = removed_rows(&snapshot);
        let mut writer = IndexWriter::of_records(snapshot, removed)?;
        let commit = Commit::settled(1, (FRONT + writer.total_bytes()) as u64);
        writer.sections.insert(0, Section::Own(front(header, commit)));
        Ok(writer)
    }
}

pub(super) fn header_of(snapshot: &Snapshot, bits: usize) -> Header {
    let Snapshot { has_ids, has_factors, model, .. } = *snapshot;
    Header { bits: bits as u32, has_ids, has_factors, fingerprint: model }
}

impl IndexWriter {
    /// The records of all segments, and one of `removed` rows if there are any.
    ///
    /// # Errors
    /// `IndexFormat` where a segment lies in a file that is damaged: its new checksums would not tell.
    pub(super) fn of_records(snapshot: Arc<Snapshot>, removed: Vec<u32>) -> Result<Self> {
        let mut writer = IndexWriter { snapshot, removed, sections: vec![], current: 0, offset: 0 };
        for p in 0..writer.snapshot.parts.len() {
            let segment = &writer.snapshot.parts[p].segment;
            segment.check_columns()?;
            segment.check_codes(0..segment.count())?;
            let (has_rows, first_row, count) =
                (segment.rows.is_some(), u64::from(segment.first_row), segment.count() as u64);
            let record =
                Record { kind: Kind::Segment, has_rows, first_row, count, bytes: 0, checksum: 0 };
            writer.push(
                record,
                vec![Section::Codes(p), Section::Ids(p), Section::Rows(p), Section::Factors(p)],
            );
        }
        if !writer.removed.is_empty() {
            let count = writer.removed.len() as u64;
            let (kind, has_rows, first_row) = (Kind::Removal, false, 0);
            let record = Record { kind, has_rows, first_row, count, bytes: 0, checksum: 0 };
            writer.push(record, vec![Section::Removed]);
        }
        Ok(writer)
    }

    /// Length of the file.
    pub fn total_bytes(&self) -> usize {
        self.sections.iter().map(|section| padded(self.bytes(section).len())).sum()
    }

    /// The next bytes, at most `at_most` (but at least 64), until there are none.
    pub fn next(&mut self, at_most: usize) -> Vec<u8> {
        let at_most = at_most.max(HEADER);
        let mut piece = Vec::new();
        while let Some(section) = self.sections.get(self.current)
            && piece.len() < at_most
        {
            let bytes = self.bytes(section);
            let whole = padded(bytes.len());
            let end = whole.min(self.offset + at_most - piece.len());
            let stored = end.min(bytes.len());
            if self.offset < stored {
                piece.extend_from_slice(&bytes[self.offset..stored]);
            }
            piece.resize(piece.len() + end - stored.max(self.offset), 0);
            self.offset = end;
            if end == whole {
                self.current += 1;
                self.offset = 0;
            }
        }
        piece
    }

    /// Appends the sections of a record, behind a header and checksums made from them.
    fn push(&mut self, mut record: Record, sections: Vec<Section>) {
        let mut checksums = Checksums::default();
        let mut length = 0;
        for section in &sections {
            let bytes = self.bytes(section);
            checksums.update(bytes);
            checksums.update(&[0; HEADER][..padded(bytes.len()) - bytes.len()]);
            length += padded(bytes.len());
        }
        let checksums = checksums.finish();
        debug_assert_eq!(checksums.len(), chunks(length));
        let table: Vec<u8> = checksums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        record.checksum = checksum(&table);
        record.bytes = (padded(table.len()) + length) as u64;
        self.sections.extend([Section::Own(record.to_bytes().to_vec()), Section::Own(table)]);
        self.sections.extend(sections);
    }

    fn bytes<'a>(&'a self, section: &'a Section) -> &'a [u8] {
        let segment = |p: usize| &self.snapshot.parts[p].segment;
        match section {
            Section::Own(bytes) => bytes,
            Section::Codes(p) => bytemuck::cast_slice(segment(*p).blocks.lines()),
            Section::Ids(p) => bytemuck::cast_slice(segment(*p).ids.as_deref().unwrap_or_default()),
            Section::Rows(p) => {
                bytemuck::cast_slice(segment(*p).rows.as_deref().unwrap_or_default())
            }
            Section::Factors(p) => {
                bytemuck::cast_slice(segment(*p).factors.as_deref().unwrap_or_default())
            }
            Section::Removed => bytemuck::cast_slice(&self.removed),
        }
    }
}

/// Rising.
fn removed_rows(snapshot: &Snapshot) -> Vec<u32> {
    let mut removed = Vec::new();
    for part in &snapshot.parts {
        if let Some(alive) = &part.alive {
            let gone = (0..alive.length()).filter(|position| !alive.has(*position));
            removed.extend(gone.map(|position| part.segment.row(position as u32)));
        }
    }
    sorting::sort(&mut removed);
    removed
}
