//! Damaged files are refused, whatever was damaged.

mod support;

use h2q_core::codes::Codes;
use h2q_core::index::{Beside, Index, IndexReader};
use rand::RngExt;

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
    let mut writer = index.writer();
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
fn a_file_cut_anywhere_but_between_records_is_refused() {
    let file = file();
    assert_eq!(read(&file).expect("an index").alive(), 42);
    let whole: Vec<usize> = (0..file.len())
        .filter(|length| match read(&file[..*length]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code(), "INDEX_FORMAT");
                false
            }
        })
        .collect();
    // The header alone, and behind each record: what was appended last is missing, but all is well.
    assert_eq!(whole.len(), 3, "{whole:?}");
}

#[test]
fn every_flipped_bit_is_found() {
    let file = file();
    for bit in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read(&damaged) {
            Err(error) => assert_eq!(error.code(), "INDEX_FORMAT", "bit {bit}: {error}"),
            // The zeros behind the table of checksums are looked at, so nothing is left unread.
            Ok(_) => panic!("bit {bit} of byte {} went unnoticed", bit / 8),
        }
    }
}

#[test]
fn sizes_are_believed_only_as_far_as_the_file_reaches() {
    let mut file = file();
    // 2^60 codes, with a header that is whole again.
    file[64 + 24..64 + 32].copy_from_slice(&(1u64 << 60).to_le_bytes());
    let checksum = xxhash_rust::xxh3::xxh3_64(&file[64..64 + 56]);
    file[64 + 56..64 + 64].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(read(&file).expect_err("refused").code(), "INDEX_FORMAT");
    for foreign in [&b""[..], b"H2QMODEL", &[0; 200]] {
        assert_eq!(read(foreign).expect_err("refused").code(), "INDEX_FORMAT");
    }
}
