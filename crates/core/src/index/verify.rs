//! Reads an index file to its end and says all that is wrong with it, or makes of it what can be had.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Snapshot;
use super::bitmap::Bitmap;
use super::commit::{Commit, blemishes, front, read_front};
use super::disk::{first_bytes, lock, map_file, target, unreadable, unwritable, write_at};
use super::file::{FRONT, HEADER, Header, Kind, PAGE, bad};
use super::map::{Mapped, Stored};
use super::opening::remove;
use super::rewrite::{Rewrite, beside};
use super::segment::Segment;
use crate::error::{Error, Result};
use crate::parallel::Cancel;
use crate::sizes::block;

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
    /// Codes that are lost; None where the number cannot be known.
    pub lost: Option<usize>,
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
    let mapped = map_file(&mut file)?;
    let Mapped { header, commit, .. } = mapped;
    let Walk { records, mut problems } = Walk::through(&mapped, cancel)?;
    problems.extend(settled_blemishes(&mut file)?);
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
    let path = &target(path)?;
    let mut file = lock(path)?;
    let mapped = map_file(&mut file)?;
    let Mapped { header, commit, .. } = mapped;
    let Walk { records, mut problems } = Walk::through(&mapped, cancel)?;
    let mut snapshot = Snapshot::default();
    if problems.is_empty() {
        for record in &records {
            let added = record.add_to(&mut snapshot, header);
            problems.extend(added.err().map(|error| about(&record.range, &error)));
        }
    }
    if problems.is_empty() {
        let problems: Vec<String> = settled_blemishes(&mut file)?;
        let is_longer = file.metadata().map_err(unreadable)?.len() > commit.length;
        if is_longer || !problems.is_empty() {
            mend_front(&file, header, commit)?;
        }
        return Ok(Repaired { problems, lost: Some(0), ..Repaired::default() });
    }
    let removed = removed_rows(&records)?;
    let words = header.bits.div_ceil(64) as usize;
    let (mut rewrite, mut lost, mut next_row) = (Rewrite::of(path)?, 0, 0);
    // Whether nothing tells how many codes there were in what cannot be read.
    let (mut is_unknown, mut at) = (false, FRONT);
    for Found { stored, damaged, range } in &records {
        is_unknown |= range.start > at;
        at = range.end;
        if stored.record.kind == Kind::Removal {
            continue;
        }
        // Rows count on over records that cannot be read, unless they are numbered as no index numbers them.
        let rows = stored.record.rows();
        if let Some(rows) = &rows {
            is_unknown = false;
            lost += rows.start.saturating_sub(next_row) as usize;
            next_row = rows.end;
        }
        let segment = stored.segment(header, rows.map_or(0, |rows| rows.start))?;
        let mut left = Bitmap::all(segment.count())?;
        for positions in damaged.iter().flat_map(|part| stored.positions(part, words)) {
            (positions.start..positions.end.min(segment.count())).for_each(|p| _ = left.remove(p));
        }
        if damaged.is_empty() && segment.check_order().is_err() {
            left = Bitmap::none(segment.count())?;
        }
        keep_order(&segment, &mut left)?;
        lost += segment.count() - left.count();
        let is_left =
            |p: &u32| left.has(*p as usize) && removed.binary_search(&segment.row(*p)).is_err();
        let kept: Vec<u32> = (0..segment.count() as u32).filter(is_left).collect();
        rewrite.push(&segment, &kept, cancel)?;
    }
    let damaged = keep_damaged(path).map_err(unwritable)?;
    let rows = rewrite.finish(header, &file).inspect_err(|_| {
        let _ = std::fs::remove_file(&damaged);
    })?;
    rows.is_settled?;
    is_unknown |= commit.length > at as u64;
    let lost = (!is_unknown).then_some(lost);
    Ok(Repaired { problems, lost, damaged: Some(damaged), rows: Some(rows.rows) })
}

/// Takes out of `left` what would keep a new segment from being one. That is nothing where all that agrees with its
/// checksums was written by us.
fn keep_order(segment: &Segment, left: &mut Bitmap) -> Result<()> {
    let count = segment.count();
    let (mut seen, mut last) = (Bitmap::none(count)?, None);
    for at in 0..count {
        if !left.has(at) {
            continue;
        }
        let row = segment.rows.as_ref().map_or(at, |rows| rows[at] as usize);
        let key = Some((segment.ids.as_ref().map(|ids| ids[at]), row));
        let is_finite = segment.factors.as_ref().is_none_or(|factors| factors[at].is_finite());
        if row < count && !seen.has(row) && last < key && is_finite {
            seen.insert(row);
            last = key;
        } else {
            left.remove(at);
        }
    }
    Ok(())
}

/// Writes all of the front anew and cuts off what follows the last commit. At every moment the commit of the highest
/// sequence tells the same length.
fn mend_front(file: &File, header: Header, commit: Commit) -> Result<()> {
    let mut last = commit;
    for _ in 0..2 {
        let commit = Commit::settled(last.next_sequence()?, last.length);
        last = commit;
        let front = front(header, commit);
        let (at, page) = (commit.offset(), &front[commit.offset()..][..PAGE]);
        write_at(file, 0, &front[..PAGE])
            .and_then(|()| write_at(file, at as u64, page))
            .and_then(|()| file.sync_all())
            .map_err(unwritable)?;
    }
    file.set_len(commit.length).and_then(|()| file.sync_all()).map_err(unwritable)
}

/// What is wrong with the front. A commit that is being written looks damaged for a moment.
fn settled_blemishes(file: &mut File) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for _ in 0..block(20, 1) {
        let first = first_bytes(file)?;
        let (header, commit) = read_front(&first)?;
        found = blemishes(&first, header, commit);
        if found.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(found.into_iter().map(String::from).collect())
}

/// Gives the file a second name, the first that is free of `.damaged`, `.damaged.2`, …
fn keep_damaged(path: &Path) -> io::Result<PathBuf> {
    for number in 1u64.. {
        let number = if number > 1 { format!(".{number}") } else { String::new() };
        let name = beside(path, "", &format!(".damaged{number}"));
        match std::fs::hard_link(path, &name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(name),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
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
    fn through(mapped: &'a Mapped, cancel: &Cancel) -> Result<Self> {
        let (bytes, header) = (&mapped.bytes, mapped.header);
        let end = (**bytes).as_ref().len();
        let (mut records, mut problems, mut at) = (Vec::new(), Vec::new(), FRONT);
        while at < end {
            cancel.check()?;
            let (stored, problem) = match Stored::mended(bytes, at, end, header) {
                Ok(mended) => mended,
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
            let error = bad("its contents are damaged");
            problems.extend(damaged.iter().map(|part| about(&file_range(part), &error)));
            let range = at..stored.sections.end;
            if let Some(problem) = problem {
                problems.push(about(&(at..stored.sections.start), &bad(problem)));
            }
            at = range.end;
            records.push(Found { stored, range, damaged });
        }
        Ok(Self { records, problems })
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
