//! What a kill or a power cut leaves of a change: all of it or nothing, whatever part has reached the disk.

#[path = "support/disk.rs"]
mod disk;
mod support;

use std::fs;
use std::path::Path;

use h2q_core::codes::Fingerprint;
use h2q_core::error::Result;
use h2q_core::index::{Index, IndexFile, IndexReader, verify};
use rand::RngExt;

use disk::{BITS, Folder, codes, create, found, large, never, with_ids};

/// Where records begin.
const FRONT: usize = 12288;
/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A file before and after a change that was written, but not put in order by closing the file.
struct Change {
    folder: Folder,
    before: Vec<u8>,
    after: Vec<u8>,
    /// What a search finds before and after.
    states: [Found; 2],
}

type Found = (Vec<u32>, Vec<u32>, Option<Vec<i64>>);

impl Change {
    fn of(name: &str, change: impl FnOnce(&IndexFile)) -> Self {
        let folder = Folder::in_memory(name);
        let path = folder.file();
        create(&path, &Index::empty(BITS, true, true).expect("an index"));
        let file = IndexFile::open(&path).expect("open");
        file.append(&codes(9, 1), with_ids(0..9), &never()).expect("appended");
        let (before, held) = (fs::read(&path).expect("bytes"), found(file.index()));
        change(&file);
        let after = fs::read(&path).expect("bytes");
        let states = [held, found(file.index())];
        assert_ne!(states[0], states[1]);
        Self { folder, before, after, states }
    }

    fn append(name: &str) -> Self {
        Self::of(name, |file| {
            file.append(&codes(100, 2), with_ids(20..120), &never()).expect("appended");
        })
    }

    /// Puts `disk` in the place of the file and checks that everybody finds the state before or after the change.
    fn expect(&self, disk: &[u8], is_after: bool, context: &str) {
        self.expect_with(disk, is_after, false, context);
    }

    /// With half a commit in the front, or without one, which is told and does no harm.
    fn expect_with(&self, disk: &[u8], is_after: bool, is_blemished: bool, context: &str) {
        let path = &self.folder.file();
        fs::write(path, disk).expect("written");
        let state = &self.states[usize::from(is_after)];
        assert_eq!(&found(&Index::map(path).expect("mapped")), state, "{context}");
        assert_eq!(&found(&read(disk).expect("read")), state, "{context}");
        let verified = verify(path, &never()).expect("verified");
        let told =
            ["the commit before the last is damaged", "a copy of the last commit is damaged"];
        let is_sound =
            |problems: &[String]| problems.iter().all(|one| is_blemished && told.contains(&&**one));
        assert!(is_sound(&verified.problems), "{context}: {:?}", verified.problems);
        let counted = if is_after { self.after.len() } else { self.before.len() };
        let uncommitted = disk.len().saturating_sub(counted) as u64;
        assert_eq!(verified.uncommitted_bytes, uncommitted, "{context}");
        // Whoever changes it next builds on the same.
        let file = IndexFile::open(path).expect("open");
        assert_eq!(&found(file.index()), state, "{context}");
        assert_eq!(fs::metadata(path).expect("a file").len(), counted as u64, "{context}");
        file.append(&codes(1, 3), with_ids(500..501), &never()).expect("appended");
        assert_eq!(found(file.index()), found(&Index::map(path).expect("mapped")), "{context}");
        let next = fs::read(path).expect("bytes");
        assert_eq!(found(&read(&next).expect("read")), found(file.index()), "{context}");
        drop(file);
        assert!(is_sound(&verify(path, &never()).expect("verified").problems), "{context}");
    }
}

/// As a stream, in pieces.
fn read(bytes: &[u8]) -> Result<Index> {
    let mut reader = IndexReader::new(bytes.len());
    for piece in bytes.chunks(1000) {
        reader.push(piece)?;
    }
    reader.finish()
}

/// The commit of the highest sequence: its place, length, and bytes that count only as a whole.
fn last_commit(bytes: &[u8]) -> (usize, u64, u64) {
    let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("8 bytes"));
    let page = [4096, 8192].into_iter().max_by_key(|page| number(page + 8)).expect("a page");
    (page, number(page + 16), number(page + 24))
}

#[test]
fn a_change_without_its_commit_never_was_wherever_it_ends() {
    let change = Change::append("uncommitted");
    for length in change.before.len()..=change.after.len() {
        let mut disk = change.after[..length].to_vec();
        disk[..FRONT].copy_from_slice(&change.before[..FRONT]);
        change.expect(&disk, false, &format!("{length} bytes"));
    }
}

#[test]
fn a_commit_without_all_of_its_change_does_not_count_wherever_it_ends() {
    let change = Change::append("cut");
    assert_eq!(last_commit(&change.after).2, (change.after.len() - change.before.len()) as u64);
    for length in change.before.len()..=change.after.len() {
        let is_whole = length == change.after.len();
        change.expect(&change.after[..length], is_whole, &format!("{length} bytes"));
    }
}

#[test]
fn a_commit_without_some_sectors_of_its_change_does_not_count() {
    let removed = |file: &IndexFile| assert_eq!(file.remove(&[3, 5]).expect("removed"), 2);
    for change in [Change::append("sectors"), Change::of("removed", removed)] {
        let first = change.before.len() / SECTOR;
        let sectors = change.after.len().div_ceil(SECTOR) - first;
        let mut random = support::generator(5);
        // All of a few, some of many.
        let subsets: Vec<u64> = match sectors {
            0..=7 => (0..1 << sectors).collect(),
            _ => (0..150).map(|_| random.random::<u64>()).collect(),
        };
        for (lost, filler) in subsets.into_iter().flat_map(|lost| [(lost, 0), (lost, 0xa7)]) {
            let mut disk = change.after.clone();
            for sector in (0..sectors).filter(|sector| lost >> sector & 1 == 1) {
                let start = ((first + sector) * SECTOR).max(change.before.len());
                let end = disk.len().min((first + sector + 1) * SECTOR);
                disk[start..end].fill(filler);
            }
            let context = format!("sectors {lost:b} of {sectors}, {filler}");
            let is_whole = disk == change.after;
            change.expect(&disk, is_whole, &context);
        }
    }
}

