//! Reads an index file to its end and says all that is wrong with it, or makes of it what can be had.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Snapshot;
use super::bitmap::Bitmap;
use super::disk::{Rewrite, lock, map_file, unreadable, unwritable, write_at};
use super::file::{Commit, FRONT, HEADER, Header, Kind, blemishes, front, read_front};
use super::file_read::remove;
use super::map::Stored;
use crate::column::SharedBytes;
use crate::error::{Error, Result};
use crate::parallel::Cancel;

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Rows ever added.
    pub rows: usize,
    /// Codes that can be found.
    pub alive: usize,
    /// Records of codes.
    pub segments: usize,
    /// Records of removals.
    pub removals: usize,
    /// Bytes that count.
    pub committed_bytes: u64,
    /// Bytes behind them, of a change that was never acknowledged; harmless.
    pub uncommitted_bytes: u64,
    /// Each names the bytes of the file that it is about; none where all is well.
    pub problems: Vec<String>,
}

/// What [`repair`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// What had been wrong.
    pub problems: Vec<String>,
    /// Codes that are lost.
    pub lost: usize,
    /// Where the damaged file was put, when codes or removals are lost.
    pub damaged: Option<PathBuf>,
    /// The row that each one had then: rows are numbered anew.
    pub rows: Option<Vec<u32>>,
}

/// Reads and checks all of a file. Others may append to it meanwhile.
///
/// # Errors
/// `Unreadable`; `IndexFormat` for a file of which no beginning can be read; `OutOfMemory`, `Aborted`.
pub fn verify(path: &Path, cancel: &Cancel) -> Result<Verified> {
    let mut file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let bytes = map_file(&mut file)?;
    let Walk { header, commit, records, mut problems } = Walk::through(&bytes, cancel)?;
    problems.extend(
        blemishes(&(*bytes).as_ref()[..FRONT], header, commit).into_iter().map(String::from),
    );
    let mut found = Verified {
        committed_bytes: commit.length,
        uncommitted_bytes: length.saturating_sub(commit.length),
        ..Verified::default()
    };
    let mut snapshot = Snapshot::default();
    for record in &records {
        let kind = record.stored.record.kind;
        *(if kind == Kind::Segment { &mut found.segments } else { &mut found.removals }) += 1;
        // What is damaged has been told of; its rows count.
        let added = match (record.damaged.is_empty(), kind) {
            (true, _) => record.add_to(&mut snapshot, header),
            (false, Kind::Segment) => {
                let first_row = snapshot.rows as u32;
                record.stored.segment(header, first_row).map(|segment| snapshot.push(segment))
            }
            (false, Kind::Removal) => Ok(()),
        };
        if let Err(error) = added {
            problems.push(about(&record.range, &error));
        }
    }
    (found.rows, found.alive, found.problems) = (snapshot.rows, snapshot.alive, problems);
    Ok(found)
}

/// Makes a file whole again: copies of its header and commits are written anew, a change that was never acknowledged
/// is cut off. Where contents are damaged, what is left is written to a new file, and the damaged one is kept
/// beside it with the ending `.damaged`. Codes in damaged parts are lost; of a damaged removal, the codes come back.
///
/// # Errors
/// `Locked`, `Unreadable`, `Unwritable`, `IndexFormat` for a file of which no beginning can be read, `OutOfMemory`,
/// `Aborted`.
pub fn repair(path: &Path, cancel: &Cancel) -> Result<Repaired> {
    let mut file = lock(path)?;
    let bytes = map_file(&mut file)?;
    let Walk { header, commit, records, mut problems } = Walk::through(&bytes, cancel)?;
    let is_whole = problems.is_empty();
    problems.extend(
        blemishes(&(*bytes).as_ref()[..FRONT], header, commit).into_iter().map(String::from),
    );
    if is_whole {
        let mut snapshot = Snapshot::default();
        let all = records.iter().try_for_each(|record| record.add_to(&mut snapshot, header));
        if all.is_ok() {
            // Whatever reaches the disk of this tells the same length.
            let first = Commit { sequence: 1, ..commit };
            write_at(&file, 0, &front(header, first)).map_err(unwritable)?;
            file.set_len(commit.length).map_err(unwritable)?;
            file.sync_all().map_err(unwritable)?;
            return Ok(Repaired { problems, ..Repaired::default() });
        }
    }
    let removed = removed_rows(&records)?;
    let words = header.bits.div_ceil(64) as usize;
    let damaged = with_ending(path, "damaged");
    let (mut rewrite, mut lost) = (Rewrite::of(path)?, 0);
    for Found { stored, damaged, .. } in &records {
        if stored.record.kind == Kind::Removal {
            continue;
        }
        let first_row = u32::try_from(stored.record.first_row).unwrap_or_default();
        let segment = stored.segment(header, first_row)?;
        let mut left = Bitmap::all(segment.count())?;
        for positions in damaged.iter().flat_map(|part| stored.positions(part, words)) {
            (positions.start..positions.end.min(segment.count())).for_each(|p| _ = left.remove(p));
        }
        lost += segment.count() - left.count();
        let is_left =
            |p: &u32| left.has(*p as usize) && removed.binary_search(&segment.row(*p)).is_err();
        let kept: Vec<u32> = (0..segment.count() as u32).filter(is_left).collect();
        rewrite.push(&segment, &kept, cancel)?;
    }
    std::fs::hard_link(path, &damaged).map_err(unwritable)?;
    let (_, rows) = rewrite.finish(header, &file)?;
    Ok(Repaired { problems, lost, damaged: Some(damaged), rows: Some(rows) })
}

