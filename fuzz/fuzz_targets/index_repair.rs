//! Index files that were sound and then damaged. A repair keeps nothing but what was there, says how much is lost,
//! and leaves a sound file; what is not damaged is not lost.
#![no_main]

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use h2q_core::codes::Codes;
use h2q_core::index::{Beside, Index, IndexFile, repair, verify};
use h2q_core::parallel::Cancel;
use h2q_fuzz::contents::{Contents, written};
use h2q_fuzz::random::Random;
use h2q_fuzz::{codes, folder};
use libfuzzer_sys::fuzz_target;

const FRONT: usize = 12288;
const PAGE: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> Result<()> {
    let sound = sound_file(u)?;
    let path = folder::write(&sound);
    let before = Contents::of(&Index::map(path).expect("sound")).expect("sound");
    let never = Cancel::default();
    assert!(verify(path, &never).expect("an index").problems.is_empty());

    let mut damaged = sound.clone();
    let mut is_front = false;
    for _ in 0..u.int_in_range(0..=4)? {
        is_front |= damage(u, &mut damaged)?;
    }
    folder::write(&damaged);
    let Ok(verified) = verify(path, &never) else {
        assert!(is_front, "only the front keeps a file from being opened");
        assert!(repair(path, &never).is_err());
        return Ok(());
    };
    assert_eq!(verified.problems.is_empty(), damaged == sound, "{verified:?}");
    let repaired = repair(path, &never).expect("repaired");
    let again = verify(path, &never).expect("an index");
    assert!(again.problems.is_empty(), "{repaired:?}, then {again:?}");
    let after = Contents::of(&Index::map(path).expect("sound")).expect("sound");
    match &repaired.rows {
        None => assert_eq!(repaired.lost, Some(0)),
        Some(old_rows) => {
            assert_eq!(old_rows.len(), after.rows.len());
            assert_eq!(after.hits.len(), after.rows.len());
        }
    }
    let identity: Vec<u32> = (0..after.rows.len() as u32).collect();
    let old_rows = repaired.rows.as_ref().unwrap_or(&identity);
    assert!(old_rows.is_sorted_by(|a, b| a < b), "{old_rows:?}");
    if !before.has[0] {
        // Ids are rows, which are numbered anew.
        for (row, old) in after.rows.iter().zip(old_rows) {
            let was = &before.rows[*old as usize];
            assert_eq!((&row.0, row.2), (&was.0, was.2), "row {old}");
        }
    } else {
        for (row, old) in after.rows.iter().zip(old_rows) {
            assert_eq!(row, &before.rows[*old as usize], "row {old}");
        }
    }
    if !is_front && !touches_removal(&sound, &damaged) {
        // Distance, id, row.
        let alive: BTreeSet<u32> = before.hits.iter().map(|hit| hit.2).collect();
        let hits = after.hits.iter().map(|hit| old_rows[hit.2 as usize]);
        assert!(hits.into_iter().all(|old| alive.contains(&old)), "a removed code came back");
    }
    if !is_front {
        if let Some(lost) = repaired.lost {
            assert!(after.hits.len() + lost >= before.hits.len(), "{repaired:?}");
            assert!(lost <= before.rows.len(), "{repaired:?}");
        }
        if repaired.rows.is_none() {
            assert_eq!(after, before);
        }
    }
    Ok(())
}

/// Whether damage lies in a record of removed rows.
fn touches_removal(sound: &[u8], damaged: &[u8]) -> bool {
    let mut at = FRONT;
    while at < sound.len() {
        let bytes = sound[at + 32..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let end = at + 64 + bytes as usize;
        if sound[at..].starts_with(b"H2QREMOV") && sound[at..end] != damaged[at..end] {
            return true;
        }
        at = end;
    }
    false
}

/// A file with some segments and removals.
fn sound_file(u: &mut Unstructured) -> Result<Vec<u8>> {
    let bits = 8 * u.int_in_range(1..=20)?;
    let (has_ids, has_factors) = (u.arbitrary()?, u.arbitrary()?);
    let mut random = Random(u.arbitrary::<u16>()?.into());
    let index = Index::empty(bits, has_ids, has_factors).expect("an index");
    let path = folder::write(&written(&index, 1 << 20).expect("a file"));
    let file = IndexFile::open(path).expect("opened");
    let never = Cancel::default();
    for _ in 0..u.int_in_range(1..=5)? {
        let rows = match u.int_in_range(0..=3)? {
            0 => u.int_in_range(1..=9)?,
            _ => u.int_in_range(1..=300)?,
        };
        let added = Codes::new(codes::codes(rows, bits, &mut random), bits).expect("codes");
        let spread = 1 + random.below(2 * rows);
        let beside = Beside {
            ids: has_ids.then(|| (0..rows).map(|_| random.below(spread) as i64).collect()),
            factors: has_factors.then(|| (0..rows).map(|_| random.float().abs()).collect()),
        };
        file.append(&added, beside, &never).expect("appended");
        let gone: Vec<i64> =
            (0..u.int_in_range(0..=5)?).map(|_| random.below(file.index().rows()) as i64).collect();
        file.remove(&gone).expect("removed");
    }
    drop(file);
    Ok(std::fs::read(path).expect("the file"))
}

/// Whether the front was changed.
fn damage(u: &mut Unstructured, file: &mut [u8]) -> Result<bool> {
    let at = match u.int_in_range(0..=3)? {
        0 => PAGE * u.int_in_range(0..=2)? + u.int_in_range(0..=127)?,
        // The headers of records and what comes soon after them.
        1 => u.int_in_range(FRONT..=(FRONT + 200).min(file.len() - 1))?,
        _ => u.int_in_range(FRONT..=file.len() - 1)?,
    };
    let most = if u.ratio(1, 4)? { 700 } else { 1 };
    let length = u.int_in_range(1..=most)?;
    let range = at..(at + length).min(if at < FRONT { FRONT } else { file.len() });
    let mask = u.arbitrary::<u8>()?;
    file[range].iter_mut().for_each(|byte| *byte ^= mask);
    Ok(at < FRONT)
}
