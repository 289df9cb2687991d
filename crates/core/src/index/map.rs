//! An index that is searched where it lies in a file: records are walked, and what they hold is checked where it
//! is first used. Small segments are copied and merged, so that many small appends do not slow searches.

use std::ops::Range;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::Snapshot;
use super::change::appended;
use super::file::{CHUNK, Commit, FRONT, HEADER, Header, Kind, Record, bad, chunks, padded};
use super::file_read::remove;
use super::segment::{Beside, Columns, Segment};
use super::unchecked::Unchecked;
use crate::column::{Column, SharedBytes};
use crate::error::Result;
use crate::hamming::{Blocks, GROUP, Line};
use crate::sizes::block;

/// Segments of fewer bytes are copied.
const SMALL: usize = block(1 << 20, 1024);

/// What was committed to a file at one moment. Its front is not read in the map again: it changes with every commit.
pub(super) struct Mapped {
    pub header: Header,
    pub commit: Commit,
    /// As long as the commit says.
    pub bytes: SharedBytes,
}

/// Reads the headers of a file.
///
/// # Errors
/// `IndexFormat` for what is found damaged on the way, `OutOfMemory`.
pub(super) fn read(&Mapped { header, ref bytes, .. }: &Mapped) -> Result<Snapshot> {
    let end = (**bytes).as_ref().len();
    let Header { has_ids, has_factors, fingerprint: model, .. } = header;
    let mut snapshot = Snapshot { has_ids, has_factors, model, ..Snapshot::default() };
    let mut at = FRONT;
    while at < end {
        let stored = Stored::at(bytes, at, end, header)?;
        at = stored.sections.end;
        stored.add_to(&mut snapshot, header)?;
    }
    Ok(snapshot)
}

/// A record in a file.
pub(super) struct Stored<'a> {
    bytes: &'a SharedBytes,
    pub record: Record,
    /// Length of each section.
    lengths: [usize; 5],
    /// Where its sections are, padding included.
    pub sections: Range<usize>,
    checksums: Column<u64>,
}

impl<'a> Stored<'a> {
    /// The record that begins at byte `at`.
    ///
    /// # Errors
    /// `IndexFormat`.
    pub fn at(bytes: &'a SharedBytes, at: usize, end: usize, header: Header) -> Result<Self> {
        let stored = Self::of(Record::from_bytes(head(bytes, at, end)?)?, bytes, at, end, header)?;
        match stored.has_whole_table() {
            true => Ok(stored),
            false => Err(bad("the checksums of a record are damaged")),
        }
    }

    /// [`Stored::at`] with a header of which one bit was flipped, or with a damaged table of checksums, and what is
    /// wrong then: what agrees with its checksum is whole nevertheless.
    ///
    /// # Errors
    /// As [`Stored::at`], where nothing can be done.
    pub fn mended(
        bytes: &'a SharedBytes,
        at: usize,
        end: usize,
        header: Header,
    ) -> Result<(Self, Option<&'static str>)> {
        let head = head(bytes, at, end)?;
        let (record, problem) = match Record::from_bytes(head) {
            Ok(record) => (record, None),
            Err(error) => {
                let problem = "the header of a record is damaged, by a bit";
                (Record::mended(head).ok_or(error)?, Some(problem))
            }
        };
        let stored = Self::of(record, bytes, at, end, header)?;
        let is_whole = stored.has_whole_table();
        Ok((stored, if is_whole { problem } else { Some("the checksums of a record are damaged") }))
    }

    fn of(
        record: Record,
        bytes: &'a SharedBytes,
        at: usize,
        end: usize,
        header: Header,
    ) -> Result<Self> {
        let table = at + HEADER;
        let lengths = record.checked_sections(header, end - table)?;
        let payload: usize = lengths.iter().map(|length| padded(*length)).sum();
        let count = chunks(payload);
        let first = table + padded(count * 8);
        let checksums = Column::shared(bytes, table..table + count * 8);
        let checksums = checksums.ok_or_else(|| bad("its records are not aligned"))?;
        Ok(Self { bytes, record, lengths, sections: first..first + payload, checksums })
    }

    fn has_whole_table(&self) -> bool {
        let table = bytemuck::cast_slice::<u64, u8>(&self.checksums);
        let padding =
            self.sections.start - (padded(table.len()) - table.len())..self.sections.start;
        xxh3_64(table) == self.record.checksum
            && (**self.bytes).as_ref()[padding].iter().all(|byte| *byte == 0)
    }

    /// What compares it with its checksums.
    pub fn unchecked(&self) -> Unchecked {
        Unchecked::new(self.bytes.clone(), self.sections.clone(), self.checksums.clone())
    }

    /// The parts of its sections, 64 KiB each at most, that differ from their checksums.
    pub fn damaged(&self) -> Vec<Range<usize>> {
        let (unchecked, length) = (self.unchecked(), self.sections.len());
        let parts = (0..length).step_by(CHUNK).map(|at| at..length.min(at + CHUNK));
        parts.filter(|part| unchecked.check(part.clone(), |_| Ok(())).is_err()).collect()
    }

    /// The rows that it removes.
    ///
    /// # Errors
    /// `IndexFormat`.
    pub fn removed(&self) -> Result<Column<u32>> {
        self.section(4)
    }

