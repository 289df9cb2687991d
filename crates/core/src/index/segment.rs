//! An immutable part of an index: codes in the order of their ids, with what is derived from them.

use std::ops::Range;
use std::sync::OnceLock;
use std::{
    sync::{Mutex, TryLockError},
    time::Duration,
};

use super::columns::check_columns;
use super::file::padded;
use super::tables::Tables;
use super::unchecked::Unchecked;
use crate::codes::Codes;
use crate::column::Column;
use crate::error::Result;
use crate::hamming::{Blocks, GROUP, Line};
use crate::parallel::{Cancel, sort};
use crate::vectors::zeros;

/// What stands beside the codes of an index, one per code where there is any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beside {
    /// Names of the codes; ties go to the smaller.
    pub ids: Option<Vec<i64>>,
    /// Factors of a re-ranking by codes ([`crate::rerank::by_codes`]), finite.
    pub factors: Option<Vec<f32>>,
}

impl From<Option<Vec<i64>>> for Beside {
    fn from(ids: Option<Vec<i64>>) -> Self {
        Self { ids, factors: None }
    }
}

/// What a segment has beside its codes, in the order of positions.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub ids: Option<Column<i64>>,
    pub rows: Option<Column<u32>>,
    pub factors: Option<Column<f32>>,
}

/// The factor by whose sign all are read: the first that is not 0; else a 0, or −0.
pub(super) fn telling(factors: &[f32]) -> f32 {
    let some = factors.iter().find(|factor| **factor != 0.0).or(factors.first());
    some.copied().unwrap_or_default()
}

/// Codes and what they are called. Rows are numbered over the whole index.
#[derive(Debug)]
pub(crate) struct Segment {
    pub blocks: Blocks,
    pub first_row: u32,
    /// Rising, in the order of positions.
    pub ids: Option<Column<i64>>,
    /// The row at each position, less `first_row`; without it position p is row p.
    pub rows: Option<Column<u32>>,
    /// What the code at each position stands for is scored with (`crate::rerank`).
    pub factors: Option<Column<f32>>,
    unchecked: Option<Unchecked>,
    positions: OnceLock<Vec<u32>>,
    tables: OnceLock<Tables>,
    building: Mutex<()>,
}

impl Segment {
    /// Codes in the order of their ids, equal ids in the order of rows.
    ///
    /// # Errors
    /// `OutOfMemory`, `Aborted`.
    pub fn new(codes: &Codes, beside: Beside, first_row: u32, cancel: &Cancel) -> Result<Self> {
        let Beside { ids, factors } = beside;
        let bits = codes.bits();
        if ids.as_ref().is_none_or(|ids| ids.is_sorted()) {
            let blocks = Blocks::from_codes(codes.as_bytes(), bits)?;
            return Ok(Self::of(blocks, first_row, None, Beside { ids, factors }));
        }
        let by_row = ids.unwrap_or_default();
        let mut order: Vec<(i64, u32)> = by_row.into_iter().zip(0..).collect();
        sort(&mut order, cancel)?;
        let (ids, rows): (Vec<i64>, Vec<u32>) = order.into_iter().unzip();
        cancel.check()?;
        let in_order = rows.iter().map(|row| codes.row(*row as usize));
        let blocks = Blocks::from_rows(in_order, bits)?;
        let in_order = |factors: Vec<f32>| rows.iter().map(|row| factors[*row as usize]).collect();
        let beside = Beside { ids: Some(ids), factors: factors.map(in_order) };
        Ok(Self::of(blocks, first_row, Some(rows), beside))
    }

    /// Of what is in the order of positions already.
    pub fn of(blocks: Blocks, first_row: u32, rows: Option<Vec<u32>>, beside: Beside) -> Self {
        let Beside { ids, factors } = beside;
        let (ids, factors) = (ids.map(Column::from), factors.map(Column::from));
        Self::stored(
            blocks,
            first_row,
            Columns { ids, rows: rows.map(Column::from), factors },
            None,
        )
    }

    /// Of columns that may lie in a file, and then are `unchecked`.
    pub fn stored(
        blocks: Blocks,
        first_row: u32,
        columns: Columns,
        unchecked: Option<Unchecked>,
    ) -> Self {
        let Columns { ids, rows, factors } = columns;
        Self {
            blocks,
            first_row,
            ids,
            rows,
            factors,
            unchecked,
            positions: OnceLock::new(),
            tables: OnceLock::new(),
            building: Mutex::new(()),
        }
    }

    /// Whether it lies in a file.
    pub fn is_stored(&self) -> bool {
        self.unchecked.is_some()
    }

