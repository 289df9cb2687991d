//! Damaged files are refused, whatever was damaged.

mod support;

use h2q_core::codes::Codes;
use h2q_core::index::{Beside, Index, IndexReader};
use rand::RngExt;

/// Where records begin.
const FRONT: usize = 12288;

/// With removed codes, ids out of order and two segments.
fn file() -> Vec<u8> {
    let mut random = support::generator(1);
    let mut codes = |rows: usize| {
        Codes::new((0..rows * 9).map(|_| random.random()).collect(), 72).expect("codes")
    };
    let index = Index::empty(72, true, true).expect("an index");
    let with = |ids: Vec<i64>| Beside { factors: Some(vec![0.5; ids.len()]), ids: Some(ids) };
    index.add(&codes(40), with((0..40).rev().collect())).expect("added");
    index.add(&codes(5), with((100..105).collect())).expect("added");
    index.remove(&[3, 17, 101]).expect("removed");
    let mut writer = index.writer().expect("a writer");
    let file = writer.next(usize::MAX);
    assert!(writer.next(usize::MAX).is_empty());
    file
}

fn read(file: &[u8]) -> h2q_core::error::Result<Index> {
    let mut reader = IndexReader::new(file.len());
    reader.push(file)?;
    reader.finish()
}

#[test]
fn a_file_cut_anywhere_is_refused_and_what_follows_the_end_is_passed_over() {
    let mut file = file();
    assert_eq!(read(&file).expect("an index").alive(), 42);
    for length in 0..file.len() {
        let error = read(&file[..length]).expect_err("cut");
        assert_eq!(error.code(), "INDEX_FORMAT", "{length}");
    }
    file.extend_from_slice(&[7; 1000]);
    assert_eq!(read(&file).expect("an index").alive(), 42);
}

#[test]
fn every_flipped_bit_is_found_or_of_a_copy() {
    let file = file();
    // Whatever opens a file is there twice; the rest of its front says nothing.
    for bit in (0..file.len() * 8).filter(|bit| bit / 8 < 256 || bit / 8 >= FRONT - 64) {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read(&damaged) {
            Err(error) => {
                assert_eq!(error.code(), "INDEX_FORMAT", "bit {bit}: {error}");
                assert!(bit / 8 >= FRONT, "bit {bit}: {error}");
            }
            // The zeros behind the table of checksums are looked at, so nothing is left unread.
            Ok(index) => assert!(bit / 8 < FRONT && index.alive() == 42, "bit {bit}"),
        }
    }
    for page in [0, 8192] {
        let mut damaged = file.clone();
        damaged[page] ^= 1;
        damaged[page + 64] ^= 1;
        assert_eq!(read(&damaged).expect_err("refused").code(), "INDEX_FORMAT", "{page}");
    }
}

#[test]
fn sizes_are_believed_only_as_far_as_the_file_reaches() {
    let mut file = file();
    // 2^60 codes, with a header that is whole again.
    file[FRONT + 24..FRONT + 32].copy_from_slice(&(1u64 << 60).to_le_bytes());
    let checksum = xxhash_rust::xxh3::xxh3_64(&file[FRONT..FRONT + 56]);
    file[FRONT + 56..FRONT + 64].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(read(&file).expect_err("refused").code(), "INDEX_FORMAT");
    for foreign in [&b""[..], b"H2QMODEL", &[0; 200]] {
        assert_eq!(read(foreign).expect_err("refused").code(), "INDEX_FORMAT");
    }
}

#[test]
fn what_this_version_does_not_know_is_refused_though_it_is_sealed() {
    let file = file();
    let removal = (0..file.len()).step_by(64).find(|at| file[*at..].starts_with(b"H2QREMOV"));
    let removal = removal.expect("a removal");
    // Reserved bytes and flags of a segment; of a removal also its first row and the flag.
    let segment = [(FRONT, 8), (FRONT, 11), (FRONT, 12), (FRONT, 15), (FRONT, 48), (FRONT, 55)];
    let others = [(removal, 8), (removal, 12), (removal, 16), (removal, 50)];
    for (record, byte) in segment.into_iter().chain(others) {
        let mut other = file.clone();
        other[record + byte] ^= 2;
        let seal = xxhash_rust::xxh3::xxh3_64(&other[record..record + 56]);
        other[record + 56..record + 64].copy_from_slice(&seal.to_le_bytes());
        let error = read(&other).expect_err("refused").to_string();
        assert!(error.contains("what this version does not know"), "byte {byte}: {error}");
    }
}
