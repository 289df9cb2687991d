//! Adding and removing: a new snapshot for whoever searches next.

use std::sync::{Arc, PoisonError};

use super::bitmap::Bitmap;
use super::merge::merge;
use super::segment::{Beside, Segment, telling};
use super::{Index, Part, Snapshot};
use crate::codes::{Codes, Fingerprint};
use crate::error::{Error, Result};
use crate::parallel::Cancel;
use crate::sorting;
use crate::text;
use crate::vectors::check_finite;

impl Index {
    /// Appends codes and returns the row of the first. A smaller segment at the end is merged with the new
    /// one, so that segments stay few.
    ///
    /// # Errors
    /// `Mismatch` for codes of another length, ids or factors that are not one per code, given to an index
    /// without or left out with; `NotFinite` for factors; `InvalidOption` for factors of another sign than those before,
    /// and so of another metric, and beyond 2^32 − 1 rows; `OutOfMemory`; `Conflict` for the index of an
    /// [`super::IndexFile`]; `IndexFormat` where it lies in a file that is damaged. Nothing has changed then.
    pub fn add(&self, codes: &Codes, beside: impl Into<Beside>) -> Result<usize> {
        self.check_free()?;
        self.append(codes, beside.into(), &Cancel::default())
    }

    pub(super) fn append(&self, codes: &Codes, beside: Beside, cancel: &Cancel) -> Result<usize> {
        self.append_with(codes, beside, cancel, |_, _| Ok(()))
    }

    /// [`Index::add`] that has `keep` store the new segment, of codes from the given model, before anybody sees it.
    ///
    /// # Errors
    /// As [`Index::add`], or of `keep`; nothing has changed then.
    pub(super) fn append_with(
        &self,
        codes: &Codes,
        beside: Beside,
        cancel: &Cancel,
        keep: impl FnOnce(&Arc<Segment>, Fingerprint) -> Result<()>,
    ) -> Result<usize> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.snapshot();
        let (segment, model) = now.next_segment(self.bits, codes, beside, cancel)?;
        let (segment, rows) = (Arc::new(segment), now.rows + codes.rows());
        let parts = appended(&now.parts, &segment, self.bits)?;
        keep(&segment, model)?;
        self.publish(Snapshot { parts, rows, alive: now.alive + codes.rows(), model, ..*now });
        Ok(now.rows)
    }

    /// Removes every code whose id (the row, where there are no ids) is among `ids`, and returns how many
    /// there were. Unknown ids are passed over.
    ///
    /// # Errors
    /// `OutOfMemory`; nothing has changed then.
    pub fn remove(&self, ids: &[i64]) -> Result<usize> {
        self.check_free()?;
        self.remove_with(ids, |_| Ok(()))
    }

    /// A change in memory alone would part it from its file.
    fn check_free(&self) -> Result<()> {
        let problem = "it belongs to a file that is open for changes: append and remove there";
        match self.is_of_file {
            true => Err(Error::Conflict { option: "index", problem }.into()),
            false => Ok(()),
        }
    }

    /// [`Index::remove`] that has `keep` store the rising rows that are gone, if any, before anybody misses them.
    ///
    /// # Errors
    /// As [`Index::remove`], or of `keep`; nothing has changed then.
    pub(super) fn remove_with(
        &self,
        ids: &[i64],
        keep: impl FnOnce(&[u32]) -> Result<()>,
    ) -> Result<usize> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.snapshot();
        let mut ids = ids.to_vec();
        sorting::sort(&mut ids);
        let mut next = Snapshot::clone(&now);
        let mut rows = Vec::new();
        for part in &mut next.parts {
            part.segment.check_columns()?;
            let mut alive = None;
            for position in positions_of(&part.segment, &ids) {
                if part.alive.as_ref().is_none_or(|alive| alive.has(position)) {
                    if alive.is_none() {
                        alive = Some(match &part.alive {
                            Some(alive) => Bitmap::clone(alive),
                            None => Bitmap::all(part.segment.count())?,
                        });
                    }
                    if alive.as_mut().is_some_and(|alive| alive.remove(position)) {
                        rows.push(part.segment.row(position as u32));
                    }
                }
            }
            if let Some(alive) = alive {
                part.alive = Some(Arc::new(alive));
            }
        }
        next.alive -= rows.len();
        if !rows.is_empty() {
            sorting::sort(&mut rows);
            keep(&rows)?;
            self.publish(next);
        }
        Ok(rows.len())
    }

    pub(super) fn publish(&self, next: Snapshot) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

