//! An immutable part of an index: codes in the order of their ids, with what is derived from them.

use std::sync::{Mutex, OnceLock, TryLockError};
use std::time::Duration;

use super::bitmap::Bitmap;
use super::tables::Tables;
use crate::codes::Codes;
use crate::error::{Error, Result};
use crate::hamming::Blocks;
use crate::parallel::{Cancel, sort};
use crate::sorting;
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

/// Codes and what they are called. Rows are numbered over the whole index.
#[derive(Debug)]
pub(crate) struct Segment {
    pub blocks: Blocks,
    pub first_row: u32,
    /// Rising, in the order of positions.
    pub ids: Option<Vec<i64>>,
    /// The row at each position, less `first_row`; without it position p is row p.
    pub rows: Option<Vec<u32>>,
    /// What the code at each position stands for is scored with (`crate::rerank`).
    pub factors: Option<Vec<f32>>,
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
        let (positions, tables, building) = Default::default();
        let Beside { ids, factors } = beside;
        Self { blocks, first_row, ids, rows, factors, positions, tables, building }
    }

    /// One segment of several that follow each other in rows. With the alive positions of each it also
    /// gives those of the whole.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn merge(
        parts: &[(&Self, Option<&Bitmap>)],
        bits: usize,
    ) -> Result<(Self, Option<Bitmap>)> {
        let first_row = parts.first().map_or(0, |(part, _)| part.first_row);
        let count = parts.iter().map(|(part, _)| part.count()).sum();
        let mut order: Vec<(u32, u32)> = Vec::new();
        order.try_reserve_exact(count).map_err(|_| Error::out_of_memory("a segment", 8 * count))?;
        for (p, (part, _)) in parts.iter().enumerate() {
            order.extend((0..part.count() as u32).map(|position| (p as u32, position)));
        }
        let segment = |p: u32| parts[p as usize].0;
        let has_ids = parts.iter().any(|(part, _)| part.ids.is_some());
        if has_ids {
            let key = |(p, at): &(u32, u32)| (segment(*p).id(*at), segment(*p).row(*at));
            sorting::sort_by(&mut order, |a, b| key(a).cmp(&key(b)));
        }
        let mut blocks = Blocks::zeros(count, bits)?;
        let mut words = vec![0; blocks.words()];
        for (position, (p, at)) in order.iter().enumerate() {
            segment(*p).blocks.get(*at as usize, &mut words);
            blocks.set(position, &words);
        }
        let ids = has_ids.then(|| order.iter().map(|(p, at)| segment(*p).id(*at)).collect());
        let rows: Vec<u32> = order.iter().map(|(p, at)| segment(*p).row(*at) - first_row).collect();
        let rows = Some(rows).filter(|rows| !rows.is_sorted());
        let factor = |(p, at): &(u32, u32)| segment(*p).factors.as_ref().map(|f| f[*at as usize]);
        let factors: Option<Vec<f32>> = order.iter().map(factor).collect();
        let mut alive = None;
        if parts.iter().any(|(_, alive)| alive.is_some()) {
            let mut all = Bitmap::all(count)?;
            for (position, (p, at)) in order.iter().enumerate() {
                if parts[*p as usize].1.is_some_and(|alive| !alive.has(*at as usize)) {
                    all.remove(position);
                }
            }
            alive = Some(all);
        }
        Ok((Self::of(blocks, first_row, rows, Beside { ids, factors }), alive))
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
        let tables = Tables::build(&self.blocks, threads, cancel)?;
        Ok(self.tables.get_or_init(|| tables))
    }

    /// Bytes held, about.
    pub fn memory(&self) -> usize {
        size_of_val(self.blocks.lines())
            + self.ids.as_ref().map_or(0, |ids| size_of_val(&ids[..]))
            + self.rows.as_ref().map_or(0, |rows| size_of_val(&rows[..]))
            + self.factors.as_ref().map_or(0, |factors| size_of_val(&factors[..]))
            + self.positions.get().map_or(0, |positions| size_of_val(&positions[..]))
            + self.tables.get().map_or(0, Tables::memory)
    }
}
