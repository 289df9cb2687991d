//! What a search compares, and single codes.

use h2q_kernels::error::Result;
use h2q_kernels::hamming::blocks::to_words;
use h2q_kernels::hamming::{GROUP, Kernel, Line};
use h2q_kernels::index::strip::Strip;
use h2q_kernels::index::top_k::{Collector, Wanted};
use h2q_kernels::parallel::Cancel;
use h2q_kernels::sorting;
use h2q_kernels::{hamming, sizes};

use crate::{reserve, slice, slice_mut};

const _: () = assert!(sizes::block(1, 2) == 1, "a build of the fuzzer");

/// Puts `count` codes of `bytes` bytes at the positions from `first` on of lines that are zero there.
///
/// # Safety
/// All of them are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn arrange(
    codes: *const u8,
    count: usize,
    bytes: usize,
    first: usize,
    lines: *mut Line,
) {
    let mut words = vec![0; bytes.div_ceil(8)];
    // SAFETY: as the caller promises.
    let codes = unsafe { slice(codes, count * bytes) };
    let groups = (first + count).div_ceil(GROUP);
    // SAFETY: as above.
    let lines = unsafe { slice_mut(lines, groups * words.len()) };
    for (position, code) in (first..).zip(codes.chunks_exact(bytes)) {
        to_words(code, &mut words);
        for (word, line) in words.iter().zip(&mut lines[position / GROUP * words.len()..]) {
            line.0[position % GROUP] = *word;
        }
    }
}

/// The numbers `0..count` in the order of as many ids, those of equal ids in their own, and false where there is no
/// memory for that.
///
/// # Safety
/// There are as many ids, and room for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn order(ids: *const i64, count: usize, out: *mut u32) -> bool {
    // SAFETY: as the caller promises.
    let (ids, out) = unsafe { (slice(ids, count), slice_mut(out, count)) };
    let mut pairs = Vec::new();
    if pairs.try_reserve_exact(count).is_err() {
        return false;
    }
    pairs.extend(ids.iter().copied().zip(0u32..));
    sorting::sort(&mut pairs);
    out.iter_mut().zip(pairs).for_each(|(out, (_, at))| *out = at);
    true
}

/// Compares `query_count` queries, of as many words as codes have, with `count` codes, of which bits in `allowed` tell
/// which may be found (null: all). Each finds its `k` nearest, or with `k` 0 what lies within `bound`; `bounds` has, per
/// query, the distance that k codes found elsewhere do not exceed.
///
/// Writes how many each has found to `counts` and gives memory of [`reserve`] with the keys of all, distance above
/// position, one query's after the other's, rising; null where there is no memory for them.
///
/// # Safety
/// All of that is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scan(
    lines: *const Line,
    count: usize,
    bits: usize,
    queries: *const u64,
    query_count: usize,
    k: usize,
    bounds: *const u32,
    allowed: *const u64,
    counts: *mut u32,
) -> *mut u64 {
    let words = bits.div_ceil(64);
    // SAFETY: as the caller promises.
    let queries = unsafe { slice(queries, query_count * words) };
    // SAFETY: as above.
    let (bounds, counts) = unsafe { (slice(bounds, query_count), slice_mut(counts, query_count)) };
    // SAFETY: as above.
    let lines = unsafe { slice(lines, count.div_ceil(GROUP) * words) };
    // SAFETY: as above.
    let allowed = (!allowed.is_null()).then(|| unsafe { slice(allowed, count.div_ceil(64)) });
    let collector = |bound: &u32| {
        if k == 0 {
            return Collector::new(Wanted::Within(*bound), bits);
        }
        let mut collector = Collector::new(Wanted::Nearest(k), bits);
        collector.bound(*bound);
        collector
    };
    let mut collectors: Vec<Collector> = bounds.iter().map(collector).collect();
    let strip = || -> Result<Vec<Vec<u64>>> {
        let (kernel, positions) = (Kernel::chosen()?, 0..count);
        let never = Cancel::default();
        let query = |i: usize| &queries[i * words..][..words];
        let strip = Strip { kernel, lines, words, allowed, positions };
        strip.offer(&mut collectors, &query, &never)?;
        collectors.into_iter().map(|found| found.finish(&never)).collect()
    };
    let Ok(found) = strip() else { return std::ptr::null_mut() };
    let total = found.iter().map(Vec::len).sum::<usize>();
    let keys = reserve(total.saturating_mul(8)).cast::<u64>();
    if !keys.is_null() {
        // SAFETY: so many were reserved.
        let mut keys = unsafe { slice_mut(keys, total) };
        for (found, count) in found.iter().zip(counts) {
            *count = found.len() as u32;
            let (own, rest) = keys.split_at_mut(found.len());
            own.copy_from_slice(found);
            keys = rest;
        }
    }
    keys
}

/// Set bits.
///
/// # Safety
/// The bytes are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn popcount(bytes: *const u8, length: usize) -> f64 {
    // SAFETY: as the caller promises.
    hamming::popcount(unsafe { slice(bytes, length) }) as f64
}
