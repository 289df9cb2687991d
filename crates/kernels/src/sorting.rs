//! Sorts: the standard library's, in WebAssembly one small merge sort, since each type that the standard
//! library sorts costs several KiB of code there. All orders here are total, so all give the same.

use std::cmp::Ordering;

/// Sorts by the order of the type.
pub fn sort<T: Ord + Copy>(items: &mut [T]) {
    if cfg!(target_family = "wasm") {
        small::sort_by(items, &|a, b| a.cmp(b));
    } else {
        items.sort_unstable();
    }
}

/// [`sort`] of items that are runs which rise, one behind the other: these are found and merged.
pub fn sort_runs<T: Ord + Copy>(items: &mut [T]) {
    if cfg!(target_family = "wasm") {
        small::sort_by(items, &|a, b| a.cmp(b));
    } else {
        items.sort();
    }
}

/// Sorts by `order`, no two items of which are equal.
pub fn sort_by<T: Copy>(items: &mut [T], order: impl Fn(&T, &T) -> Ordering) {
    if cfg!(target_family = "wasm") {
        small::sort_by(items, &order);
    } else {
        items.sort_unstable_by(order);
    }
}

/// Brings the `count` first items to the front, the last of them to the end of these; at least one and no
/// more than there are.
pub fn select<T: Copy>(items: &mut [T], count: usize, order: impl Fn(&T, &T) -> Ordering) {
    if cfg!(target_family = "wasm") {
        small::sort_by(items, &order);
    } else {
        items.select_nth_unstable_by(count - 1, order);
    }
}

mod small {
    use std::cmp::Ordering;

    /// Items of a run that is sorted by insertion.
    const RUN: usize = 12;

    /// A stable merge sort, bottom up. Runs that follow each other already are not touched.
    pub fn sort_by<T: Copy>(items: &mut [T], order: &impl Fn(&T, &T) -> Ordering) {
        for run in items.chunks_mut(RUN) {
            for i in 1..run.len() {
                let item = run[i];
                let mut at = i;
                while at > 0 && order(&item, &run[at - 1]).is_lt() {
                    run[at] = run[at - 1];
                    at -= 1;
                }
                run[at] = item;
            }
        }
        let mut buffer = Vec::new();
        let mut length = RUN;
        while length < items.len() {
            for pair in items.chunks_mut(2 * length) {
                if pair.len() > length && order(&pair[length], &pair[length - 1]).is_lt() {
                    merge(pair, length, &mut buffer, order);
                }
            }
            length *= 2;
        }
    }

    /// Merges the runs before and from `middle` on.
    fn merge<T: Copy>(
        items: &mut [T],
        middle: usize,
        buffer: &mut Vec<T>,
        order: &impl Fn(&T, &T) -> Ordering,
    ) {
        buffer.clear();
        buffer.extend_from_slice(&items[..middle]);
        let (mut left, mut right, mut out) = (0, middle, 0);
        while left < buffer.len() && right < items.len() {
            if order(&items[right], &buffer[left]).is_lt() {
                items[out] = items[right];
                right += 1;
            } else {
                items[out] = buffer[left];
                left += 1;
            }
            out += 1;
        }
        items[out..out + buffer.len() - left].copy_from_slice(&buffer[left..]);
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn the_small_sort_is_a_stable_sort() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for length in [0, 1, 2, 11, 12, 13, 24, 25, 48, 100, 1000, 4099] {
            for most in [1u32, 3, 1 << 30] {
                let items: Vec<(u32, usize)> =
                    (0..length).map(|i| (random.random_range(0..most), i)).collect();
                let (mut own, mut wanted) = (items.clone(), items);
                small::sort_by(&mut own, &|a, b| a.0.cmp(&b.0));
                wanted.sort_by_key(|item| item.0);
                assert_eq!(own, wanted);
            }
        }
    }

    #[test]
    fn what_is_selected_comes_first() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let mut items: Vec<u64> = (0..500).map(|_| random.random()).collect();
        let mut wanted = items.clone();
        wanted.sort_unstable();
        select(&mut items, 20, u64::cmp);
        sort(&mut items[..20]);
        assert_eq!(items[..20], wanted[..20]);
    }
}
