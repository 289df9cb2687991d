//! Bitmaps, sorts and flat JSON objects against what the standard library and serde_json say.
#![no_main]

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use h2q_core::model::Summary;
use h2q_core::parallel::{Cancel, sort};
use h2q_kernels::index::bitmap::Bitmap;
use h2q_kernels::json::{Member, Value, find, to_text};
use h2q_kernels::sorting;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> Result<()> {
    match u.int_in_range(0..=3)? {
        0 => bitmaps(u),
        1 => sorts(u),
        2 => members(u),
        _ => {
            texts(u.peek_bytes(u.len()).unwrap_or_default());
            Ok(())
        }
    }
}

/// A bitmap and the set that it should be go through the same changes.
fn bitmaps(u: &mut Unstructured) -> Result<()> {
    let length = u.int_in_range(0..=300)?;
    let bytes: Vec<u8> =
        (0..u.int_in_range(0..=40)?).map(|_| u.arbitrary()).collect::<Result<_>>()?;
    let mut set: BTreeSet<usize> = (0..length)
        .filter(|i| bytes.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1))
        .collect();
    let mut bitmap = Bitmap::from_bytes(&bytes, length).expect("memory");
    let mut length = length;
    while !u.is_empty() {
        agrees(&bitmap, &set, length);
        match u.int_in_range(0..=5)? {
            0 | 1 if length > 0 => {
                let at = u.choose_index(length)?;
                if u.arbitrary()? {
                    bitmap.insert(at);
                    set.insert(at);
                } else {
                    assert_eq!(bitmap.remove(at), set.remove(&at));
                }
            }
            2 => {
                let end = u.int_in_range(0..=length + 70)?;
                bitmap.keep_below(end);
                set.retain(|i| *i < end);
            }
            3 => {
                bitmap.invert();
                set = (0..length).filter(|i| !set.contains(i)).collect();
            }
            4 => {
                let (first, count) = (u.int_in_range(0..=length + 70)?, u.int_in_range(0..=300)?);
                bitmap = bitmap.slice(first, count).expect("memory");
                set = (0..count).filter(|i| set.contains(&(first + i))).collect();
                length = count;
            }
            _ => {
                let other: BTreeSet<usize> =
                    set.iter().copied().filter(|i| i % 3 != 0).chain(0..length.min(5)).collect();
                let mut kept = Bitmap::none(length).expect("memory");
                other.iter().for_each(|i| kept.insert(*i));
                bitmap.keep(&kept);
                set.retain(|i| other.contains(i));
            }
        }
    }
    agrees(&bitmap, &set, length);
    Ok(())
}

fn agrees(bitmap: &Bitmap, set: &BTreeSet<usize>, length: usize) {
    assert_eq!((bitmap.length(), bitmap.count()), (length, set.len()));
    assert_eq!((0..length).filter(|i| bitmap.has(*i)).collect::<BTreeSet<_>>(), *set);
    // Whoever scans reads whole words.
    let beyond = (0..bitmap.words().len() * 64).skip(length);
    assert!(beyond.into_iter().all(|i| bitmap.words()[i / 64] >> (i % 64) & 1 == 0));
}

fn sorts(u: &mut Unstructured) -> Result<()> {
    let mask = u.arbitrary::<u16>()?;
    let mut items: Vec<(u16, u32)> = Vec::new();
    while let (Ok(item), false) = (u.arbitrary::<u16>(), u.is_empty()) {
        items.push((item & mask, items.len() as u32));
    }
    let mut wanted = items.clone();
    wanted.sort();
    let (mut in_steps, mut all, mut by) = (items.clone(), items.clone(), items.clone());
    sort(&mut in_steps, &Cancel::default()).expect("nobody cancels");
    sorting::sort(&mut all);
    sorting::sort_by(&mut by, |a, b| b.cmp(a));
    by.reverse();
    assert_eq!((&in_steps, &all, &by), (&wanted, &wanted, &wanted));
    if !items.is_empty() {
        let count = 1 + usize::from(mask) % items.len();
        sorting::select(&mut items, count, Ord::cmp);
        assert_eq!(items[count - 1], wanted[count - 1], "the last of what is selected is in place");
        items[..count].sort();
        assert_eq!(items[..count], wanted[..count]);
    }
    Ok(())
}

/// What is written is found again.
fn members(u: &mut Unstructured) -> Result<()> {
    const NAMES: [&str; 4] = ["rows", "method", "trainLoss", "a \"quoted\" \\ name"];
    let mut members: Vec<Member> = Vec::new();
    for name in NAMES {
        members.push((
            name,
            match u.int_in_range(0..=2)? {
                0 => Value::Text(u.arbitrary()?),
                1 => Value::Count(u.arbitrary()?),
                _ => {
                    let number: f64 = u.arbitrary()?;
                    Value::Number(if number.is_finite() { number } else { -0.5 })
                }
            },
        ));
    }
    let text = to_text(members.clone());
    let found = find(&text).expect("an object");
    for (name, value) in &members {
        assert_eq!(found(name).as_ref(), Some(value), "{name}");
    }
    assert_eq!(found("other"), None);
    Ok(())
}

/// Any text is read or refused; a summary that is read is written to one that reads alike.
fn texts(text: &[u8]) {
    let Ok(find_in) = find(text) else { return };
    let _ = find_in("rows");
    if let Ok(summary) = Summary::from_members(find_in) {
        let written = to_text(summary.members());
        let again = Summary::from_members(find(&written).expect("an object"));
        assert_eq!(again.as_ref(), Ok(&summary));
    }
}
