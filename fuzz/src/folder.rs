//! A file that a target writes and reads again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The file of this process, in a folder of its own below the system's folder for temporary files.
pub fn file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("h2q-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for temporary files");
        folder.join("codes.h2q")
    })
}

/// Puts `bytes` into the [`file`], and takes away what stood beside it.
pub fn write(bytes: &[u8]) -> &'static Path {
    let path = file();
    let folder = path.parent().expect("a folder");
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let _ = fs::remove_file(entry.expect("an entry").path());
    }
    fs::write(path, bytes).expect("room for a file");
    path
}
