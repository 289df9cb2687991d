//! What the fuzzer found (docs/fuzzing.md), without it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use h2q_core::codes::Codes;
use h2q_core::evaluate::Labels;
use h2q_core::fit::{FitOptions, FitSession, Method};
use h2q_core::head::{Head, HeadSummary, Layer};
use h2q_core::index::{Index, IndexFile, repair, verify};
use h2q_core::learn::{LearnOptions, LearnSession};
use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Where records begin.
const FRONT: usize = 12288;

/// A file in a folder that goes away.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("h2q-found-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        Self(folder.join("codes.h2q"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().expect("a folder"));
    }
}

fn never() -> Cancel {
    Cancel::default()
}

/// Puts the checksum right that ends a header of 64 bytes.
fn seal(header: &mut [u8]) {
    let checksum = xxh3_64(&header[..56]);
    header[56..64].copy_from_slice(&checksum.to_le_bytes());
}

fn codes(rows: usize) -> Codes {
    Codes::new((0..rows * 8).map(|i| (i * 37 % 251) as u8).collect(), 64).expect("codes")
}

/// A file whose records are as many codes as `sizes` say, or with 0 a removal of row 0.
fn file(path: &Path, sizes: &[usize]) -> Vec<u8> {
    let index = Index::empty(64, false, false).expect("an index");
    fs::write(path, index.writer().expect("a writer").next(usize::MAX)).expect("written");
    let file = IndexFile::open(path).expect("open");
    for rows in sizes {
        match rows {
            0 => _ = file.remove(&[0]).expect("removed"),
            _ => _ = file.append(&codes(*rows), None, &never()).expect("appended"),
        }
    }
    drop(file);
    fs::read(path).expect("bytes")
}

/// Where the records of `file` begin.
fn records(file: &[u8]) -> Vec<usize> {
    let is_record =
        |at: &usize| file[*at..].starts_with(b"H2QSEGMT") || file[*at..].starts_with(b"H2QREMOV");
    (FRONT..file.len()).step_by(64).filter(is_record).collect()
}

#[test]
fn a_sign_of_minus_128_is_refused() {
    let rows = Arc::new(support::vectors(20, 8, 1));
    let method = Some(Method::Identity);
    let options = FitOptions { method, center: Some(false), ..FitOptions::default() };
    let mut session = FitSession::new(rows, None, &options).expect("options");
    session.step(usize::MAX, &never()).expect("a fit");
    let mut file = session.finish().expect("a model").to_bytes();
    // Of the last section, eight signs; there is no mean, no projection and no reflection.
    let signs = file.len() - 64;
    assert_eq!(file[signs..signs + 8], [1; 8]);
    file[signs] = 0x80;
    let mut hasher = Xxh3::new();
    (0..3).for_each(|_| hasher.update(&0u64.to_le_bytes()));
    hasher.update(&file[signs..signs + 8]);
    file[32..48].copy_from_slice(&hasher.digest128().to_be_bytes());
    let payload = xxh3_64(&file[64..]);
    file[24..32].copy_from_slice(&payload.to_le_bytes());
    seal(&mut file[..64]);
    let error = Model::from_bytes(&file).expect_err("refused");
    assert_eq!(error.to_string(), "not a readable model: its rotation is malformed");
}

#[test]
fn a_sequence_that_nothing_can_follow_is_no_commit() {
    let place = Place::new("sequence");
    let path = &place.0;
    let bytes = file(path, &[30]);
    for (sequence, is_read) in [(u64::MAX - 1, false), (1 << 63, false), (1 << 62, true)] {
        let mut made_up = bytes.clone();
        // Even sequences stand in the second page.
        for at in [4096, 4160] {
            made_up.copy_within(8192..8192 + 64, at);
            made_up[at..at + 8].copy_from_slice(b"H2QCOMIT");
            made_up[at + 8..at + 16].copy_from_slice(&sequence.to_le_bytes());
            let length = bytes.len() as u64;
            made_up[at + 16..at + 24].copy_from_slice(&length.to_le_bytes());
            made_up[at + 24..at + 56].fill(0);
            seal(&mut made_up[at..at + 64]);
        }
        fs::write(path, &made_up).expect("written");
        let file = IndexFile::open(path).expect("the other commit is there");
        let appended = file.append(&codes(1), None, &never());
        match is_read {
            // An acknowledged change that nobody finds again would be lost.
            true => {
                let error = appended.expect_err("refused");
                assert_eq!(
                    error.to_string(),
                    "cannot be written: it was changed too often: compact it"
                );
                assert_eq!(file.index().rows(), 30);
                file.compact(&never()).expect("compacted");
                file.append(&codes(1), None, &never()).expect("appended");
            }
            false => assert!(appended.is_ok()),
        }
        drop(file);
        // The other commit is the one that the file was closed with.
        assert_eq!(Index::map(path).expect("mapped").rows(), 31, "{sequence}");
    }
}

