//! Models: the seed's central claim, sameness of codes, and the file.

mod support;

use std::sync::Arc;

use faer::Mat;
use h2q_core::codes::{Codes, Layout, pack_signs};
use h2q_core::error::Error;
use h2q_core::fit::{FitOptions, FitSession, Method};
use h2q_core::hamming::distance;
use h2q_core::json::{Member, Value};
use h2q_core::losses::Loss;
use h2q_core::model::{Model, Summary};
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;

fn fitted(rows: &Vectors, bits: usize, method: Method, center: bool) -> Model {
    let options = FitOptions {
        bits: Some(bits),
        method: Some(method),
        center: Some(center),
        epochs: Some(if matches!(method, Method::H2q | Method::Itq) { 5 } else { 0 }),
        ..FitOptions::default()
    };
    let mut session =
        FitSession::new(Arc::new(rows.clone()), None, &options).expect("valid options");
    session.step(usize::MAX, &Cancel::default()).expect("a fit");
    session.finish().expect("a model")
}

fn transform(model: &Model, rows: &Vectors, threads: usize) -> Vec<f32> {
    model.transform(rows, threads, &Cancel::default()).expect("z")
}

const METHODS: [Method; 4] = [Method::H2q, Method::Itq, Method::Random, Method::Identity];

#[test]
fn rotation_changes_no_distance_no_cosine_and_no_ranking() {
    let rows = support::fixture("fashion32-validation.npy", 32);
    for method in METHODS {
        let model = fitted(&rows, 32, method, false);
        let z = Vectors::new(transform(&model, &rows, 2), 32).expect("finite");
        for q in 0..20 {
            let mut before = Vec::new();
            let mut after = Vec::new();
            for i in 0..rows.rows() {
                let (d, c) = distance_and_cosine(rows.row(q), rows.row(i));
                let (e, f) = distance_and_cosine(z.row(q), z.row(i));
                let scale = norm(rows.row(q)) + norm(rows.row(i));
                assert!((d - e).abs() < 4e-6 * scale, "{method:?}: distance {d} became {e}");
                assert!((c - f).abs() < 4e-6, "{method:?}: cosine {c} became {f}");
                before.push((c, i));
                after.push((f, i));
            }
            // Rankings agree where neighbours in rank differ by more than rounding.
            let order = |mut pairs: Vec<(f64, usize)>| {
                pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
                pairs
            };
            let (before, after) = (order(before), order(after));
            for (rank, pair) in before.windows(2).enumerate().take(100) {
                let apart = |a: usize, b: usize| before[a].0 - before[b].0 > 1e-5;
                if apart(rank, rank + 1) && (rank == 0 || apart(rank - 1, rank)) {
                    assert_eq!(pair[0].1, after[rank].1, "{method:?}: rank {rank}");
                }
            }
        }
    }
}