impl Snapshot {
    /// The segment that `codes` will be, and the model that the index then knows.
    ///
    /// # Errors
    /// As [`Index::add`].
    pub(super) fn next_segment(
        &self,
        bits: usize,
        codes: &Codes,
        beside: Beside,
        cancel: &Cancel,
    ) -> Result<(Segment, Fingerprint)> {
        self.check(bits, codes, "codes")?;
        let Beside { ids, factors } = &beside;
        check_count("ids", self.has_ids, codes.rows(), ids.as_ref().map_or(0, Vec::len))?;
        let given = factors.as_deref().unwrap_or_default();
        check_count("factors", self.has_factors, codes.rows(), given.len())?;
        check_finite(given, self.rows, 1)?;
        self.check_signs(given)?;
        let first_row = self.rows;
        let rows = first_row + codes.rows();
        if u32::try_from(rows).is_err() {
            let (value, expected) = (rows.to_string(), "at most 4294967295");
            return Err(Error::InvalidOption { option: "rows", value, expected }.into());
        }
        let segment = Segment::new(codes, beside, first_row as u32, cancel)?;
        // Codes of unknown origin keep an index from knowing its own.
        let model = match codes.model() {
            Some(model) if first_row == 0 => model,
            _ => self.model,
        };
        Ok((segment, model))
    }

    /// Checks that `factors` of the next rows are for the metric of those that are there, which their sign tells; 0 is
    /// for any.
    ///
    /// # Errors
    /// `InvalidOption` that names the first row of another sign, or as [`Snapshot::some_factor`].
    fn check_signs(&self, factors: &[f32]) -> Result<()> {
        let mut some = self.some_factor()?;
        if some == 0.0 {
            some = telling(factors);
        }
        match factors.iter().position(|factor| factor * 1f32.copysign(some) < 0.0) {
            None => Ok(()),
            Some(at) => {
                let sign = if factors[at] < 0.0 { "below" } else { "above" };
                let value = text!["that of row ", self.rows + at, ", ", sign, " 0,"];
                let expected = "of the metric of those before, which have the other sign";
                Err(Error::InvalidOption { option: "factors", value, expected }.into())
            }
        }
    }
}

fn check_count(what: &str, is_wanted: bool, rows: usize, given: usize) -> Result<()> {
    let wanted = if is_wanted { rows } else { 0 };
    match given == wanted {
        true => Ok(()),
        false => Err(Error::mismatch(text!["number of ", what], wanted, given)),
    }
}

/// The parts with one more, merged with those before it that hold no more codes and are in memory.
pub(super) fn appended(parts: &[Part], segment: &Arc<Segment>, bits: usize) -> Result<Vec<Part>> {
    let mut kept = parts.len();
    let mut count = segment.count();
    while kept > 0
        && parts[kept - 1].segment.count() <= count
        && !parts[kept - 1].segment.is_stored()
    {
        kept -= 1;
        count += parts[kept].segment.count();
    }
    let mut next = parts[..kept].to_vec();
    let (segment, alive) = if kept == parts.len() {
        (segment.clone(), None)
    } else {
        let before = parts[kept..].iter().map(|part| (&*part.segment, part.alive.as_deref()));
        let merged: Vec<_> = before.chain([(&**segment, None)]).collect();
        let (merged, alive) = merge(&merged, bits)?;
        (Arc::new(merged), alive)
    };
    next.push(Part { segment, alive: alive.map(Arc::new) });
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
