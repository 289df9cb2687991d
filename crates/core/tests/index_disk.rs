//! Index files on a disk: what was acknowledged stays, what is damaged is found.

#[path = "support/disk.rs"]
mod disk;
mod support;

use std::fs;

use h2q_core::index::{Beside, Index, IndexFile, SearchOptions, repair, verify};
use rand::RngExt;

use disk::{BITS, Folder, codes, create, found, large, never, with_ids};

#[test]
fn a_mapped_file_answers_like_the_index_in_memory_and_after_every_change() {
    let folder = Folder::new("changes");
    let path = folder.file();
    let memory = large(&path, 60_000);
    let file = IndexFile::open(&path).expect("open");
    for round in 0..20i64 {
        let (rows, first) = (1 + round as usize * 37 % 500, 100_000 + round * 1000);
        let beside = || with_ids((first..first + rows as i64).rev());
        let added = codes(rows, 10 + round as u64);
        assert_eq!(
            file.append(&added, beside(), &never()).expect("appended"),
            memory.add(&added, beside()).expect("added")
        );
        let gone = [round * 3000, round * 3000 + 1, first, 7];
        assert_eq!(file.remove(&gone).expect("removed"), memory.remove(&gone).expect("removed"));
        assert_eq!(found(file.index()), found(&memory), "round {round}");
        assert_eq!(found(&Index::map(&path).expect("mapped")), found(&memory), "round {round}");
    }
    let verified = verify(&path, &never()).expect("verified");
    assert_eq!(verified.problems, [""; 0]);
    assert_eq!((verified.rows, verified.alive), (memory.rows(), memory.alive()));

    // Compacted, rows are numbered anew, and the result tells the old ones.
    let before = found(file.index());
    let rows = file.compact(&never()).expect("compacted");
    assert_eq!(rows.len(), memory.alive());
    let after = found(file.index());
    let old: Vec<u32> = after.0.iter().map(|row| rows[*row as usize]).collect();
    assert_eq!((old, &after.1, &after.2), (before.0, &before.1, &before.2));
    assert_eq!(found(&Index::map(&path).expect("mapped")), after);
    let verified = verify(&path, &never()).expect("verified");
    assert_eq!((verified.problems.len(), verified.rows, verified.removals), (0, rows.len(), 0));
    file.append(&codes(3, 5), with_ids(0..3), &never()).expect("appended");
    assert_eq!(Index::map(&path).expect("mapped").alive(), rows.len() + 3);
}

#[test]
fn a_reader_keeps_what_it_opened() {
    let folder = Folder::new("reader");
    let path = folder.file();
    large(&path, 60_000);
    let reader = Index::map(&path).expect("mapped");
    let before = found(&reader);
    let file = IndexFile::open(&path).expect("open");
    file.append(&codes(100, 2), with_ids(100_000..100_100), &never()).expect("appended");
    file.remove(&[5, 6, 7]).expect("removed");
    assert_eq!(found(&reader), before);
    file.compact(&never()).expect("compacted");
    assert_eq!(found(&reader), before);
    assert_eq!(Index::map(&path).expect("mapped").alive(), 60_097);
}

#[test]
fn only_one_may_change_a_file() {
    let folder = Folder::new("lock");
    let path = folder.file();
    large(&path, 60_000);
    let file = IndexFile::open(&path).expect("open");
    for _ in 0..2 {
        assert_eq!(IndexFile::open(&path).expect_err("locked").code(), "FILE_LOCKED");
        assert_eq!(repair(&path, &never()).expect_err("locked").code(), "FILE_LOCKED");
        // Also after the file was replaced.
        file.remove(&[1]).expect("removed");
        file.compact(&never()).expect("compacted");
    }
    // Whoever still searches does not keep others from changing it.
    let index = file.index().clone();
    drop(file);
    let file = IndexFile::open(&path).expect("open");
    drop(index);
    fs::rename(&path, folder.0.join("moved")).expect("moved");
    create(&path, &Index::empty(BITS, true, true).expect("an index"));
    let error = file.append(&codes(1, 1), with_ids(0..1), &never()).expect_err("replaced");
    assert_eq!(error.code(), "FILE_UNWRITABLE");
    assert_eq!(file.index().rows(), 59_999);
}

