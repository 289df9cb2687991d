//! The loops of every kernel, over [`Lanes`].

use std::ops::Range;

use super::{GROUP, Lanes, Line, key};

/// One query and the block of codes that it is compared with.
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    /// Words of the query.
    pub query: &'a [u64],
    /// Whole groups of codes, `query.len()` lines each.
    pub lines: &'a [Line],
    /// Position of the first code.
    pub first: u32,
    /// Codes from here on are padding.
    pub end: u32,
    /// Bit i tells whether the code at `first + i` may be a hit; all may where there is none.
    pub allowed: Option<&'a [u64]>,
    /// Only codes with a smaller distance are of interest.
    pub limit: u32,
}

/// Appends the [`key`]s of the codes below the limit, in order of positions.
#[inline(always)]
pub(super) fn collect<L: Lanes>(lanes: L, scan: Scan, keys: &mut Vec<u64>) {
    match scan.query.len() {
        1 => collect_fixed::<L, 1, 8>(lanes, scan, keys),
        2 => collect_fixed::<L, 2, 8>(lanes, scan, keys),
        words if SHARES_CODE => collect_any(lanes, &scan, words, keys),
        4 => collect_fixed::<L, 4, 4>(lanes, scan, keys),
        6 => collect_fixed::<L, 6, 4>(lanes, scan, keys),
        8 => collect_fixed::<L, 8, 4>(lanes, scan, keys),
        12 => collect_fixed::<L, 12, 2>(lanes, scan, keys),
        16 => collect_fixed::<L, 16, 2>(lanes, scan, keys),
        24 => collect_fixed::<L, 24, 2>(lanes, scan, keys),
        words => {
            let groups = scan.lines.chunks_exact(words);
            for (g, group) in groups.enumerate() {
                collect_group(lanes, scan, general(lanes, scan.query, group), g, keys);
            }
        }
    }
}

/// The distances of all codes, padding included: whole groups.
#[inline(always)]
pub(super) fn distances<L: Lanes>(lanes: L, query: &[u64], lines: &[Line], out: &mut [u32]) {
    let groups = lines.chunks_exact(query.len()).zip(out.as_chunks_mut::<GROUP>().0);
    for (group, out) in groups {
        *out = lanes.to_array(general(lanes, query, group));
    }
}

/// In wasm most widths share one function, since a page has to download it. It is also faster: where the words
/// of a code are unrolled, LLVM takes the lines of a group in another order than that of the memory, and reads
/// half as fast. Those that are unrolled have functions of their own, since engines compile large ones badly.
const SHARES_CODE: bool = cfg!(target_arch = "wasm32");

/// `STEP` groups are compared with the limit at once, by their least distances; only where one is below are
/// they looked at one by one.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn collect_fixed<L: Lanes, const WORDS: usize, const STEP: usize>(
    lanes: L,
    scan: Scan,
    keys: &mut Vec<u64>,
) {
    let Some(query) = scan.query.first_chunk::<WORDS>() else { return };
    let groups = scan.lines.as_chunks::<WORDS>().0;
    if SHARES_CODE && scan.allowed.is_some() {
        return collect_singly(lanes, &scan, 0..groups.len(), keys);
    }
    if let Some(allowed) = scan.allowed {
        let has_any = |g: usize| allowed[g / GROUP] >> (g % GROUP * GROUP) & 0xff != 0;
        for (g, group) in groups.iter().enumerate().filter(|(g, _)| has_any(*g)) {
            collect_group(lanes, scan, fixed(lanes, query, group), g, keys);
        }
        return;
    }
    let (steps, rest) = groups.as_chunks::<STEP>();
    for (s, step) in steps.iter().enumerate() {
        let mut least = fixed(lanes, query, &step[0]);
        for group in &step[1..] {
            least = lanes.least(least, fixed(lanes, query, group));
        }
        if lanes.any_below(least, scan.limit) {
            if SHARES_CODE {
                collect_singly(lanes, &scan, s * STEP..(s + 1) * STEP, keys);
                continue;
            }
            for (g, group) in step.iter().enumerate() {
                collect_group(lanes, scan, fixed(lanes, query, group), s * STEP + g, keys);
            }
        }
    }
    if SHARES_CODE {
        return collect_singly(lanes, &scan, steps.len() * STEP..groups.len(), keys);
    }
    for (g, group) in rest.iter().enumerate() {
        let g = steps.len() * STEP + g;
        collect_group(lanes, scan, fixed(lanes, query, group), g, keys);
    }
}

