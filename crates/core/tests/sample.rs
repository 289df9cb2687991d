//! A sample is uniform, the same for every way of cutting the file, and hides no bad value.

mod support;

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
    let chosen = sampler.chosen().to_vec();
    for slice in values.chunks(2 * slice) {
        sampler.push(&bytes(slice), ElementType::F32).expect("finite values");
    }
    (sampler.finish().expect("all rows"), chosen)
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
fn every_row_is_as_likely_as_any_other() {
    let (rows, keep, rounds) = (40, 10, 4000);
    let mut counts = vec![0.0f64; rows];
    for seed in 0..rounds {
        let sampler = VectorsSampler::new(rows, 1, keep, seed).expect("a shape");
        sampler.chosen().iter().for_each(|&row| counts[row] += 1.0);
    }
    // Binomial: 1000 expected, a standard deviation of 27; five of them.
    let expected = (rounds as usize * keep / rows) as f64;
    assert!(counts.iter().all(|count| (count - expected).abs() < 140.0), "{counts:?}");
}

#[test]
fn names_a_bad_value_also_in_a_row_that_is_not_kept() {
    let mut values = support::uniform(3000 * 4, 1);
    let sampler = || VectorsSampler::new(3000, 4, 5, 1).expect("a shape");
    let unkept = (0..3000).rev().find(|row| !sampler().chosen().contains(row)).expect("a row");
    values[unkept * 4 + 2] = f32::NAN;
    let mut failing = sampler();
    let error = values
        .chunks(4 * 100)
        .find_map(|slice| failing.push(&bytes(slice), ElementType::F32).err())
        .expect("a refusal");
    assert_eq!(error, Error::NotFinite { row: unkept, column: 2, value: "NaN".into() });
}

#[test]
fn refuses_what_is_not_the_announced_rows() {
    let new = |rows, columns, keep| VectorsSampler::new(rows, columns, keep, 0);
    for shape in [(0, 2, 1), (2, 0, 1), (2, 2, 0)] {
        let error = new(shape.0, shape.1, shape.2).expect_err("nothing to sample");
        assert!(matches!(error, Error::Empty { .. }));
    }
    let mut sampler = new(2, 2, 1).expect("a shape");
    assert!(sampler.push(&[0; 12], ElementType::F32).is_err(), "a row and a half");
    assert!(sampler.push(&[0; 24], ElementType::F32).is_err(), "three rows");
    sampler.push(&[0; 8], ElementType::F32).expect("a row");
    assert!(sampler.finish().is_err(), "a row is missing");
    assert!(matches!(new(usize::MAX, 2, usize::MAX), Err(Error::OutOfMemory { .. })));
}
