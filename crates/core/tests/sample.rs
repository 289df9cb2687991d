//! A sample is uniform, the same for every way of cutting the file, and hides no bad value.

mod support;

use std::collections::BTreeMap;

use h2q_core::error::Error;
use h2q_core::sample::VectorsSampler;
use h2q_core::vectors::{ElementType, Vectors};

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Pushes `rows` rows whose value is their number, `slice` rows at a time.
fn sample(rows: usize, keep: usize, seed: u64, slice: usize) -> (Vectors, Vec<usize>) {
    let values: Vec<f32> = (0..rows).flat_map(|row| [row as f32, -(row as f32)]).collect();
    let mut sampler = VectorsSampler::new(rows, 2, keep, seed).expect("a shape");
    for slice in values.chunks(2 * slice) {
        sampler.push(&bytes(slice), ElementType::F32).expect("finite values");
    }
    sampler.finish().expect("all rows")
}

#[test]
fn holds_the_chosen_rows_in_order_however_the_file_is_cut() {
    for (rows, keep) in [(1, 1), (10, 3), (1000, 1), (1000, 999), (1000, 1000), (70_000, 100)] {
        let (reference, chosen) = sample(rows, keep, 7, 1);
        assert_eq!(chosen.len(), keep);
        assert!(chosen.is_sorted_by(|a, b| a < b) && chosen.iter().all(|&row| row < rows));
        let expected: Vec<f32> = chosen.iter().flat_map(|&r| [r as f32, -(r as f32)]).collect();
        assert_eq!(reference.as_slice(), expected);
        for slice in [3, 64, rows] {
            assert_eq!(sample(rows, keep, 7, slice).0, reference);
        }
    }
    assert_eq!(sample(5, 9, 0, 2).1, [0, 1, 2, 3, 4], "no more rows than there are");
    assert_ne!(sample(1000, 10, 1, 64).1, sample(1000, 10, 2, 64).1, "seeds matter");
}

#[test]
fn every_set_of_rows_is_as_likely_as_any_other() {
    // 3 of 7 rows: 35 sets. A way of sampling may draw each row as often as any other and still
    // never see most of the sets.
    let (rows, keep, sets, rounds) = (7, 3, 35, 35_000);
    let mut counts = BTreeMap::<Vec<usize>, f64>::new();
    for seed in 0..rounds {
        *counts.entry(sample(rows, keep, seed, rows).1).or_default() += 1.0;
    }
    assert_eq!(counts.len(), sets);
    let expected = rounds as f64 / sets as f64;
    let chi_square: f64 = counts.values().map(|count| (count - expected).powi(2) / expected).sum();
    // 34 degrees of freedom: mean 34, a standard deviation of 8.2; five of them.
    assert!(chi_square < 75.0, "{chi_square}: {counts:?}");
}

#[test]
fn neighbouring_rows_of_a_large_file_are_drawn_independently() {
    let (rows, keep) = (200_000, 50_000);
    let (_, chosen) = sample(rows, keep, 3, 1000);
    // A quarter of the rows: each is followed by another with probability 1/4 (12,500 pairs, a
    // standard deviation of 84), and each eighth of the file holds 6,250 of them (68).
    let pairs = chosen.windows(2).filter(|pair| pair[1] == pair[0] + 1).count() as f64;
    assert!((pairs - 12_500.0).abs() < 5.0 * 84.0, "{pairs} pairs");
    for eighth in 0..8 {
        let within = eighth * rows / 8..(eighth + 1) * rows / 8;
        let count = chosen.iter().filter(|&row| within.contains(row)).count() as f64;
        assert!((count - 6_250.0).abs() < 5.0 * 68.0, "{count} in eighth {eighth}");
    }
}

#[test]
fn a_sample_too_large_for_the_memory_is_an_error_and_not_an_abort() {
    // Numbers of this many rows take 32 GiB, which some machines have: nothing is written to it here.
    #[cfg(target_pointer_width = "64")]
    {
        let sampler = VectorsSampler::new(1 << 40, 1, 1 << 32, 0).err();
        assert!(sampler.is_none_or(|error| error.code() == "OUT_OF_MEMORY"));
    }
    let sampler = VectorsSampler::new(usize::MAX, 1, usize::MAX / 4, 0);
    assert!(sampler.is_err_and(|error| error.code() == "OUT_OF_MEMORY"));
}

#[test]
fn names_a_bad_value_also_in_a_row_that_is_not_kept() {
    let mut values = support::uniform(3000 * 4, 1);
    let sampler = || VectorsSampler::new(3000, 4, 5, 1).expect("a shape");
    let mut working = sampler();
    working.push(&bytes(&values), ElementType::F32).expect("finite values");
    let (_, chosen) = working.finish().expect("all rows");
    let unkept = (0..3000).rev().find(|row| !chosen.contains(row)).expect("a row");
    values[unkept * 4 + 2] = f32::NAN;
    let mut failing = sampler();
    let error = values
        .chunks(4 * 100)
        .find_map(|slice| failing.push(&bytes(slice), ElementType::F32).err())
        .expect("a refusal");
    assert_eq!(*error, Error::NotFinite { row: unkept, column: 2, value: "NaN".into() });
}

#[test]
fn refuses_what_is_not_the_announced_rows() {
    let new = |rows, columns, keep| VectorsSampler::new(rows, columns, keep, 0);
    for shape in [(0, 2, 1), (2, 0, 1), (2, 2, 0)] {
        let error = new(shape.0, shape.1, shape.2).expect_err("nothing to sample");
        assert!(matches!(*error, Error::Empty { .. }));
    }
    let mut sampler = new(2, 2, 1).expect("a shape");
    assert!(sampler.push(&[0; 12], ElementType::F32).is_err(), "a row and a half");
    assert!(sampler.push(&[0; 24], ElementType::F32).is_err(), "three rows");
    sampler.push(&[0; 8], ElementType::F32).expect("a row");
    assert!(sampler.finish().is_err(), "a row is missing");
    assert!(new(usize::MAX, 2, usize::MAX).is_err_and(|error| error.code() == "OUT_OF_MEMORY"));
}
