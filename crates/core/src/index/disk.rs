//! An index file that is changed in place (docs/formats.md): what was acknowledged is on the disk.
//!
//! A change is appended, and a commit that counts it in is written; that makes it part of the index. A small change
//! gets to the disk together with its commit, which tells its checksum, so that a change of which a power cut has lost
//! a part is known and does not count; a large one gets there before its commit.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memmap2::MmapOptions;

use super::commit::{Commit, LAST_SEQUENCE, MAX_PENDING, front, read_front};
use super::file::{FRONT, HEADER, Header};
use super::file_read::index_of;
use super::file_write::{IndexWriter, header_of};
use super::map::{self, Mapped};
use super::rewrite::{Rewrite, sync_folder, temporary};
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
    /// What counts of the file; all of it is on the disk.
    commit: Commit,
    /// Whether the commit in the file says that its last bytes have to be looked at.
    is_pending: bool,
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
        // What whoever had it before may have left in memory alone is on the disk before anything is built on it.
        file.sync_data().and_then(|()| sync_folder(&path)).map_err(unwritable)?;
        let mapped = map_file(&mut file)?;
        let snapshot = map::read(&mapped)?;
        let Mapped { header, commit, is_pending, .. } = mapped;
        if file.metadata().map_err(unreadable)?.len() > commit.length {
            file.set_len(commit.length).map_err(unwritable)?;
        }
        let mut index = index_of(header, snapshot)?;
        index.is_of_file = true;
        let index = Arc::new(index);
        let state = Mutex::new(State { file: Some(file), header, commit, is_pending });
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
            // Codes never get to the disk without the model that they come from.
            let pushed = state.push(records, Vec::new(), former == model);
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
            state.push(Snapshot::default(), rows.to_vec(), true)
        })
    }

    /// Writes the file anew without what was removed, and puts it in the place of the old one. Rows are numbered anew
    /// in their order; the result tells the row that each one had. Readers of the old file keep it.
    ///
    /// # Errors
    /// `Unwritable`, `IndexFormat` where the file is damaged, `OutOfMemory`, `Aborted`; nothing has changed then, unless
    /// the message says that a crash may bring the old file back.
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
        *state = State { file: Some(new.file), header, commit: new.commit, is_pending: false };
        self.index.publish(new.snapshot);
        new.is_settled.inspect_err(|_| state.give_up())?;
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
            false => {
                Err(Error::Unwritable { reason: "another file has taken its place".into() }.into())
            }
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // The last change is on the disk: nobody has to look at it again, and damage is not taken for a power cut.
        if self.is_pending && self.file.is_some() {
            let Commit { sequence, length, .. } = self.commit;
            // The last commit of all may stay as it is: it is judged on opening.
            if sequence < LAST_SEQUENCE {
                let _ = self.write_commit(Commit::settled(sequence + 1, length));
            }
        }
        self.give_up();
    }
}

impl State {
    fn file(&self) -> Result<&File> {
        let reason = || "an earlier change may be on the disk or not; open the file again".into();
        self.file.as_ref().ok_or_else(|| Error::Unwritable { reason: reason() }.into())
    }

    /// Lets the file go, for whoever opens it again.
    fn give_up(&mut self) {
        // A map that somebody still searches in would keep the lock.
        if let Some(file) = self.file.take() {
            let _ = file.unlock();
        }
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

    /// Appends records and counts them in. `may_be_together`: where nothing else has to be on the disk before that.
    fn push(&mut self, records: Snapshot, removed: Vec<u32>, may_be_together: bool) -> Result<()> {
        let sequence = self.commit.next_sequence()?;
        let mut file = self.file()?;
        let from = self.commit.length;
        let mut writer = IndexWriter::of_records(Arc::new(records), removed)?;
        let is_together = may_be_together && writer.total_bytes() as u64 <= MAX_PENDING;
        let written = file
            .seek(SeekFrom::Start(from))
            .map_err(unwritable)
            .and_then(|_| write_pieces(file, &mut writer, &Cancel::default()));
        let last = written.inspect_err(|_| {
            // Best effort: what is not committed does not count anyway.
            let _ = file.set_len(from);
        })?;
        let commit = match is_together {
            // All that was written: a piece is longer than what may be pending.
            true => Commit::together(sequence, from, &last.piece),
            false => Commit::settled(sequence, from + last.written as u64),
        };
        let before = if is_together { Ok(()) } else { file.sync_data() };
        let synced =
            before.and_then(|()| self.write_commit(commit)).and_then(|()| file.sync_data());
        if let Err(error) = synced {
            // Pages that could not be written may have been dropped: what is on the disk has to be read again, and
            // what is in memory alone must not count then.
            let _ = self.write_commit(Commit::settled(sequence, from));
            self.give_up();
            let reason = format!("{}; whether the change was kept is unknown", told(&error));
            return Err(Error::Unwritable { reason }.into());
        }
        self.commit = Commit::settled(sequence, commit.length);
        self.is_pending = is_together;
        Ok(())
    }

    fn write_commit(&self, commit: Commit) -> io::Result<()> {
        let (file, bytes) = (self.file.as_ref(), front(self.header, commit));
        let file = file.ok_or(ErrorKind::NotFound)?;
        write_at(file, commit.offset() as u64, &bytes[commit.offset()..][..2 * HEADER])
    }
}

/// What [`write_pieces`] has written.
pub(super) struct Written {
    pub written: usize,
    /// The last bytes of it, all where they are fewer than [`PIECE`].
    piece: Vec<u8>,
}

pub(super) fn write_pieces(
    mut file: &File,
    writer: &mut IndexWriter,
    cancel: &Cancel,
) -> Result<Written> {
    let mut last = Written { written: 0, piece: Vec::new() };
    loop {
        cancel.check()?;
        let piece = writer.next(PIECE);
        if piece.is_empty() {
            return Ok(last);
        }
        file.write_all(&piece).map_err(unwritable)?;
        last = Written { written: last.written + piece.len(), piece };
    }
}

pub(super) fn write_at(mut file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// The committed bytes of a file.
pub(super) fn map_file(file: &mut File) -> Result<Mapped> {
    let (header, last) = read_front(&first_bytes(file)?)?;
    let mut pending = Vec::new();
    if last.pending > 0 {
        file.seek(SeekFrom::Start(last.settled_length())).map_err(unreadable)?;
        file.take(last.pending).read_to_end(&mut pending).map_err(unreadable)?;
    }
    let (commit, is_pending) = (last.judged(&pending), last.pending > 0);
    // After the commit was read: the file only grows.
    let length = FRONT + commit.bytes_after_front(file.metadata().map_err(unreadable)?.len())?;
    // SAFETY: committed bytes are never written again and the file is not cut below them, by us. No operating
    // system can be asked to keep others from that; the documents of the callers do.
    let map = unsafe { MmapOptions::new().len(length).map(&*file) }.map_err(unreadable)?;
    Ok(Mapped { header, commit, is_pending, bytes: Arc::new(map) })
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
            Err(TryLockError::WouldBlock) => return Err(Error::Locked.into()),
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

pub(super) fn told(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull => "no space left on the device".into(),
        ErrorKind::ReadOnlyFilesystem => "read-only file system".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::NotFound => "no such file".into(),
        _ => error.to_string(),
    }
}

pub(super) fn unreadable(error: io::Error) -> Box<Error> {
    Box::new(match error.kind() {
        ErrorKind::NotFound => Error::NoSuchFile,
        _ => Error::Unreadable { reason: told(&error) },
    })
}

pub(super) fn unwritable(error: io::Error) -> Box<Error> {
    Box::new(Error::Unwritable { reason: told(&error) })
}
