//! An index file that is changed in place (docs/formats.md): what was acknowledged is on the disk.
//!
//! A change is appended and put on the disk, then a commit that counts it in is; only that makes it part of the
//! index. Whoever opens the file meanwhile or after a crash finds the last commit and passes over what follows.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memmap2::MmapOptions;

use super::file::{Commit, FRONT, HEADER, Header, front, read_front};
use super::file_read::index_of;
use super::file_write::{IndexWriter, header_of};
use super::map::{self, Mapped};
use super::rewrite::{Rewrite, temporary};
use super::segment::Beside;
use super::{Index, Part, Snapshot};
use crate::codes::{Codes, Fingerprint};
use crate::error::{Error, Result};
use crate::parallel::Cancel;

/// Bytes written at a time.
const PIECE: usize = 4 << 20;

/// An index file, open for changes by nobody else. Readers may come and go.
#[derive(Debug)]
pub struct IndexFile {
    path: PathBuf,
    index: Arc<Index>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Locked. None after a failure that leaves open what is on the disk.
    file: Option<File>,
    header: Header,
    commit: Commit,
}

impl Index {
    /// Maps a file and searches it where it lies; nothing is copied but small segments. It stays as it is now,
    /// whatever is appended later.
    ///
    /// # Errors
    /// `Unreadable`, `IndexFormat`, `OutOfMemory`. Contents are checked where they are first used.
    pub fn map(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(unreadable)?;
        let mapped = map_file(&mut file)?;
        index_of(mapped.header, map::read(&mapped)?)
    }
}

impl IndexFile {
    /// Opens a file for changes, and drops what was appended to it but never committed.
    ///
    /// # Errors
    /// `Locked`, `Unreadable`, `Unwritable`, `IndexFormat`, `OutOfMemory`.
    pub fn open(path: &Path) -> Result<Self> {
        let path = target(path)?;
        let mut file = lock(&path)?;
        let mapped = map_file(&mut file)?;
        let (snapshot, Mapped { header, commit, .. }) = (map::read(&mapped)?, mapped);
        if file.metadata().map_err(unreadable)?.len() > commit.length {
            file.set_len(commit.length).map_err(unwritable)?;
        }
        let mut index = index_of(header, snapshot)?;
        index.is_of_file = true;
        let index = Arc::new(index);
        let state = Mutex::new(State { file: Some(file), header, commit });
        Ok(Self { path, index, state })
    }

    /// Its index, which follows its changes and refuses others.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// [`Index::add`], on the disk when it returns.
    ///
    /// # Errors
    /// As [`Index::add`], and `Unwritable`; nothing has changed then, unless the message says that it is unknown.
    pub fn append(
        &self,
        codes: &Codes,
        beside: impl Into<Beside>,
        cancel: &Cancel,
    ) -> Result<usize> {
        let mut state = self.state();
        self.index.append_with(codes, beside.into(), cancel, |segment, model| {
            self.check_place(&state)?;
            let former = state.header.fingerprint;
            state.set_model(model)?;
            let part = Part { segment: segment.clone(), alive: None };
            let records = Snapshot { parts: vec![part], ..Snapshot::default() };
            let pushed = state.push(records, Vec::new());
            if pushed.is_err() {
                // Best effort; a file without codes may know the model of none.
                let _ = state.set_model(former);
            }
            pushed
        })
    }

    /// [`Index::remove`], on the disk when it returns.
    ///
    /// # Errors
    /// As [`Index::remove`], and as [`IndexFile::append`].
    pub fn remove(&self, ids: &[i64]) -> Result<usize> {
        let mut state = self.state();
        self.index.remove_with(ids, |rows| {
            self.check_place(&state)?;
            state.push(Snapshot::default(), rows.to_vec())
        })
    }