    /// Checks what was not looked at yet of the codes at `positions`.
    ///
    /// # Errors
    /// `IndexFormat` where a file is damaged.
    pub fn check_codes(&self, positions: Range<usize>) -> Result<()> {
        match &self.unchecked {
            Some(unchecked) => {
                let group_bytes = self.blocks.words() * size_of::<Line>();
                let groups = positions.start / GROUP..positions.end.div_ceil(GROUP);
                let bytes = groups.start * group_bytes..groups.end * group_bytes;
                unchecked.check(bytes, |bytes| self.check_lines(bytes))
            }
            None => Ok(()),
        }
    }

    /// Checks ids, rows and factors where they were not looked at yet.
    ///
    /// # Errors
    /// As [`Segment::check_codes`].
    pub fn check_columns(&self) -> Result<()> {
        let Some(unchecked) = &self.unchecked else { return Ok(()) };
        let codes = size_of_val(self.blocks.lines());
        unchecked.check_columns(codes, |bytes| self.check_lines(bytes), || self.check_order())
    }

    /// The first factor that is not 0; else a 0, or −0.
    ///
    /// # Errors
    /// As [`Segment::check_codes`].
    pub fn some_factor(&self) -> Result<f32> {
        let factors = self.factors.as_deref().unwrap_or_default();
        let some = telling(factors);
        if let Some(unchecked) = self.unchecked.as_ref().filter(|_| !factors.is_empty()) {
            // The sections before that of the factors, padded; what they hold may wait until a search needs it.
            let ids = self.ids.as_deref().map_or(0, |ids| padded(size_of_val(ids)));
            let rows = self.rows.as_deref().map_or(0, |rows| padded(size_of_val(rows)));
            let position = factors.iter().position(|factor| *factor == some).unwrap_or_default();
            let at = size_of_val(self.blocks.lines()) + ids + rows + position * size_of::<f32>();
            unchecked.check(at..at + size_of::<f32>(), |bytes| self.check_lines(bytes))?;
        }
        Ok(some)
    }

    /// Whether ids, rows and factors are what an index needs.
    ///
    /// # Errors
    /// `IndexFormat`.
    pub fn check_order(&self) -> Result<()> {
        let (ids, rows) = (self.ids.as_deref(), self.rows.as_deref());
        check_columns(ids, rows, self.factors.as_deref(), self.count())
    }

    /// Whether what codes do not use is zero in these bytes of the sections.
    fn check_lines(&self, bytes: Range<usize>) -> Result<()> {
        let all = self.blocks.lines().len();
        let line = |byte: usize| (byte / size_of::<Line>()).min(all);
        self.blocks.check_lines(line(bytes.start)..line(bytes.end))
    }

    /// Number of codes, removed ones included.
    pub fn count(&self) -> usize {
        self.blocks.rows()
    }

    /// The row at `position`.
    pub fn row(&self, position: u32) -> u32 {
        self.first_row + self.rows.as_ref().map_or(position, |rows| rows[position as usize])
    }

    /// The id at `position`: the row where there are none.
    pub fn id(&self, position: u32) -> i64 {
        self.ids
            .as_ref()
            .map_or_else(|| i64::from(self.row(position)), |ids| ids[position as usize])
    }

    /// The position of `row`, which must be of this segment.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn position(&self, row: u32) -> Result<u32> {
        let within = row - self.first_row;
        let Some(rows) = &self.rows else { return Ok(within) };
        self.check_columns()?;
        if let Some(positions) = self.positions.get() {
            return Ok(positions[within as usize]);
        }
        let mut positions: Vec<u32> = zeros(rows.len(), "positions of rows")?;
        for (position, row) in rows.iter().enumerate() {
            positions[*row as usize] = position as u32;
        }
        Ok(self.positions.get_or_init(|| positions)[within as usize])
    }

    /// The search tables, if they have been built.
    pub fn built_tables(&self) -> Option<&Tables> {
        self.tables.get()
    }

    /// The search tables, built when first asked for.
    ///
    /// # Errors
    /// `OutOfMemory`, `Aborted`.
    pub fn tables(&self, threads: usize, cancel: &Cancel) -> Result<&Tables> {
        let _building = loop {
            match self.building.try_lock() {
                Ok(guard) => break guard,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                // Somebody else builds them.
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
            cancel.check()?;
        };
        if let Some(tables) = self.tables.get() {
            return Ok(tables);
        }
        self.check_codes(0..self.count())?;
        let tables = Tables::build(&self.blocks, threads, cancel)?;
        Ok(self.tables.get_or_init(|| tables))
    }

    /// Bytes held, about.
    pub fn memory(&self) -> usize {
        let tables = self.tables.get().map_or(0, Tables::memory);
        tables
            + self.blocks.memory()
            + self.ids.as_ref().map_or(0, Column::memory)
            + self.rows.as_ref().map_or(0, Column::memory)
            + self.factors.as_ref().map_or(0, Column::memory)
            + self.positions.get().map_or(0, |positions| size_of_val(&positions[..]))
    }
}
