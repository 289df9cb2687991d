//! Adding and removing: a new snapshot for whoever searches next.

use std::sync::{Arc, PoisonError};

use super::bitmap::Bitmap;
use super::segment::{Beside, Segment};
use super::{Index, Part, Snapshot};
use crate::codes::Codes;
use crate::error::{Error, Result};
use crate::parallel::Cancel;
use crate::sorting;
use crate::vectors::check_finite;

impl Index {
    /// Appends codes and returns the row of the first. A smaller segment at the end is merged with the new
    /// one, so that segments stay few.
    ///
    /// # Errors
    /// `Mismatch` for codes of another length, ids or factors that are not one per code, given to an index
    /// without or left out with; `NotFinite` for factors; `InvalidOption` beyond 2^32 − 1 rows;
    /// `OutOfMemory`. Nothing has changed then.
    pub fn add(&self, codes: &Codes, beside: impl Into<Beside>) -> Result<usize> {
        self.append(codes, beside.into(), &Cancel::default())
    }

    pub(super) fn append(&self, codes: &Codes, beside: Beside, cancel: &Cancel) -> Result<usize> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.snapshot();
        if codes.bits() != self.bits {
            return Err(Error::mismatch("bits of the codes", self.bits, codes.bits()));
        }
        let Beside { ids, factors } = &beside;
        check_count("ids", now.has_ids, codes.rows(), ids.as_ref().map_or(0, Vec::len))?;
        let given = factors.as_deref().unwrap_or_default();
        check_count("factors", now.has_factors, codes.rows(), given.len())?;
        check_finite(given, now.rows, 1)?;
        let first_row = now.rows;
        let rows = first_row + codes.rows();
        if u32::try_from(rows).is_err() {
            let (value, expected) = (rows.to_string(), "at most 4294967295");
            return Err(Error::InvalidOption { option: "rows", value, expected });
        }
        let segment = Segment::new(codes, beside, first_row as u32, cancel)?;
        let parts = appended(&now.parts, segment, self.bits)?;
        self.publish(Snapshot { parts, rows, alive: now.alive + codes.rows(), ..*now });
        Ok(first_row)
    }

    /// Removes every code whose id (the row, where there are no ids) is among `ids`, and returns how many
    /// there were. Unknown ids are passed over.
    ///
    /// # Errors
    /// `OutOfMemory`; nothing has changed then.
    pub fn remove(&self, ids: &[i64]) -> Result<usize> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.snapshot();
        let mut ids = ids.to_vec();
        sorting::sort(&mut ids);
        let mut next = Snapshot::clone(&now);
        for part in &mut next.parts {
            let mut alive = None;
            for position in positions_of(&part.segment, &ids) {
                if part.alive.as_ref().is_none_or(|alive| alive.has(position)) {
                    if alive.is_none() {
                        alive = Some(match &part.alive {
                            Some(alive) => Bitmap::clone(alive),
                            None => Bitmap::all(part.segment.count())?,
                        });
                    }
                    next.alive -= usize::from(alive.as_mut().is_some_and(|a| a.remove(position)));
                }
            }
            if let Some(alive) = alive {
                part.alive = Some(Arc::new(alive));
            }
        }
        let removed = now.alive - next.alive;
        self.publish(next);
        Ok(removed)
    }

    pub(super) fn publish(&self, next: Snapshot) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

fn check_count(what: &str, is_wanted: bool, rows: usize, given: usize) -> Result<()> {
    let wanted = if is_wanted { rows } else { 0 };
    match given == wanted {
        true => Ok(()),
        false => Err(Error::mismatch(format!("number of {what}"), wanted, given)),
    }
}

/// The parts with one more, merged with those before it that hold no more codes.
fn appended(parts: &[Part], segment: Segment, bits: usize) -> Result<Vec<Part>> {
    let mut kept = parts.len();
    let mut count = segment.count();
    while kept > 0 && parts[kept - 1].segment.count() <= count {
        kept -= 1;
        count += parts[kept].segment.count();
    }
    let mut next = parts[..kept].to_vec();
    let (segment, alive) = if kept == parts.len() {
        (segment, None)
    } else {
        let before = parts[kept..].iter().map(|part| (&*part.segment, part.alive.as_deref()));
        let merged: Vec<_> = before.chain([(&segment, None)]).collect();
        Segment::merge(&merged, bits)?
    };
    next.push(Part { segment: Arc::new(segment), alive: alive.map(Arc::new) });
    Ok(next)
}

/// The positions in `segment` of rising `ids`.
fn positions_of<'a>(segment: &'a Segment, ids: &'a [i64]) -> impl Iterator<Item = usize> + 'a {
    ids.iter().flat_map(move |id| {
        match &segment.ids {
            Some(all) => {
                let first = all.partition_point(|other| other < id);
                first..first + all[first..].partition_point(|other| other == id)
            }
            // Without ids positions are rows.
            None => {
                let position = id.checked_sub(i64::from(segment.first_row));
                match position.and_then(|position| usize::try_from(position).ok()) {
                    Some(position) if position < segment.count() => position..position + 1,
                    _ => 0..0,
                }
            }
        }
    })
}