#[test]
fn a_flipped_bit_is_found_or_changes_nothing() {
    let folder = Folder::in_memory("flips");
    let path = folder.file();
    large(&path, 60_000);
    let file = IndexFile::open(&path).expect("open");
    file.append(&codes(300, 2), with_ids(100_000..100_300), &never()).expect("appended");
    file.remove(&[5, 600, 100_007]).expect("removed");
    let sound = found(file.index());
    drop(file);
    let bytes = fs::read(&path).expect("bytes");
    let mut random = support::generator(7);
    let (mut refused, mut harmless) = (0, 0);
    for round in 0..2000 {
        // Half of them where the structure is.
        let at = match round % 2 {
            0 => random.random_range(0..bytes.len()),
            _ => {
                [0, 64, 4096, 4160, 8192, 8256, 12288, 12352, bytes.len() - 6000, bytes.len() - 200]
                    [random.random_range(0..10)]
                    + random.random_range(0..64)
            }
        };
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << random.random_range(0..8);
        fs::write(&path, &damaged).expect("written");
        let answer = Index::map(&path).and_then(|index| {
            index.search(&codes(5, 99), 400, &SearchOptions::default(), &never())
        });
        match answer {
            Ok(hits) => {
                assert_eq!((hits.rows, hits.distances, hits.ids), sound, "byte {at}");
                harmless += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), "INDEX_FORMAT", "byte {at}: {error}");
                refused += 1;
            }
        }
        if round % 10 > 0 {
            continue;
        }
        let told = verify(&path, &never());
        assert!(told.is_err() || told.is_ok_and(|told| !told.problems.is_empty()), "byte {at}");
    }
    assert!(refused > 500 && harmless > 500, "{refused} refused, {harmless} without effect");
}

#[test]
fn a_repair_keeps_all_that_is_not_damaged() {
    let folder = Folder::new("repair");
    let path = folder.file();
    let memory = large(&path, 200_000);
    let file = IndexFile::open(&path).expect("open");
    for index in [&memory, &**file.index()] {
        if std::ptr::eq(index, &memory) {
            memory.add(&codes(300, 2), with_ids(300_000..300_300)).expect("added");
            memory.remove(&[5, 600, 300_007]).expect("removed");
        } else {
            file.append(&codes(300, 2), with_ids(300_000..300_300), &never()).expect("appended");
            file.remove(&[5, 600, 300_007]).expect("removed");
        }
    }
    drop(file);
    let bytes = fs::read(&path).expect("bytes");
    // A copy in the front, and a change that never was.
    for (at, length) in [(3, 0), (70, 0), (4100, 0), (8260, 0), (5000, 0), (0, 777)] {
        let mut damaged = bytes.clone();
        if length == 0 {
            damaged[at] ^= 4;
        }
        damaged.resize(bytes.len() + length, 1);
        fs::write(&path, &damaged).expect("written");
        let repaired = repair(&path, &never()).expect("repaired");
        assert_eq!((repaired.lost, repaired.damaged, repaired.rows), (Some(0), None, None));
        assert_eq!(repaired.problems.is_empty(), length > 0);
        assert_eq!(verify(&path, &never()).expect("verified").problems, [""; 0]);
        assert_eq!(found(&Index::map(&path).expect("mapped")), found(&memory));
    }
    // Within the large segment: the codes of 64 KiB are lost, and no others.
    let mut damaged = bytes.clone();
    damaged[500_000] ^= 1;
    fs::write(&path, &damaged).expect("written");
    let repaired = repair(&path, &never()).expect("repaired");
    assert_eq!(repaired.problems.len(), 1, "{:?}", repaired.problems);
    assert_eq!(repaired.lost, Some((64 << 10) / 16));
    assert_eq!(fs::read(repaired.damaged.expect("kept")).expect("bytes"), damaged);
    let rows = repaired.rows.expect("rows");
    let index = Index::map(&path).expect("mapped");
    assert_eq!(verify(&path, &never()).expect("verified").problems, [""; 0]);
    assert_eq!(index.alive(), rows.len());
    assert!(!rows.contains(&(200_000 - 1 - 5)), "a removed code came back");
    for row in [0, 100, rows.len() - 1] {
        let old = rows[row] as usize;
        assert_eq!(index.ids(row, 1).expect("an id"), memory.ids(old, 1).expect("an id"));
    }
}