#[test]
fn a_commit_of_which_some_bytes_have_arrived_is_there_or_not() {
    let change = Change::append("commit");
    let (page, ..) = last_commit(&change.after);
    for bytes in 0..=128 {
        let mut disk = change.after.clone();
        disk[page + bytes..page + 4096].copy_from_slice(&change.before[page + bytes..page + 4096]);
        change.expect_with(&disk, bytes >= 64, true, &format!("{bytes} bytes"));
    }
}

#[test]
fn what_an_earlier_change_has_left_is_not_taken_for_the_one_that_was_lost() {
    let change = Change::append("stale");
    let other = Change::of("other", |file| {
        file.append(&codes(100, 7), with_ids(20..120), &never()).expect("appended");
    });
    assert_eq!((&other.before, other.after.len()), (&change.before, change.after.len()));
    // A whole record of the same length, but not that of the commit.
    let mut disk = other.after.clone();
    disk[..FRONT].copy_from_slice(&change.after[..FRONT]);
    change.expect(&disk, false, "a stale record");
}

#[test]
fn what_was_acknowledged_before_is_never_missed_without_a_word() {
    let change = Change::append("missed");
    let path = change.folder.file();
    for length in 0..change.before.len() {
        fs::write(&path, &change.after[..length]).expect("written");
        assert_eq!(Index::map(&path).expect_err("cut").code(), "INDEX_FORMAT", "{length}");
        let error = read(&change.after[..length]).expect_err("cut");
        assert_eq!(error.code(), "INDEX_FORMAT", "{length}");
    }
    // Once the file was closed, that holds for the last change too.
    fs::write(&path, &change.after).expect("written");
    drop(IndexFile::open(&path).expect("open"));
    let closed = fs::read(&path).expect("bytes");
    assert_eq!((closed.len(), last_commit(&closed).2), (change.after.len(), 0));
    for length in 0..closed.len() {
        fs::write(&path, &closed[..length]).expect("written");
        assert_eq!(Index::map(&path).expect_err("cut").code(), "INDEX_FORMAT", "{length}");
    }
    for at in (change.before.len()..closed.len()).step_by(7) {
        let mut damaged = closed.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).expect("written");
        assert_eq!(Index::map(&path).expect_err("damaged").code(), "INDEX_FORMAT", "{at}");
    }
}

#[test]
fn a_file_that_is_closed_between_changes_survives_the_same() {
    // The commit that closing writes may be lost, or come without what follows.
    let change = Change::append("closed");
    let path = change.folder.file();
    fs::write(&path, &change.after).expect("written");
    drop(IndexFile::open(&path).expect("open"));
    let closed = fs::read(&path).expect("bytes");
    let file = IndexFile::open(&path).expect("open");
    file.append(&codes(40, 4), with_ids(200..240), &never()).expect("appended");
    let mut disk = fs::read(&path).expect("bytes");
    drop(file);
    disk[closed.len()..].fill(0);
    // With and without the page of the closing.
    let (page, ..) = last_commit(&closed);
    change.expect(&disk[..closed.len()], true, "cut");
    disk[page..page + 4096].copy_from_slice(&change.after[page..page + 4096]);
    change.expect_with(&disk[..closed.len()], true, true, "cut, without the closing");
}

#[test]
fn large_changes_and_the_first_with_a_model_are_on_the_disk_before_their_commit() {
    let folder = Folder::new("large");
    let path = folder.file();
    create(&path, &Index::empty(BITS, true, true).expect("an index"));
    let file = IndexFile::open(&path).expect("open");
    let model: Fingerprint = [7; 16];
    let pending = |path: &Path| last_commit(&fs::read(path).expect("bytes")).2;
    let first = codes(9, 1).of_model(model);
    file.append(&first, with_ids(0..9), &never()).expect("appended");
    assert_eq!(pending(&path), 0);
    file.append(&codes(9, 1), with_ids(9..18), &never()).expect("appended");
    assert!(pending(&path) > 0);
    file.append(&codes(60_000, 1), with_ids(20..60_020), &never()).expect("appended");
    assert_eq!(pending(&path), 0);
    drop(file);
    let index = Index::map(&path).expect("mapped");
    assert_eq!((index.alive(), index.model()), (60_018, Some(model)));
    let other = folder.0.join("other");
    large(&other, 100);
    assert_eq!(pending(&other), 0);
}

#[test]
fn a_commit_that_asks_for_too_much_is_refused() {
    let change = Change::append("impossible");
    let (page, length, _) = last_commit(&change.after);
    for pending in [64, 2 << 20, length, u64::MAX - 63, 65] {
        let mut disk = change.after.clone();
        for page in [page, page + 64] {
            disk[page + 24..page + 32].copy_from_slice(&u64::to_le_bytes(pending));
            let seal = xxhash_rust::xxh3::xxh3_64(&disk[page..page + 56]);
            disk[page + 56..page + 64].copy_from_slice(&seal.to_le_bytes());
        }
        fs::write(change.folder.file(), &disk).expect("written");
        // 64 bytes may be meant, but they are not those of the checksum, and a record would end within.
        let error = Index::map(&change.folder.file()).expect_err("refused");
        assert_eq!(error.code(), "INDEX_FORMAT", "{pending}");
    }
}