fn norm(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

fn distance_and_cosine(a: &[f32], b: &[f32]) -> (f64, f64) {
    let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let distance = pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let dot: f64 = pairs().map(|(a, b)| a * b).sum();
    (distance, dot / (norm(a) * norm(b)))
}

#[test]
fn encode_is_the_sign_of_transform_alone_and_in_any_batch() {
    // Rows around the tiles (4) and tasks (256) of the kernel, columns around its panels (32).
    for (rows, dimensions, bits) in
        [(1, 8, 8), (3, 9, 8), (5, 31, 24), (257, 40, 40), (300, 100, 72), (600, 33, 32)]
    {
        let vectors = support::vectors(rows, dimensions, (rows + bits) as u64);
        let model = fitted(&vectors, bits, Method::H2q, bits < dimensions);
        let z = transform(&model, &vectors, 1);
        for layout in [Layout::Lsb, Layout::Msb] {
            let mut expected = vec![0; z.len() / 8];
            pack_signs(&z, layout, &mut expected);
            for threads in [1, 2, 5] {
                assert_eq!(transform(&model, &vectors, threads), z);
                let codes = model.encode(&vectors, layout, threads, &Cancel::default());
                assert_eq!(codes.expect("codes").as_bytes(), expected);
            }
        }
        for row in [0, rows / 2, rows - 1] {
            let alone = Vectors::new(vectors.row(row).to_vec(), dimensions).expect("a row");
            assert_eq!(transform(&model, &alone, 1), z[row * bits..][..bits]);
        }
    }
}

#[test]
fn transform_is_near_the_product_in_float64() {
    let vectors = support::vectors(50, 48, 1);
    let model = fitted(&vectors, 24, Method::H2q, true);
    let u = model.rotation().matrix().expect("a rotation");
    let p = model.projection().expect("a projection");
    let mean = model.mean().expect("a mean");
    let weights: Mat<f64> = h2q_core::linalg::convert::<f32, f64>(p.as_ref()) * &u;
    let z = transform(&model, &vectors, 1);
    for (i, z) in z.chunks(24).enumerate() {
        for j in 0..24 {
            let terms = (0..48)
                .map(|k| (f64::from(vectors.row(i)[k]) - f64::from(mean[k])) * weights[(k, j)]);
            let expected: f64 = terms.clone().sum();
            let bound = 2.0 * 49.0 * f64::from(f32::EPSILON) * terms.map(f64::abs).sum::<f64>();
            assert!((f64::from(z[j]) - expected).abs() <= bound, "{expected}, {}", z[j]);
        }
    }
}

#[test]
fn identity_is_plain_sign_and_zeros_give_one() {
    let vectors = Vectors::new(vec![0.0, -0.0, 1.0, -1.0, 1e-30, -1e-30, 3.5, -2.0], 8);
    let vectors = vectors.expect("finite");
    let model = fitted(&vectors, 8, Method::Identity, false);
    assert_eq!(transform(&model, &vectors, 1), vectors.as_slice());
    let codes = |layout| model.encode(&vectors, layout, 1, &Cancel::default()).expect("codes");
    assert_eq!(codes(Layout::Lsb).as_bytes(), [0b0101_0111]);
    assert_eq!(codes(Layout::Msb).as_bytes(), [0b1110_1010]);
}

#[test]
fn file_round_trip_keeps_every_bit() {
    let vectors = support::vectors(200, 24, 2);
    for method in METHODS {
        for (bits, center) in [(24, false), (24, true), (16, true), (8, false)] {
            let model = fitted(&vectors, bits, method, center);
            let file = model.to_bytes();
            let again = Model::from_bytes(&file).expect("a model");
            assert!(again.to_bytes() == file);
            assert_eq!(again.fingerprint(), model.fingerprint());
            let summary = Summary { seconds: None, ..model.summary().clone() };
            assert_eq!(again.summary(), &summary);
            // The same fit again: the same file.
            assert!(fitted(&vectors, bits, method, center).to_bytes() == file);
            assert_eq!(transform(&again, &vectors, 1), transform(&model, &vectors, 1));
        }
    }
}

#[test]
fn file_starts_with_the_documented_header() {
    let file = fitted(&support::vectors(50, 8, 2), 8, Method::H2q, false).to_bytes();
    assert_eq!(&file[..8], b"H2QMODEL");
    assert_eq!(file[8..16], [1, 0, 0, 0, 64, 0, 0, 0], "this is a new format version");
    assert_eq!(file[16..24], (file.len() as u64 - 64).to_le_bytes());
    assert_eq!(file.len() % 64, 0);
}

#[test]
fn every_damaged_byte_and_every_truncation_is_noticed() {
    let file = fitted(&support::vectors(50, 16, 2), 8, Method::H2q, true).to_bytes();
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        let error = Model::from_bytes(&damaged).expect_err("damage");
        assert_eq!(error.code(), "MODEL_FORMAT", "byte {at}");
        assert!(Model::from_bytes(&file[..at]).is_err(), "truncated to {at} bytes");
    }
    let mut longer = file;
    longer.push(0);
    assert!(Model::from_bytes(&longer).is_err());
}

