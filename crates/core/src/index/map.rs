//! An index that is searched where it lies in a file: records are walked, and what they hold is checked where it
//! is first used. Small segments are copied.

use std::ops::Range;

use super::Snapshot;
use super::commit::Commit;
use super::file::{CHUNK, FRONT, HEADER, Header, Kind, Record, bad, chunks, padded};
use super::opening::Opening;
use super::segment::{Beside, Columns, Segment};
use super::unchecked::Unchecked;
use crate::checksum::checksum;
use crate::column::{Column, SharedBytes};
use crate::error::Result;
use crate::hamming::{Blocks, GROUP, Line};

/// What was committed to a file at one moment. Its front is not read in the map again: it changes with every commit.
pub(super) struct Mapped {
    pub header: Header,
    /// What counts.
    pub commit: Commit,
    /// Whether the commit in the file says that its last bytes have to be looked at, as was done here.
    pub is_pending: bool,
    /// As long as the commit says.
    pub bytes: SharedBytes,
}

/// Reads the headers of a file.
///
/// # Errors
/// `IndexFormat` for what is found damaged on the way, `OutOfMemory`.
pub(super) fn read(&Mapped { header, ref bytes, .. }: &Mapped) -> Result<Snapshot> {
    let end = (**bytes).as_ref().len();
    let mut opening = Opening::new(header);
    let mut at = FRONT;
    while at < end {
        let stored = Stored::at(bytes, at, end, header)?;
        at = stored.sections.end;
        stored.add_to(&mut opening, header)?;
    }
    opening.finish()
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
        checksum(table) == self.record.checksum
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

    fn add_to(&self, opening: &mut Opening, header: Header) -> Result<()> {
        match self.record.kind {
            Kind::Segment => {
                opening.push(&self.record, |first_row| self.segment(header, first_row))
            }
            Kind::Removal => {
                self.unchecked().check(0..self.sections.len(), |_| Ok(()))?;
                opening.remove(&self.removed()?)
            }
        }
    }
}

fn head(bytes: &SharedBytes, at: usize, end: usize) -> Result<&[u8; HEADER]> {
    let cut = || bad("it is truncated within the header of a record");
    (**bytes).as_ref()[at..end].first_chunk().ok_or_else(cut)
}

impl Segment {
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
