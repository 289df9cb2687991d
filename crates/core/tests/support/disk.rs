//! What the tests of index files on a disk share.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

use h2q_core::codes::Codes;
use h2q_core::index::{Beside, Index, SearchOptions};
use h2q_core::parallel::Cancel;
use rand::RngExt;

pub const BITS: usize = 72;

/// A folder that goes away.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        Self::below(&std::env::temp_dir(), name)
    }

    /// Where there is a file system in memory, in that: thousands of changes need not wait for a disk.
    pub fn in_memory(name: &str) -> Self {
        match Path::new("/dev/shm") {
            memory if memory.is_dir() => Self::below(memory, name),
            _ => Self::new(name),
        }
    }

    fn below(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("h2q-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("codes.h2q")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn codes(rows: usize, seed: u64) -> Codes {
    let mut random = crate::support::generator(seed);
    Codes::new((0..rows * BITS / 8).map(|_| random.random()).collect(), BITS).expect("codes")
}

pub fn with_ids(ids: impl Iterator<Item = i64>) -> Beside {
    let ids: Vec<i64> = ids.collect();
    Beside {
        factors: Some(ids.iter().map(|id| id.unsigned_abs() as f32).collect()),
        ids: Some(ids),
    }
}

pub fn create(path: &Path, index: &Index) {
    fs::write(path, index.writer().expect("a writer").next(usize::MAX)).expect("written");
}

/// Begins with a segment that is large enough to be searched in the map, ids falling.
pub fn large(path: &Path, rows: usize) -> Index {
    let index = Index::new(&codes(rows, 1), with_ids((0..rows as i64).rev())).expect("an index");
    create(path, &index);
    index
}

/// All that a search tells.
pub fn found(index: &Index) -> (Vec<u32>, Vec<u32>, Option<Vec<i64>>) {
    let hits = index
        .search(&codes(5, 99), 400, &SearchOptions::default(), &Cancel::default())
        .expect("hits");
    (hits.rows, hits.distances, hits.ids)
}

pub fn never() -> Cancel {
    Cancel::default()
}
