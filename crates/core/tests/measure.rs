//! Made-up codes lie as they are said to lie, and a round measures what it says.

use h2q_core::codes::Codes;
use h2q_core::error::Error;
use h2q_core::index::{Index, Method, SearchOptions};
use h2q_core::measure::{CodesAre, HammingMeasure, HammingMeasureOptions, made_up_codes};
use h2q_core::parallel::Cancel;

#[test]
fn clustered_codes_differ_from_their_centre_in_six_bits_of_a_hundred() {
    let cancel = Cancel::default();
    let codes = made_up_codes(1024, 20_000, CodesAre::Clustered, 1, 0, &cancel).expect("codes");
    let some = Codes::new(codes.as_bytes()[..500 * 128].to_vec(), 1024).expect("codes");
    let index = Index::new(&codes, None).expect("an index");
    // Two random codes differ in 512 bits, those of one centre in 2 · 0.06 · 0.94 · 1024 = 115.5.
    let hits = index.search_radius(&some, 250, &SearchOptions::on(0), &cancel).expect("hits");
    let others: Vec<f64> =
        hits.distances.iter().filter(|&&d| d > 0).map(|&d| f64::from(d)).collect();
    // As many codes as centres: each has one companion in the mean.
    assert!((400..600).contains(&others.len()), "{} companions", others.len());
    let mean = others.iter().sum::<f64>() / others.len() as f64;
    assert!((mean - 115.5).abs() < 2.0, "mean distance {mean}");
}

#[test]
fn uniform_codes_are_coins_and_a_seed_decides_them_all() {
    let cancel = Cancel::default();
    let make = |data, seed, threads| {
        made_up_codes(64, 150_000, data, seed, threads, &cancel).expect("codes").into_bytes()
    };
    let codes = make(CodesAre::Uniform, 1, 0);
    let ones: u64 = codes.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let share = ones as f64 / (codes.len() * 8) as f64;
    assert!((share - 0.5).abs() < 1e-3, "{share} ones");
    for data in [CodesAre::Uniform, CodesAre::Clustered] {
        let reference = make(data, 1, 1);
        assert_eq!(make(data, 1, 2), reference);
        assert_ne!(make(data, 2, 1), reference);
    }
}

#[test]
fn a_round_reads_the_whole_index() {
    let options = HammingMeasureOptions {
        bits: 72,
        rows: 1000,
        queries: 3,
        k: 5,
        data: CodesAre::Uniform,
        seed: 0,
        threads: 1,
        method: Method::Linear,
    };
    let cancel = Cancel::default();
    let mut measure = HammingMeasure::new(&options, &cancel).expect("codes");
    for _ in 0..4 {
        let round = measure.round(&cancel).expect("a round");
        assert_eq!(round.read_bytes, 1000 * 16, "two words a code");
        assert!(round.single_query > 0.0 && round.batch > 0.0 && round.read > 0.0);
    }
    cancel.cancel();
    assert_eq!(measure.round(&cancel), Err(Error::Aborted.into()));
}

#[test]
fn refuses_what_makes_no_sense() {
    let options = HammingMeasureOptions {
        bits: 64,
        rows: 10,
        queries: 1,
        k: 1,
        data: CodesAre::Uniform,
        seed: 0,
        threads: 1,
        method: Method::Linear,
    };
    let refused =
        |options| HammingMeasure::new(&options, &Cancel::default()).err().map(|e| e.code());
    let invalid = Some("INVALID_OPTION");
    assert_eq!(refused(HammingMeasureOptions { bits: 12, ..options }), invalid);
    assert_eq!(refused(HammingMeasureOptions { k: 0, ..options }), invalid);
    #[cfg(target_pointer_width = "64")]
    assert_eq!(refused(HammingMeasureOptions { rows: 1 << 32, ..options }), invalid);
    assert_eq!(refused(HammingMeasureOptions { rows: 0, ..options }), Some("EMPTY_INPUT"));
    assert_eq!(refused(HammingMeasureOptions { queries: 0, ..options }), Some("EMPTY_INPUT"));
}

#[test]
fn codes_too_long_for_the_memory_are_an_error_and_not_an_abort() {
    for data in [CodesAre::Uniform, CodesAre::Clustered] {
        // With 32 bits the largest single code is half a gigabyte, which may be there.
        let longest = if cfg!(target_pointer_width = "64") { 1 } else { 5 };
        for (bits, rows) in [(4_294_967_288, 1_000_000), (usize::MAX / 8 * 8, longest)] {
            let refused = made_up_codes(bits, rows, data, 0, 1, &Cancel::default());
            let code = refused.err().map(|error| error.code());
            assert_eq!(code, Some("OUT_OF_MEMORY"), "{bits} bits, {data:?}");
        }
    }
}