/// Of all removals that can be read, rising.
fn removed_rows(records: &[Found]) -> Result<Vec<u32>> {
    let mut rows = Vec::new();
    for Found { stored, damaged, .. } in records {
        if stored.record.kind == Kind::Removal && damaged.is_empty() {
            rows.extend_from_slice(&stored.removed()?);
        }
    }
    rows.sort_unstable();
    Ok(rows)
}

/// All records of a file that can be found.
struct Walk<'a> {
    header: Header,
    commit: Commit,
    records: Vec<Found<'a>>,
    problems: Vec<String>,
}

struct Found<'a> {
    stored: Stored<'a>,
    /// Of the file.
    range: Range<usize>,
    /// Of the sections, 64 KiB each at most.
    damaged: Vec<Range<usize>>,
}

impl<'a> Walk<'a> {
    fn through(bytes: &'a SharedBytes, cancel: &Cancel) -> Result<Self> {
        let file = (**bytes).as_ref();
        let (header, commit) = read_front(&file[..file.len().min(FRONT)])?;
        let end = FRONT + commit.bytes_after_front(file.len() as u64)?;
        let (mut records, mut problems, mut at) = (Vec::new(), Vec::new(), FRONT);
        while at < end {
            cancel.check()?;
            let stored = match Stored::at(bytes, at, end, header) {
                Ok(stored) => stored,
                Err(error) => {
                    let starts = (at + HEADER..end).step_by(HEADER);
                    let next =
                        starts.into_iter().find(|at| Stored::at(bytes, *at, end, header).is_ok());
                    problems.push(about(&(at..next.unwrap_or(end)), &error));
                    at = next.unwrap_or(end);
                    continue;
                }
            };
            let damaged = stored.damaged();
            let file_range = |part: &Range<usize>| {
                stored.sections.start + part.start..stored.sections.start + part.end
            };
            let error = Error::IndexFormat { reason: "its contents are damaged".into() };
            problems.extend(damaged.iter().map(|part| about(&file_range(part), &error)));
            let range = at..stored.sections.end;
            at = range.end;
            records.push(Found { stored, range, damaged });
        }
        Ok(Self { header, commit, records, problems })
    }
}

impl Found<'_> {
    fn add_to(&self, snapshot: &mut Snapshot, header: Header) -> Result<()> {
        match self.stored.record.kind {
            Kind::Segment => {
                self.stored.record.checked_count(snapshot.rows)?;
                let segment = self.stored.segment(header, snapshot.rows as u32)?;
                segment.check_columns()?;
                segment.blocks.check_padding()?;
                snapshot.push(segment);
                Ok(())
            }
            Kind::Removal => remove(&self.stored.removed()?, snapshot),
        }
    }
}

fn about(range: &Range<usize>, error: &Error) -> String {
    let reason = match error {
        Error::IndexFormat { reason } => reason.clone(),
        other => other.to_string(),
    };
    format!("bytes {} to {}: {reason}", range.start, range.end)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