/// Any width, two groups at once.
#[inline(never)]
fn collect_any<L: Lanes>(lanes: L, scan: &Scan, words: usize, keys: &mut Vec<u64>) {
    let groups = scan.lines.len() / words;
    let mut done = 0;
    if scan.allowed.is_none() && words <= L::WORDS {
        for pair in scan.lines.chunks_exact(2 * words) {
            let (first, second) = pair.split_at(words);
            let least = lanes.least(sum(lanes, scan.query, first), sum(lanes, scan.query, second));
            if lanes.any_below(least, scan.limit) {
                collect_singly(lanes, scan, done..done + 2, keys);
            }
            done += 2;
        }
    }
    collect_singly(lanes, scan, done..groups, keys);
}

/// Groups one by one, for any width.
#[inline(never)]
fn collect_singly<L: Lanes>(lanes: L, scan: &Scan, groups: Range<usize>, keys: &mut Vec<u64>) {
    let words = scan.query.len();
    for g in groups {
        let has_any = |allowed: &[u64]| allowed[g / GROUP] >> (g % GROUP * GROUP) & 0xff != 0;
        if scan.allowed.is_none_or(has_any) {
            let group = &scan.lines[g * words..][..words];
            collect_group(lanes, *scan, general(lanes, scan.query, group), g, keys);
        }
    }
}

/// Appends what is below the limit in group `g` of the block.
#[inline(always)]
fn collect_group<L: Lanes>(
    lanes: L,
    scan: Scan,
    distances: L::Distances,
    g: usize,
    keys: &mut Vec<u64>,
) {
    if lanes.any_below(distances, scan.limit) {
        push_group(&scan, &lanes.to_array(distances), g, keys);
    }
}

/// Rare, and so kept out of the loops, whose registers it would take.
#[inline(never)]
fn push_group(scan: &Scan, distances: &[u32; GROUP], g: usize, keys: &mut Vec<u64>) {
    let allowed =
        scan.allowed.map_or(0xff, |allowed| allowed[g / GROUP] >> (g % GROUP * GROUP) & 0xff);
    for (i, distance) in distances.iter().enumerate() {
        // Positions are below 2^32 up to the last code; those of padding may not be.
        let position = u64::from(scan.first) + (g * GROUP + i) as u64;
        if *distance < scan.limit && position < u64::from(scan.end) && allowed >> i & 1 == 1 {
            keys.push(key(*distance, position as u32));
        }
    }
}

#[inline(always)]
fn fixed<L: Lanes, const WORDS: usize>(
    lanes: L,
    query: &[u64; WORDS],
    group: &[Line; WORDS],
) -> L::Distances {
    const { assert!(WORDS <= 31, "more words than the sums of every kernel hold") };
    let mut sums = lanes.no_sums();
    for w in 0..WORDS {
        sums = lanes.add(sums, query[w], &group[w]);
    }
    lanes.distances(sums)
}

#[inline(always)]
fn general<L: Lanes>(lanes: L, query: &[u64], group: &[Line]) -> L::Distances {
    let mut total = lanes.distances(lanes.no_sums());
    for (query, lines) in query.chunks(L::WORDS).zip(group.chunks(L::WORDS)) {
        total = lanes.plus(total, sum(lanes, query, lines));
    }
    total
}

/// At most [`Lanes::WORDS`] words.
#[inline(always)]
fn sum<L: Lanes>(lanes: L, query: &[u64], lines: &[Line]) -> L::Distances {
    let mut sums = lanes.no_sums();
    for (query, line) in query.iter().zip(lines) {
        sums = lanes.add(sums, *query, line);
    }
    lanes.distances(sums)
}
