//! Every kernel of this CPU and every software twin against a loop over the words of single codes.
#![no_main]

use arbitrary::{Result, Unstructured};
use h2q_core::hamming::{Blocks, GROUP, Kernel, Line, Scan, distance, key, popcount, twins};
use h2q_fuzz::random::Random;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> Result<()> {
    let words = if u.arbitrary()? { u.int_in_range(1..=17)? } else { u.int_in_range(1..=130)? };
    let most = if u.ratio(1, 4)? { 300 } else { 40 };
    let rows = u.int_in_range(1..=most)?;
    let mut random = Random(u.arbitrary()?);
    let query: Vec<u64> = (0..words).map(|_| random.bits()).collect();
    let mut blocks = Blocks::zeros(rows, words * 64).expect("memory");
    let kinds = u.arbitrary::<[u8; 8]>()?;
    for position in 0..rows {
        let kind = kinds[position % kinds.len()];
        let code: Vec<u64> = query.iter().map(|word| near(*word, kind, &mut random)).collect();
        blocks.set(position, &code);
    }
    let naive = |position: usize| -> u32 {
        (0..words).map(|w| (blocks.word(position, w) ^ query[w]).count_ones()).sum()
    };
    let wanted: Vec<u32> = (0..rows).map(naive).collect();

    let allowed: Option<Vec<u64>> = u.arbitrary::<bool>()?.then(|| {
        let mask = if kinds[0] & 1 == 0 { u64::MAX } else { random.bits() & random.bits() };
        (0..rows.div_ceil(64)).map(|_| random.bits() & mask).collect()
    });
    let limit = match u.int_in_range(0..=3)? {
        0 => u.int_in_range(0..=64 * words as u32 + 1)?,
        1 => wanted[u.choose_index(rows)?],
        _ => wanted[u.choose_index(rows)?] + 1,
    };
    // The last position is the last number of 32 bits, or not.
    let most = u32::MAX - rows as u32;
    let first = if u.arbitrary()? { most } else { u.int_in_range(0..=most)? };
    let end = first + u.int_in_range(0..=rows as u32)?;
    let lines = blocks.lines();
    let scan = Scan { query: &query, lines, first, end, allowed: allowed.as_deref(), limit };
    let is_allowed =
        |i: usize| allowed.as_ref().is_none_or(|words| words[i / 64] >> (i % 64) & 1 == 1);
    let keys: Vec<u64> = (0..(end - first) as usize)
        .filter(|i| wanted[*i] < limit && is_allowed(*i))
        .map(|i| key(wanted[i], first + i as u32))
        .collect();

    let from = u.int_in_range(0..=(rows - 1) / GROUP)? * GROUP;
    let count = u.int_in_range(0..=rows - from)?;
    for kernel in Kernel::available() {
        let mut found = Vec::new();
        kernel.collect(scan, &mut found);
        assert_eq!(found, keys, "{}", kernel.name());
        let mut out = vec![0; count];
        kernel.distances(&query, &blocks, from, &mut out);
        assert_eq!(out, wanted[from..from + count], "{}", kernel.name());
    }
    for twin in twins::all() {
        let mut found = Vec::new();
        (twin.collect)(scan, &mut found);
        assert_eq!(found, keys, "the twin of {}", twin.name);
        let mut out = vec![0; lines.len() / words * GROUP];
        (twin.distances)(&query, lines, &mut out);
        assert_eq!(out[..rows], wanted, "the twin of {}", twin.name);
    }
    single_codes(u, &query, lines)
}

/// A word at any distance; the ends are met often.
fn near(word: u64, kind: u8, random: &mut Random) -> u64 {
    match kind % 5 {
        0 => word,
        1 => !word,
        2 => word ^ 1 << random.below(64),
        3 => !word ^ 1 << random.below(64),
        _ => random.bits(),
    }
}

/// Bytes of any length and alignment.
fn single_codes(u: &mut Unstructured, query: &[u64], lines: &[Line]) -> Result<()> {
    let words: Vec<u64> = lines.iter().flat_map(|line| line.0).chain(query.to_vec()).collect();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let length = u.int_in_range(0..=bytes.len().min(200))?;
    let (a, b) =
        (u.int_in_range(0..=bytes.len() - length)?, u.int_in_range(0..=bytes.len() - length)?);
    let (a, b) = (&bytes[a..a + length], &bytes[b..b + length]);
    let ones = |byte: u8| (0..8).map(|bit| u64::from(byte >> bit & 1)).sum::<u64>();
    assert_eq!(popcount(a), a.iter().map(|byte| ones(*byte)).sum::<u64>());
    let differing = a.iter().zip(b).map(|(a, b)| ones(a ^ b)).sum();
    assert_eq!(distance(a, b), Ok(differing));
    Ok(())
}