#[test]
fn codes_of_a_record_that_only_removals_follow_are_not_counted_as_none() {
    let place = Place::new("lost");
    let path = &place.0;
    for (sizes, damaged, lost) in [
        // Nothing behind the second record tells how many codes it had, or whether it was a removal.
        (&[30, 20, 0][..], 1, None),
        // The first row of the third does.
        (&[30, 20, 10, 0], 1, Some(20)),
        (&[30, 0, 10], 1, Some(0)),
        (&[30, 0], 1, None),
    ] {
        let mut bytes = file(path, sizes);
        let at = records(&bytes)[damaged];
        bytes[at..at + 64].fill(1);
        fs::write(path, &bytes).expect("written");
        assert_eq!(repair(path, &never()).expect("repaired").lost, lost, "{sizes:?}");
        assert_eq!(verify(path, &never()).expect("verified").problems, [""; 0]);
    }
}

#[test]
fn records_that_number_rows_as_no_index_does_are_repaired() {
    let place = Place::new("rows");
    let path = &place.0;
    for first_row in [u64::MAX, u64::MAX - 5, 1 << 60, u64::from(u32::MAX), u64::from(u32::MAX) - 5]
    {
        let mut bytes = file(path, &[30, 20]);
        let at = records(&bytes)[1];
        bytes[at + 16..at + 24].copy_from_slice(&first_row.to_le_bytes());
        seal(&mut bytes[at..at + 64]);
        fs::write(path, &bytes).expect("written");
        assert_eq!(Index::map(path).expect_err("refused").code(), "INDEX_FORMAT");
        let repaired = repair(path, &never()).expect("repaired");
        assert_eq!(repaired.problems.len(), 1, "{:?}", repaired.problems);
        // The second record is whole but for its number.
        assert_eq!((repaired.lost, repaired.rows.map(|rows| rows.len())), (Some(0), Some(50)));
        assert_eq!(verify(path, &never()).expect("verified").problems, [""; 0]);
    }
}

#[test]
fn a_state_of_learning_with_values_that_are_not_finite_is_refused() {
    let rows = Arc::new(support::vectors(30, 4, 1));
    let options = LearnOptions { bits: Some(8), epochs: Some(2), ..LearnOptions::default() };
    let session = || {
        let labels = Labels::single("labels", (0..30).map(|row| row % 3).collect());
        LearnSession::new(rows.clone(), labels.expect("labels"), None, &options).expect("options")
    };
    let mut learning = session();
    learning.step(1, &never()).expect("an epoch");
    let state = learning.checkpoint().expect("a state");
    session().resume(&state).expect("taken up");
    // The best precision, the seconds, the first parameter, and the last of the best ones.
    // Not a number as the upper half of a float64, too.
    let nan = [0, 0, 0xf8, 0x7f];
    for at in [28, 36, 56, state.len() - 12] {
        let mut wrong = state.clone();
        wrong[at..at + 4].copy_from_slice(&nan);
        let end = wrong.len() - 8;
        let checksum = xxh3_64(&wrong[..end]);
        wrong[end..].copy_from_slice(&checksum.to_le_bytes());
        let error = session().resume(&wrong).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "not a readable model: it holds a value that no learning comes to"
        );
    }
}

#[test]
fn a_head_has_finite_values_so_that_its_file_is_read() {
    let summary = HeadSummary::from_members(|_| None);
    let layer = |weight, bias| vec![Layer { weights: vec![weight; 16], bias: vec![bias; 8] }];
    for (mean, layers) in [
        (f32::NAN, layer(1.0, 1.0)),
        (0.0, layer(f32::INFINITY, 1.0)),
        (0.0, layer(1.0, f32::NEG_INFINITY)),
    ] {
        let error = Head::new(vec![mean; 2], layers, summary.clone()).expect_err("refused");
        assert_eq!(error.code(), "NOT_FINITE");
    }
    Head::new(vec![0.0; 2], layer(1.0, 1.0), summary).expect("a head");
}