#[test]
fn a_flipped_bit_of_a_record_header_or_of_a_checksum_loses_little() {
    let folder = Folder::new("mended");
    let path = folder.file();
    let memory = large(&path, 100_000);
    let file = IndexFile::open(&path).expect("open");
    file.append(&codes(300, 2), with_ids(300_000..300_300), &never()).expect("appended");
    memory.add(&codes(300, 2), with_ids(300_000..300_300)).expect("added");
    drop(file);
    let bytes = fs::read(&path).expect("bytes");
    // In the header of the first record, and the checksum of its third 64 KiB.
    for (at, lost) in [(12288 + 25, 0), (12288 + 58, 0), (12288 + 64 + 16, 4096)] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 8;
        fs::write(&path, &damaged).expect("written");
        assert_eq!(Index::map(&path).expect_err("damaged").code(), "INDEX_FORMAT", "{at}");
        let repaired = repair(&path, &never()).expect("repaired");
        assert_eq!(repaired.lost, Some(lost), "{at}: {:?}", repaired.problems);
        assert_eq!(verify(&path, &never()).expect("verified").problems, [""; 0]);
        let index = Index::map(&path).expect("mapped");
        assert_eq!(index.alive(), memory.alive() - lost);
        if lost == 0 {
            assert_eq!(found(&index), found(&memory));
        }
    }
    // A header that is beyond repair: what it held is counted where rows go on behind it, else it is not known.
    let mut damaged = bytes.clone();
    damaged[12288..12288 + 64].fill(1);
    fs::write(&path, &damaged).expect("written");
    assert_eq!(repair(&path, &never()).expect("repaired").lost, Some(100_000));
    let mut damaged = bytes.clone();
    let at =
        (0..bytes.len()).rev().find(|at| bytes[*at..].starts_with(b"H2QSEGMT")).expect("a record");
    damaged[at..at + 64].fill(1);
    fs::write(&path, &damaged).expect("written");
    let repaired = repair(&path, &never()).expect("repaired");
    assert_eq!((repaired.lost, repaired.rows.map(|rows| rows.len())), (None, Some(100_000)));
}

#[test]
fn a_repair_of_the_front_that_is_cut_off_anywhere_loses_nothing() {
    let folder = Folder::new("front");
    let path = folder.file();
    create(&path, &Index::empty(BITS, true, true).expect("an index"));
    let mut file = IndexFile::open(&path).expect("open");
    for change in 0..3i64 {
        file.append(&codes(5, 1), with_ids(change * 5..change * 5 + 5), &never())
            .expect("appended");
        drop(file);
        let bytes = fs::read(&path).expect("bytes");
        let mut blemished = bytes.clone();
        blemished[70] ^= 1;
        fs::write(&path, &blemished).expect("written");
        assert_eq!(repair(&path, &never()).expect("repaired").problems.len(), 1);
        let after = fs::read(&path).expect("bytes");
        // Pages reach the disk in any order.
        for pages in 0..8 {
            let mut torn = bytes.clone();
            for page in (0..3).filter(|page| pages >> page & 1 == 1) {
                torn[page * 4096..(page + 1) * 4096]
                    .copy_from_slice(&after[page * 4096..(page + 1) * 4096]);
            }
            fs::write(&path, &torn).expect("written");
            assert_eq!(Index::map(&path).expect("mapped").rows(), (change as usize + 1) * 5);
        }
        fs::write(&path, &bytes).expect("written");
        file = IndexFile::open(&path).expect("open");
    }
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_the_one_file() {
    let folder = Folder::new("link");
    let (path, link) = (folder.file(), folder.0.join("link"));
    large(&path, 100);
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let file = IndexFile::open(&link).expect("open");
    file.remove(&[1]).expect("removed");
    file.compact(&never()).expect("compacted");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(Index::map(&path).expect("mapped").rows(), 99);
    assert_eq!(IndexFile::open(&path).expect_err("locked").code(), "FILE_LOCKED");
}

#[test]
fn a_name_near_the_longest_is_compacted_and_repaired_too() {
    let folder = Folder::new("names");
    for length in [246, 247, 250, 255] {
        let path = folder.0.join("n".repeat(length));
        large(&path, 60_000);
        let file = IndexFile::open(&path).expect("open");
        file.remove(&[1]).expect("removed");
        assert_eq!(file.compact(&never()).expect("compacted").len(), 59_999);
        drop(file);
        let mut bytes = fs::read(&path).expect("bytes");
        bytes[500_000] ^= 1;
        fs::write(&path, &bytes).expect("written");
        let repaired = repair(&path, &never()).expect("repaired");
        assert_eq!(fs::read(repaired.damaged.expect("kept")).expect("bytes"), bytes);
        assert_eq!(verify(&path, &never()).expect("verified").problems, [""; 0]);
    }
    // Each, and what was damaged under a name of its own.
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 8);
}

