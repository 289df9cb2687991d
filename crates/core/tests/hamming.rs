//! Distance and popcount against single bits.

mod support;

use h2q_core::hamming::{distance, popcount};
use rand::RngExt;

fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut generator = support::generator(seed);
    (0..count).map(|_| generator.random()).collect()
}

#[test]
fn popcount_and_distance_equal_single_bits_around_word_boundaries() {
    for count in [0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 200] {
        let (a, b) = (bytes(count, 1), bytes(count, 2));
        let bits =
            |bytes: &[u8]| bytes.iter().flat_map(|b| (0..8).map(move |j| b >> j & 1)).sum::<u8>();
        let bits = |bytes: &[u8]| bytes.chunks(16).map(|part| u64::from(bits(part))).sum::<u64>();
        assert_eq!(popcount(&a), bits(&a));
        let different: Vec<u8> = a.iter().zip(&b).map(|(a, b)| a ^ b).collect();
        assert_eq!(distance(&a, &b).expect("same length"), bits(&different));
    }
}

#[test]
fn different_lengths_are_refused() {
    assert_eq!(distance(&[1, 2], &[1]).expect_err("lengths").code(), "MISMATCH");
}
