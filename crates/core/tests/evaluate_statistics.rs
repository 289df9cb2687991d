//! Statistics of codes against counting bit by bit, and losses against those of a fit.

mod evaluate_naive;

use std::collections::HashSet;
use std::sync::Arc;

use evaluate_naive::*;
use h2q_core::codes::Codes;
use h2q_core::error::Error;
use h2q_core::evaluate::{CodeStatistics, code_statistics, quantization_losses};
use h2q_core::fit::{FitOptions, FitSession};
use h2q_core::losses::Loss;
use h2q_core::model::Model;
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;
use rand::RngExt;

fn statistics(codes: &[u8], bits: usize, threads: usize) -> CodeStatistics {
    let codes = Codes::new(codes.to_vec(), bits).unwrap();
    code_statistics(&codes, threads, &Cancel::default()).unwrap()
}

/// By the values 0 and 1 of every bit of every row.
fn naive(codes: &[u8], bits: usize) -> CodeStatistics {
    let rows: Vec<&[u8]> = codes.chunks(bits / 8).collect();
    let n = rows.len() as f64;
    let column = |bit: usize| -> Vec<f64> {
        rows.iter().map(|row| f64::from(row[bit / 8] >> (bit % 8) & 1)).collect()
    };
    let columns: Vec<_> = (0..bits).map(column).collect();
    let mean = |column: &Vec<f64>| column.iter().sum::<f64>() / n;
    let ones: Vec<_> = columns.iter().map(mean).collect();
    let mut correlations = Vec::new();
    for i in 0..bits {
        for j in 0..i {
            let covariance = |a: usize, b: usize| {
                let pairs = columns[a].iter().zip(&columns[b]);
                pairs.map(|(x, y)| (x - ones[a]) * (y - ones[b])).sum::<f64>()
            };
            let scale = (covariance(i, i) * covariance(j, j)).sqrt();
            if scale > 1e-9 {
                correlations.push(covariance(i, j).abs() / scale);
            }
        }
    }
    let entropy =
        |&p: &f64| [p, 1.0 - p].iter().map(|&p| if p == 0.0 { 0.0 } else { -p * p.log2() }).sum();
    CodeStatistics {
        entropy: ones.iter().map(entropy).collect(),
        mean_correlation: correlations.iter().sum::<f64>() / correlations.len().max(1) as f64,
        max_correlation: correlations.iter().copied().fold(0.0, f64::max),
        distinct: rows.iter().collect::<HashSet<_>>().len(),
        ones,
    }
}

fn assert_same(actual: &CodeStatistics, expected: &CodeStatistics, context: &str) {
    assert_eq!(actual.distinct, expected.distinct, "{context}");
    let all = |s: &CodeStatistics| {
        [&s.ones[..], &s.entropy, &[s.mean_correlation, s.max_correlation]].concat()
    };
    assert_eq!(all(actual).len(), all(expected).len(), "{context}");
    for (a, e) in all(actual).iter().zip(all(expected)) {
        assert!((a - e).abs() < 1e-9, "{context}: {a}, not {e}");
    }
}

#[test]
fn statistics_equal_counting_bit_by_bit() {
    let mut rng = rng(1);
    // Words hold 64 rows, blocks 4096.
    let shapes = [(1, 8), (2, 16), (63, 8), (64, 24), (65, 64), (300, 72), (4095, 16), (4097, 136)];
    for (rows, bits) in shapes {
        // Few ones, and bits that follow others, so that no statistic is trivial.
        let mut codes = random_codes(&mut rng, rows, bits);
        for byte in codes.iter_mut() {
            *byte &= *byte << 1 | rng.random::<u8>();
        }
        let context = format!("{rows} rows, {bits} bits");
        assert_same(&statistics(&codes, bits, 2), &naive(&codes, bits), &context);
    }
}