    /// Writes the file anew without what was removed, and puts it in the place of the old one. Rows are numbered anew
    /// in their order; the result tells the row that each one had. Readers of the old file keep it.
    ///
    /// # Errors
    /// `Unwritable`, `IndexFormat` where the file is damaged, `OutOfMemory`, `Aborted`; nothing has changed then.
    pub fn compact(&self, cancel: &Cancel) -> Result<Vec<u32>> {
        let mut state = self.state();
        self.check_place(&state)?;
        let _changing = self.index.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.index.snapshot();
        let mut rewrite = Rewrite::of(&self.path)?;
        for Part { segment, alive } in &now.parts {
            segment.check_columns()?;
            segment.check_codes(0..segment.count())?;
            let is_left = |p: &u32| alive.as_ref().is_none_or(|alive| alive.has(*p as usize));
            let kept: Vec<u32> = (0..segment.count() as u32).filter(is_left).collect();
            rewrite.push(segment, &kept, cancel)?;
        }
        let header = header_of(&now, self.index.bits);
        let new = rewrite.finish(header, state.file()?)?;
        *state = State { file: Some(new.file), header, commit: new.commit };
        self.index.publish(new.snapshot);
        Ok(new.rows)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the path still names the open file: a change to a file that was replaced would be lost.
    fn check_place(&self, state: &State) -> Result<()> {
        let file = state.file()?;
        match is_same(file, &self.path).map_err(unwritable)? {
            true => Ok(()),
            false => Err(Error::Unwritable { reason: "another file has taken its place".into() }),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // A map that somebody still searches in would keep the lock.
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
    }
}

impl State {
    fn file(&self) -> Result<&File> {
        let reason = || "an earlier change may be on the disk or not; open the file again".into();
        self.file.as_ref().ok_or_else(|| Error::Unwritable { reason: reason() })
    }

    /// The first codes may tell the model of a file that was begun without.
    fn set_model(&mut self, model: Fingerprint) -> Result<()> {
        if self.header.fingerprint != model {
            let header = Header { fingerprint: model, ..self.header };
            write_at(self.file()?, 0, &front(header, self.commit)[..2 * HEADER])
                .map_err(unwritable)?;
            self.header = header;
        }
        Ok(())
    }

    /// Appends records and counts them in.
    fn push(&mut self, records: Snapshot, removed: Vec<u32>) -> Result<()> {
        let file = self.file()?;
        let (from, never) = (self.commit.length, Cancel::default());
        self.commit.next(from)?;
        let mut at = file;
        let written = at
            .seek(SeekFrom::Start(from))
            .map_err(unwritable)
            .and_then(|_| write_records(file, records, removed, &never));
        let bytes = written.inspect_err(|_| {
            // Best effort: what is not committed does not count anyway.
            let _ = file.set_len(from);
        })?;
        let commit = self.commit.next(from + bytes as u64)?;
        let commit_bytes = &front(self.header, commit)[commit.offset()..][..2 * HEADER];
        let synced = file
            .sync_data()
            .and_then(|()| write_at(file, commit.offset() as u64, commit_bytes))
            .and_then(|()| file.sync_data());
        if let Err(error) = synced {
            // Pages that could not be written may have been dropped: what is on the disk has to be read again.
            self.file = None;
            let reason = format!("{}; whether the change was kept is unknown", told(&error));
            return Err(Error::Unwritable { reason });
        }
        self.commit = commit;
        Ok(())
    }
}

pub(super) fn write_records(
    mut file: &File,
    records: Snapshot,
    removed: Vec<u32>,
    cancel: &Cancel,
) -> Result<usize> {
    let mut writer = IndexWriter::of_records(Arc::new(records), removed)?;
    let mut written = 0;
    loop {
        cancel.check()?;
        let piece = writer.next(PIECE);
        if piece.is_empty() {
            return Ok(written);
        }
        file.write_all(&piece).map_err(unwritable)?;
        written += piece.len();
    }
}

pub(super) fn write_at(mut file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// The committed bytes of a file.
pub(super) fn map_file(file: &mut File) -> Result<Mapped> {
    let (header, commit) = read_front(&first_bytes(file)?)?;
    // After the commit was read: the file only grows.
    let length = FRONT + commit.bytes_after_front(file.metadata().map_err(unreadable)?.len())?;
    // SAFETY: committed bytes are never written again and the file is not cut below them, by us. No operating
    // system can be asked to keep others from that; the documents of the callers do.
    let map = unsafe { MmapOptions::new().len(length).map(&*file) }.map_err(unreadable)?;
    Ok(Mapped { header, commit, bytes: Arc::new(map) })
}

/// The front as it is now.
pub(super) fn first_bytes(file: &mut File) -> Result<Vec<u8>> {
    let mut first = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    file.take(FRONT as u64).read_to_end(&mut first).map_err(unreadable)?;
    Ok(first)
}

/// The file that a path names in the end: a link keeps pointing there, and nobody else takes its lock by another name.
pub(super) fn target(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(unreadable)
}

/// Opens the file that `path` names, for changes by us alone.
pub(super) fn lock(path: &Path) -> Result<File> {
    loop {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(|error| {
            let is_there = error.kind() != ErrorKind::NotFound;
            if is_there { unwritable(error) } else { unreadable(error) }
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        // Whoever had it open may have put another file in its place.
        if is_same(&file, path).map_err(unreadable)? {
            let _ = std::fs::remove_file(temporary(path));
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (open, named) = (file.metadata()?, std::fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// Elsewhere an open file cannot be replaced.
#[cfg(not(unix))]
fn is_same(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull => "no space left on the device".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::NotFound => "no such file".into(),
        _ => error.to_string(),
    }
}

pub(super) fn unreadable(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::NoSuchFile,
        _ => Error::Unreadable { reason: told(&error) },
    }
}

pub(super) fn unwritable(error: io::Error) -> Error {
    Error::Unwritable { reason: told(&error) }
}
