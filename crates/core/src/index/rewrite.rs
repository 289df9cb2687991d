//! An index file written anew, to take the place of the old one: by compacting, by a repair.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::commit::{Commit, front};
use super::disk::{map_file, told, unwritable, write_at, write_pieces};
use super::file::{FRONT, Header};
use super::file_write::IndexWriter;
use super::map;
use super::segment::Segment;
use super::{Part, Snapshot};
use crate::error::{Error, Result};
use crate::parallel::Cancel;

/// Bytes of the name of a file, on all common systems.
const MOST_OF_A_NAME: usize = 255;

/// A new file that takes the place of another one, or goes away.
pub(super) struct Rewrite<'a> {
    path: &'a Path,
    temporary: PathBuf,
    file: File,
    length: usize,
    /// The row that each row of the new file had in the old one.
    rows: Vec<u32>,
    is_done: bool,
}

/// What [`Rewrite::finish`] leaves.
pub(super) struct Rewritten {
    /// Locked.
    pub file: File,
    pub commit: Commit,
    pub snapshot: Snapshot,
    /// The row that each row had.
    pub rows: Vec<u32>,
    /// `Unwritable` where a crash may bring the old file back, though the new one has its name now.
    pub is_settled: Result<()>,
}

impl<'a> Rewrite<'a> {
    /// Begins a file beside `path`, whose lock the caller has.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn of(path: &'a Path) -> Result<Self> {
        let temporary = temporary(path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        // Until it has the permissions of the old one.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&temporary).map_err(unwritable)?;
        let mut new = Self { path, temporary, file, length: FRONT, rows: vec![], is_done: false };
        // Nobody can open it for changes between the renaming and the caller's next one.
        new.file.try_lock().map_err(|_| Error::Locked)?;
        new.file.write_all(&vec![0; FRONT]).map_err(unwritable)?;
        Ok(new)
    }

    /// Writes the codes at the positions `kept` of a segment, which was checked.
    ///
    /// # Errors
    /// `Unwritable`, `OutOfMemory`, `Aborted`.
    pub fn push(&mut self, segment: &Segment, kept: &[u32], cancel: &Cancel) -> Result<()> {
        cancel.check()?;
        let first_row = self.rows.len() as u32;
        let Some(segment) = segment.selected(kept, first_row, &mut self.rows)? else {
            return Ok(());
        };
        let part = Part { segment: Arc::new(segment), alive: None };
        let records = Snapshot { parts: vec![part], ..Snapshot::default() };
        let mut writer = IndexWriter::of_records(Arc::new(records), Vec::new())?;
        self.length += write_pieces(&self.file, &mut writer, cancel)?.written;
        Ok(())
    }

    /// Puts it on the disk, in the place of the old file.
    ///
    /// # Errors
    /// `Unwritable`, `OutOfMemory`; the old file is still there then.
    pub fn finish(mut self, header: Header, old: &File) -> Result<Rewritten> {
        let commit = Commit::settled(1, self.length as u64);
        write_at(&self.file, 0, &front(header, commit)).map_err(unwritable)?;
        // All that may fail comes before the renaming.
        let snapshot = map::read(&map_file(&mut self.file)?)?;
        let file = self.file.try_clone().map_err(unwritable)?;
        self.put_in_place(old).map_err(unwritable)?;
        let rows = std::mem::take(&mut self.rows);
        let is_settled = sync_folder(self.path).map_err(|error| {
            Box::new(Error::Unwritable {
                reason: format!(
                    "{}; it has been replaced, but a crash may bring the former file back",
                    told(&error)
                ),
            })
        });
        Ok(Rewritten { file, commit, snapshot, rows, is_settled })
    }

    fn put_in_place(&mut self, old: &File) -> io::Result<()> {
        self.file.set_permissions(old.metadata()?.permissions())?;
        self.file.sync_all()?;
        std::fs::rename(&self.temporary, self.path)?;
        self.is_done = true;
        Ok(())
    }
}

/// Puts the name of a file on the disk. Some systems cannot open or sync folders; a renaming is whole there too.
///
/// # Errors
/// What the system says.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) else { return Ok(()) };
    match folder.sync_all() {
        Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

impl Drop for Rewrite<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// The one name that a rewriting uses: whoever has the lock may remove what a killed process has left there.
pub(super) fn temporary(path: &Path) -> PathBuf {
    beside(path, ".", ".h2q.tmp")
}

/// A name in the same folder, made of that of a file; of its hash where that would be longer than systems take.
pub(super) fn beside(path: &Path, before: &str, after: &str) -> PathBuf {
    let own = path.file_name().unwrap_or_default();
    let hash = format!("{:032x}", xxh3_128(own.as_encoded_bytes()));
    let is_short = before.len() + own.len() + after.len() <= MOST_OF_A_NAME;
    let mut name = OsString::from(before);
    name.push(if is_short { own } else { OsStr::new(&hash) });
    name.push(after);
    path.with_file_name(name)
}