#[test]
fn equal_codes_are_counted_once_wherever_they_stand() {
    let mut rng = rng(2);
    // More rows than one share of the count holds; 40 different codes, most of which share a beginning.
    let different: Vec<Vec<u8>> = (0..40)
        .map(|i| {
            let mut code = vec![7; 16];
            code[if i < 30 { 15 } else { 3 }] = i;
            code
        })
        .collect();
    let codes: Vec<u8> =
        (0..50_000).flat_map(|_| different[rng.random_range(0..40)].clone()).collect();
    assert_eq!(statistics(&codes, 128, 2).distinct, 40);
    let bytes: Vec<u8> = (0..40_000).map(|i| (i % 200) as u8).collect();
    assert_eq!(statistics(&bytes, 8, 1).distinct, 200);
    let numbers: Vec<u8> = (0..70_000u64).flat_map(u64::to_le_bytes).collect();
    assert_eq!(statistics(&numbers, 64, 2).distinct, 70_000);
}

#[test]
fn codes_of_one_hash_are_told_apart() {
    // The hash of 8 bytes is the upper half of a product: one more in the lower half leaves it alone.
    let factor = 0x9e37_79b9_7f4a_7c15u64;
    let inverse = (0..6).fold(factor, |inverse, _| {
        inverse.wrapping_mul(2u64.wrapping_sub(factor.wrapping_mul(inverse)))
    });
    assert_eq!(factor.wrapping_mul(inverse), 1);
    let (one, other) = (7u64, 7u64.wrapping_add(inverse));
    let codes: Vec<u8> = [one, other, one, other, one].map(u64::to_le_bytes).concat();
    assert_eq!(statistics(&codes, 64, 1).distinct, 2);
}

#[test]
fn threads_do_not_change_statistics() {
    let codes = random_codes(&mut rng(3), 20_000, 64);
    let one = statistics(&codes, 64, 1);
    assert!([2, 3, 8].into_iter().all(|threads| statistics(&codes, 64, threads) == one));
}

#[test]
fn a_cancelled_count_aborts() {
    let cancel = Cancel::default();
    cancel.cancel();
    let codes = Codes::new(vec![1, 2, 3], 8).unwrap();
    assert_eq!(code_statistics(&codes, 1, &cancel), Err(Error::Aborted.into()));
}

fn fitted(vectors: &Vectors, bits: usize) -> Model {
    let validation = random_vectors(&mut rng(5), 40, vectors.columns());
    let options = FitOptions { bits: Some(bits), epochs: Some(3), ..FitOptions::default() };
    let mut session =
        FitSession::new(Arc::new(vectors.clone()), Some(Arc::new(validation)), &options).unwrap();
    session.step(usize::MAX, &Cancel::default()).unwrap();
    session.finish().unwrap()
}

#[test]
fn losses_of_the_rows_of_a_fit_are_its_own() {
    for bits in [16, 24] {
        let vectors = random_vectors(&mut rng(4), 700, 24);
        let model = fitted(&vectors, bits);
        let losses = quantization_losses(&model, &vectors, 2, &Cancel::default()).unwrap();
        let own = losses[Loss::ALL.iter().position(|loss| *loss == Loss::BitVariance).unwrap()];
        let expected = model.summary().train_loss;
        assert!((own - expected).abs() < 1e-5, "{bits} bits: {own}, not {expected}");

        // All four of the rows that are transformed and scaled one by one.
        let mut z = model.transform(&vectors, 1, &Cancel::default()).unwrap();
        for row in z.chunks_mut(bits) {
            let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm * (bits as f64).sqrt()) as f32);
        }
        for (loss, value) in Loss::ALL.iter().zip(losses) {
            let (expected, _) = loss.value_and_gradient(&z, bits).unwrap();
            assert!((value - expected).abs() < 1e-5 * expected.abs(), "{loss:?}: {value}");
        }
        let one = quantization_losses(&model, &vectors, 1, &Cancel::default()).unwrap();
        assert_eq!(one, losses);
    }
}

#[test]
fn losses_of_other_dimensions_are_refused() {
    let model = fitted(&random_vectors(&mut rng(6), 100, 16), 16);
    let wide = random_vectors(&mut rng(7), 3, 17);
    let error = quantization_losses(&model, &wide, 1, &Cancel::default()).unwrap_err();
    assert_eq!(error.code(), "MISMATCH");
}