    /// The positions of which some byte lies in a part of the sections.
    pub fn positions(
        &self,
        part: &Range<usize>,
        words: usize,
    ) -> impl Iterator<Item = Range<usize>> {
        let (lengths, part) = (self.lengths, part.clone());
        // Bytes, and positions that share them.
        let units = [(words * size_of::<Line>(), GROUP), (8, 1), (4, 1), (4, 1)];
        units.into_iter().enumerate().filter_map(move |(section, (bytes, positions))| {
            let first: usize = lengths[..section].iter().map(|length| padded(*length)).sum();
            let start = part.start.max(first) - first;
            let end = part.end.min(first + lengths[section]).saturating_sub(first);
            (start < end).then(|| start / bytes * positions..end.div_ceil(bytes) * positions)
        })
    }

    fn section<T: bytemuck::Pod>(&self, number: usize) -> Result<Column<T>> {
        let before: usize = self.lengths[..number].iter().map(|length| padded(*length)).sum();
        let first = self.sections.start + before;
        Column::shared(self.bytes, first..first + self.lengths[number])
            .ok_or_else(|| bad("its records are not aligned"))
    }

    /// Its codes and columns, where they lie.
    ///
    /// # Errors
    /// `IndexFormat`.
    pub fn segment(&self, header: Header, first_row: u32) -> Result<Segment> {
        let count = self.record.count as usize;
        let blocks = Blocks::unchecked(self.section(0)?, count, header.bits as usize)?;
        let columns = Columns {
            ids: header.has_ids.then(|| self.section(1)).transpose()?,
            rows: self.record.has_rows.then(|| self.section(2)).transpose()?,
            factors: header.has_factors.then(|| self.section(3)).transpose()?,
        };
        Ok(Segment::stored(blocks, first_row, columns, Some(self.unchecked())))
    }

    fn add_to(&self, snapshot: &mut Snapshot, header: Header) -> Result<()> {
        match self.record.kind {
            Kind::Segment => {
                let count = self.record.checked_count(snapshot.rows)?;
                let segment = self.segment(header, snapshot.rows as u32)?;
                if self.sections.len() >= SMALL {
                    snapshot.push(segment);
                    return Ok(());
                }
                let segment = Arc::new(segment.copied()?);
                snapshot.parts = appended(&snapshot.parts, &segment, header.bits as usize)?;
                snapshot.rows += count;
                snapshot.alive += count;
                Ok(())
            }
            Kind::Removal => {
                self.unchecked().check(0..self.sections.len(), |_| Ok(()))?;
                remove(&self.removed()?, snapshot)
            }
        }
    }
}

fn head(bytes: &SharedBytes, at: usize, end: usize) -> Result<&[u8; HEADER]> {
    let cut = || bad("it is truncated within the header of a record");
    (**bytes).as_ref()[at..end].first_chunk().ok_or_else(cut)
}

impl Segment {
    /// The same in memory, all of it checked.
    ///
    /// # Errors
    /// `IndexFormat` where the file is damaged.
    pub(super) fn copied(&self) -> Result<Self> {
        self.check_columns()?;
        self.check_codes(0..self.count())?;
        let blocks =
            Blocks::from_lines(self.blocks.lines().to_vec(), self.count(), self.blocks.bits())?;
        let beside = Beside {
            ids: self.ids.as_deref().map(<[i64]>::to_vec),
            factors: self.factors.as_deref().map(<[f32]>::to_vec),
        };
        let rows = self.rows.as_deref().map(<[u32]>::to_vec);
        Ok(Self::of(blocks, self.first_row, rows, beside))
    }

    /// The codes at `kept`, rising positions, if there are any. Their rows are numbered from `first_row` on in
    /// the order of those that they had, which are added to `rows`. Nothing is checked.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn selected(
        &self,
        kept: &[u32],
        first_row: u32,
        rows: &mut Vec<u32>,
    ) -> Result<Option<Self>> {
        if kept.is_empty() {
            return Ok(None);
        }
        let mut by_row: Vec<u32> = kept.iter().map(|position| self.row(*position)).collect();
        let new_rows = self.rows.as_ref().map(|_| {
            let old_rows = by_row.clone();
            by_row.sort_unstable();
            let new_row = |row: &u32| by_row.partition_point(|other| other < row) as u32;
            old_rows.iter().map(new_row).collect::<Vec<_>>()
        });
        rows.extend_from_slice(&by_row);
        let mut blocks = Blocks::zeros(kept.len(), self.blocks.bits())?;
        let mut words = vec![0; blocks.words()];
        for (to, from) in kept.iter().enumerate() {
            self.blocks.get(*from as usize, &mut words);
            // A repair may find bits there.
            if let (Some(last), tail @ 1..) = (words.last_mut(), self.blocks.bits() % 64) {
                *last &= (1 << tail) - 1;
            }
            blocks.set(to, &words);
        }
        let beside = Beside {
            ids: self.ids.as_ref().map(|ids| kept.iter().map(|at| ids[*at as usize]).collect()),
            factors: self
                .factors
                .as_ref()
                .map(|all| kept.iter().map(|at| all[*at as usize]).collect()),
        };
        let new_rows = new_rows.filter(|rows| !rows.is_sorted());
        Ok(Some(Self::of(blocks, first_row, new_rows, beside)))
    }
}
