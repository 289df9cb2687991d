//! A snapshot from the records of a file, in their order. Small segments that follow each other become one, so that
//! many small appends do not slow searches, and each code is copied once, however many there were.

use std::sync::Arc;

use super::bitmap::Bitmap;
use super::file::{Header, Record, bad};
use super::merge::merge;
use super::segment::Segment;
use super::{Part, Snapshot};
use crate::error::Result;
use crate::parallel::{Cancel, map_tasks};
use crate::sizes::block;

/// Segments of fewer bytes are small.
const SMALL: usize = block(1 << 20, 1024);
/// Where a run of small segments ends: while it is merged, all of it is there twice.
const LONG: usize = block(16 << 20, 8 << 10);

/// Takes what records hold.
pub(super) struct Opening {
    bits: usize,
    /// Without its parts yet.
    snapshot: Snapshot,
    runs: Vec<Run>,
    removed: Vec<u32>,
}

/// Segments that become one.
struct Run {
    segments: Vec<Segment>,
    bytes: usize,
}

impl Opening {
    /// Of a file without records.
    pub fn new(header: Header) -> Self {
        let Header { bits, has_ids, has_factors, fingerprint: model } = header;
        let snapshot = Snapshot { has_ids, has_factors, model, ..Snapshot::default() };
        Self { bits: bits as usize, snapshot, runs: Vec::new(), removed: Vec::new() }
    }

    /// Adds the segment of a record, which `make` makes for its first row.
    ///
    /// # Errors
    /// `IndexFormat` where its rows are not the next ones, or as `make`.
    pub fn push(
        &mut self,
        record: &Record,
        make: impl FnOnce(u32) -> Result<Segment>,
    ) -> Result<()> {
        let (rows, bytes) = (self.snapshot.rows, record.bytes as usize);
        let count = record.checked_count(rows)?;
        let segment = make(rows as u32)?;
        self.snapshot.rows += count;
        match self.runs.last_mut() {
            Some(run) if bytes < SMALL && run.is_small() && run.bytes < LONG => {
                run.bytes += bytes;
                run.segments.push(segment);
            }
            _ => self.runs.push(Run { segments: vec![segment], bytes }),
        }
        Ok(())
    }

    /// Takes out rows that were added before.
    ///
    /// # Errors
    /// `IndexFormat` for others.
    pub fn remove(&mut self, rows: &[u32]) -> Result<()> {
        if rows.iter().any(|row| *row as usize >= self.snapshot.rows) {
            return Err(bad("it removes a row that it does not have"));
        }
        self.removed.extend_from_slice(rows);
        Ok(())
    }

    /// What the file holds.
    ///
    /// # Errors
    /// `IndexFormat` for small segments that are damaged and for rows that are removed twice, `OutOfMemory`.
    pub fn finish(self) -> Result<Snapshot> {
        let Self { bits, mut snapshot, runs, removed } = self;
        let merge = |r: usize| runs[r].merged(bits);
        let merged: Vec<Option<Segment>> = if cfg!(target_family = "wasm") {
            (0..runs.len()).map(merge).collect::<Result<_>>()?
        } else {
            map_tasks(0, runs.len(), &Cancel::default(), || (), |(), r| merge(r))?
        };
        for (run, merged) in runs.into_iter().zip(merged) {
            for segment in merged.map_or(run.segments, |merged| vec![merged]) {
                snapshot.parts.push(Part { segment: Arc::new(segment), alive: None });
            }
        }
        snapshot.alive = snapshot.rows;
        remove(&removed, &mut snapshot)?;
        Ok(snapshot)
    }
}

impl Run {
    fn is_small(&self) -> bool {
        self.segments.len() > 1 || self.bytes < SMALL
    }

    /// One segment in memory instead of its own; None where these stay what they are.
    fn merged(&self, bits: usize) -> Result<Option<Segment>> {
        if !self.is_small() || matches!(&self.segments[..], [only] if !only.is_stored()) {
            return Ok(None);
        }
        for segment in &self.segments {
            segment.check_columns()?;
            segment.check_codes(0..segment.count())?;
        }
        let parts: Vec<_> = self.segments.iter().map(|segment| (segment, None)).collect();
        Ok(Some(merge(&parts, bits)?.0))
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