#[test]
fn what_fails_before_the_renaming_leaves_the_old_file() {
    let folder = Folder::new("compact");
    let path = folder.file();
    large(&path, 60_000);
    let file = IndexFile::open(&path).expect("open");
    file.remove(&[1, 2]).expect("removed");
    let (bytes, before) = (fs::read(&path).expect("bytes"), found(file.index()));
    // Something else has the temporary name, a folder, which cannot be opened to write.
    let temporary = folder.0.join(".codes.h2q.h2q.tmp");
    fs::create_dir(&temporary).expect("a folder");
    assert_eq!(file.compact(&never()).expect_err("in the way").code(), "FILE_UNWRITABLE");
    fs::remove_dir(&temporary).expect("removed");
    // An abort on the way.
    let cancel = never();
    cancel.cancel();
    assert_eq!(file.compact(&cancel).expect_err("aborted").code(), "ABORTED");
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 1);
    assert_eq!(fs::read(&path).expect("bytes"), bytes);
    assert_eq!(found(file.index()), before);
    // Damage, found while it is read.
    fs::write(&path, &bytes).expect("written");
    drop(file);
    let mut damaged = bytes.clone();
    damaged[500_000] ^= 1;
    fs::write(&path, &damaged).expect("written");
    let file = IndexFile::open(&path).expect("open");
    assert_eq!(file.compact(&never()).expect_err("damaged").code(), "INDEX_FORMAT");
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 1);
    assert_eq!(file.index().alive(), 59_998);
    file.append(&codes(3, 5), with_ids(70_000..70_003), &never()).expect("appended");
    assert_eq!(Index::map(&path).expect("mapped").alive(), 60_001);
}

#[test]
fn factors_of_another_metric_are_refused_before_anything_is_written() {
    let folder = Folder::new("factors");
    let path = folder.file();
    large(&path, 60_000);
    let bytes = fs::read(&path).expect("bytes");
    let file = IndexFile::open(&path).expect("open");
    let norms = || Beside { factors: Some(vec![-0.0, 0.0, -1.0]), ..with_ids(0..3) };
    let error = file.append(&codes(3, 5), norms(), &never()).expect_err("refused");
    assert!(
        error.to_string().starts_with("factors: that of row 60002, below 0, is not of the metric")
    );
    assert_eq!((file.index().rows(), fs::read(&path).expect("bytes")), (60_000, bytes.clone()));
    file.append(&codes(3, 5), with_ids(0..3), &never()).expect("appended");
    drop(file);
    // What tells the sign is compared with its checksum first: the factors are the last section, and large.
    let mut damaged = bytes;
    let factors = damaged.len() - (60_000 * 4usize).next_multiple_of(64);
    damaged[factors + 7] ^= 1;
    fs::write(&path, &damaged).expect("written");
    let file = IndexFile::open(&path).expect("open");
    let error = file.append(&codes(3, 5), with_ids(0..3), &never()).expect_err("damaged");
    assert_eq!(error.code(), "INDEX_FORMAT");
}
