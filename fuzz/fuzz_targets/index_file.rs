//! Index files, read as a stream, in a map and by whoever changes them. All agree whether a file is sound and what
//! is in it; what `verify` says holds; what was repaired is sound.
//!
//! The first byte is the plan of `index_bytes`, the second the size of the pieces of the stream.
#![no_main]

use std::path::Path;

use h2q_core::codes::Codes;
use h2q_core::error::Result;
use h2q_core::index::{Beside, Index, IndexFile, Verified, repair, verify};
use h2q_core::parallel::Cancel;
use h2q_fuzz::contents::{Contents, streamed, written};
use h2q_fuzz::{folder, index_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [plan, piece, rest @ ..] = data else { return };
    let file = index_bytes::file(&[&[*plan][..], rest].concat());
    let stream =
        streamed(&file, 1 + usize::from(*piece) * 7).and_then(|index| Contents::of(&index));
    let at_once = streamed(&file, file.len()).and_then(|index| Contents::of(&index));
    assert_eq!(stream, at_once, "pieces of the stream");
    if let Err(error) = &stream {
        assert_eq!(error.code(), "INDEX_FORMAT", "{error}");
    }
    let path = folder::write(&file);
    let map = Index::map(path).and_then(|index| {
        written(&index, 1000)?;
        Contents::of(&index)
    });
    same(&map, &stream, "the map");
    // A map is checked where it is used: nothing of it fails that another use of it did not find.
    if let Ok(index) = Index::map(path) {
        assert_eq!(Contents::of(&index).is_ok(), stream.is_ok(), "a map that is searched at once");
    }
    let verified = verify(path, &Cancel::default());
    if let Ok(verified) = &verified {
        agrees(verified, &stream);
    } else {
        assert!(stream.is_err(), "{verified:?}");
    }
    if stream.is_ok() {
        takes_changes(path, &stream);
        folder::write(&file);
    }
    is_repaired(path, verified.is_ok(), &stream);
});

/// Messages may differ: the two see damage in another order.
fn same(a: &Result<Contents>, b: &Result<Contents>, what: &str) {
    match (a, b) {
        (Ok(a), Ok(b)) => assert_eq!(a, b, "{what}"),
        (Err(error), Err(_)) => assert_eq!(error.code(), "INDEX_FORMAT", "{what}: {error}"),
        _ => panic!("{what} disagrees: {a:?}, {b:?}"),
    }
}

/// What is wrong with the front keeps nobody from reading the file.
fn agrees(verified: &Verified, stream: &Result<Contents>) {
    let is_sound = verified.problems.iter().all(|problem| !problem.starts_with("bytes "));
    assert_eq!(is_sound, stream.is_ok(), "{verified:?}, {stream:?}");
    if let Ok(contents) = stream {
        assert_eq!((verified.rows, verified.alive), (contents.rows.len(), contents.hits.len()));
    }
}

/// A file that is sound can be changed, and holds the change.
fn takes_changes(path: &Path, before: &Result<Contents>) {
    let Ok(before) = before else { return };
    if before.bits > 1 << 16 {
        return;
    }
    let never = Cancel::default();
    let file = IndexFile::open(path).expect("a sound file opens for changes");
    let code = Codes::new(vec![0x5a; before.bits / 8], before.bits).expect("a code");
    // 0 goes with factors of either sign.
    let beside =
        Beside { ids: before.has[0].then(|| vec![7]), factors: before.has[1].then(|| vec![0.0]) };
    let row = file.append(&code, beside, &never).expect("appended");
    assert_eq!(row, before.rows.len());
    let first = before.hits.first().map(|hit| hit.1);
    let removed = first.map_or(0, |id| file.remove(&[id]).expect("removed"));
    let held = Contents::of(file.index()).expect("sound");
    assert_eq!(held.hits.len(), before.hits.len() + 1 - removed);
    assert_eq!(held.rows[..row], before.rows[..]);
    drop(file);
    let bytes = std::fs::read(path).expect("the file");
    for again in [Index::map(path), streamed(&bytes, 4096)] {
        assert_eq!(Contents::of(&again.expect("sound")).expect("sound"), held);
    }
}

fn is_repaired(path: &Path, can_be: bool, stream: &Result<Contents>) {
    let never = Cancel::default();
    let repaired = repair(path, &never);
    assert_eq!(repaired.is_ok(), can_be, "{repaired:?}");
    let Ok(repaired) = repaired else { return };
    let verified = verify(path, &never).expect("what was repaired is an index");
    assert!(verified.problems.is_empty(), "{repaired:?}, then {verified:?}");
    assert_eq!(verified.uncommitted_bytes, 0);
    let contents = Index::map(path).and_then(|index| Contents::of(&index)).expect("sound");
    match stream {
        Ok(before) => {
            assert_eq!(&contents, before, "nothing was wrong with what is in it");
            assert_eq!((repaired.lost, repaired.rows, repaired.damaged), (Some(0), None, None));
        }
        Err(_) => {
            assert_eq!(repaired.rows.expect("rows").len(), contents.rows.len());
            assert_eq!(contents.hits.len(), contents.rows.len());
            assert!(repaired.damaged.is_some_and(|path| path.exists()));
        }
    }
}