#[test]
fn another_dimension_is_refused() {
    let model = fitted(&support::vectors(20, 16, 1), 16, Method::Identity, false);
    let other = support::vectors(2, 17, 1);
    let error = model.transform(&other, 1, &Cancel::default()).expect_err("dimensions");
    assert_eq!(error.to_string(), "dimensions of the vectors: expected 16, got 17");
    assert!(model.encode(&other, Layout::Lsb, 1, &Cancel::default()).is_err());
}

#[test]
fn values_that_leave_the_range_of_float32_are_named_by_row() {
    let mut values = support::uniform(300 * 16, 1);
    let random =
        fitted(&Vectors::new(values.clone(), 16).expect("finite"), 16, Method::Random, false);
    values[270 * 16..271 * 16].fill(3e38);
    let large = Vectors::new(values, 16).expect("finite");
    let cancel = Cancel::default();
    let expected = Error::OutOfRange { row: 270 };
    assert_eq!(*random.transform(&large, 2, &cancel).expect_err("refused"), expected);
    assert_eq!(*random.encode(&large, Layout::Lsb, 2, &cancel).expect_err("refused"), expected);
}

#[test]
fn a_model_cannot_claim_more_dimensions_than_its_file_can_pay_for() {
    // Checksums and fingerprint are right; only the shape is too large to be true.
    let model = fitted(&support::vectors(20, 8, 1), 8, Method::Identity, false);
    let mut file = model.to_bytes();
    for at in [64, 68] {
        file[at..at + 4].copy_from_slice(&200_000u32.to_le_bytes());
    }
    let payload = xxhash_rust::xxh3::xxh3_64(&file[64..]).to_le_bytes();
    file[24..32].copy_from_slice(&payload);
    let header = xxhash_rust::xxh3::xxh3_64(&file[..56]).to_le_bytes();
    file[56..64].copy_from_slice(&header);
    let error = Model::from_bytes(&file).expect_err("refused");
    assert_eq!(error.to_string(), "not a readable model: its shape is impossible");
}

#[test]
fn a_summary_passes_over_members_it_does_not_know_and_names_what_is_wrong() {
    let model = fitted(&support::vectors(50, 8, 2), 8, Method::Identity, false);
    let summary = Summary { seconds: None, ..model.summary().clone() };
    let mut members = summary.members();
    members.push(("later", Value::Count(1)));
    let read = |members: &[Member]| {
        Summary::from_members(|name| {
            members.iter().find(|member| member.0 == name)?.1.clone().into()
        })
    };
    assert_eq!(read(&members), Ok(summary));
    for at in 0..members.len() - 1 {
        for wrong in [vec![], vec![(members[at].0, Value::Text("nonsense".into()))]] {
            let mut others = members.clone();
            others.splice(at..=at, wrong);
            assert_eq!(read(&others), Err(format!("no {} of the kind expected", members[at].0)));
        }
    }
}

#[test]
fn sign_flips_of_columns_change_no_hamming_distance_and_no_loss() {
    let vectors = support::vectors(80, 24, 5);
    let model = fitted(&vectors, 16, Method::H2q, true);
    let mut rotation = model.rotation().clone();
    rotation.signs.iter_mut().step_by(3).for_each(|sign| *sign = -*sign);
    let mean = model.mean().map(<[f32]>::to_vec);
    let flipped = Model::new(mean, model.projection().cloned(), rotation, model.summary().clone());
    let flipped = flipped.expect("a model");
    assert_ne!(flipped.fingerprint(), model.fingerprint());

    let encode =
        |model: &Model| model.encode(&vectors, Layout::Lsb, 1, &Cancel::default()).expect("codes");
    let (a, b) = (encode(&model), encode(&flipped));
    assert_ne!(a, b);
    for i in 0..80 {
        for j in 0..i {
            let between =
                |codes: &Codes| distance(codes.row(i), codes.row(j)).expect("same length");
            assert_eq!(between(&a), between(&b), "rows {i} and {j}");
        }
    }
    let (z, w) = (transform(&model, &vectors, 1), transform(&flipped, &vectors, 1));
    for loss in Loss::ALL {
        let value = |z: &[f32]| loss.value_and_gradient(z, 16).expect("whole rows").0;
        assert_eq!(value(&z), value(&w), "{}", loss.name());
    }
}
