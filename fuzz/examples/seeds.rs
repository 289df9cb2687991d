//! Writes the inputs that the targets start from to fuzz/seeds, from files of the project's own writer:
//! `npm run fuzz -- --seeds`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use h2q_core::codes::Codes;
use h2q_core::fit::{FitOptions, FitSession, Method};
use h2q_core::head::{Head, HeadSummary, Layer};
use h2q_core::index::{Beside, Index, IndexFile};
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;
use h2q_fuzz::codes::codes;
use h2q_fuzz::contents::written;
use h2q_fuzz::random::Random;
use h2q_fuzz::{folder, index_bytes, learning};

fn main() {
    assert!(cfg!(fuzzing), "index files of the fuzzer have small chunks: --cfg fuzzing");
    for (name, file) in models() {
        // The first byte: checksums are put right.
        write("model_file", name, &[&[0][..], &file].concat());
    }
    write("learn_state", "made-state", &[&[0][..], learning::state()].concat());
    write("learn_state", "made-half", &learning::state()[..learning::state().len() / 2]);
    write("learn_state", "made-start", &[&[0][..], &learning::state()[..48], &[0; 8]].concat());
    for (name, file) in indexes() {
        // The plan, and pieces of the stream.
        let short = index_bytes::short(&file, 0);
        write("index_file", name, &[&[short[0], 20][..], &short[1..]].concat());
        // The same with an edit: place, field and number.
        let edit = [2, name.len() as u8, 3];
        let edited = [&[16, 20][..], &short[1..], &edit].concat();
        write("index_file", &format!("{name}-edited"), &edited);
    }
    let metadata = br#"{"rows":9,"dimensions":8,"bits":8,"method":"h2q","loss":"l2","solver":"sgd","seed":1,"epochs":2,"trainLoss":0.5,"validationLoss":1e-7,"orthogonalityError":0,"later":[]}"#;
    // The first byte chooses the part.
    write("small_parts", "made-json", &[&[3], &metadata[..]].concat());
    let mut random = Random(1);
    for target in [
        "hamming_kernels",
        "index_changes",
        "index_repair",
        "projection",
        "reflections",
        "rerank",
        "small_parts",
        "tables",
        "vectors",
    ] {
        for length in [24, 90, 300] {
            let bytes: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
            write(target, &format!("made-{length}"), &bytes);
        }
    }
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("written");
}

fn models() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = Random(2);
    let values = (0..40 * 16).map(|_| random.float()).collect();
    let rows = Arc::new(Vectors::new(values, 16).expect("finite values"));
    let fitted = |bits, method, center| {
        let options = FitOptions {
            bits: Some(bits),
            method: Some(method),
            center: Some(center),
            epochs: Some(2),
            ..FitOptions::default()
        };
        let mut session = FitSession::new(rows.clone(), None, &options).expect("options");
        session.step(usize::MAX, &Cancel::default()).expect("a fit");
        session.finish().expect("a model")
    };
    let floats = |count: usize| (0..count).map(|i| (i % 7) as f32 - 3.0).collect::<Vec<_>>();
    let layers =
        [(5, 3), (3, 16)].map(|(n, m)| Layer { weights: floats(n * m), bias: floats(m) }).to_vec();
    let summary = HeadSummary {
        rows: 9,
        loss: "cel".into(),
        penalty: "l2".into(),
        penalty_weight: 0.5,
        seed: 1,
        epochs: 2,
        mean_average_precision: 0.25,
    };
    let head = Arc::new(Head::new(floats(5), layers, summary).expect("a head"));
    let with_head = fitted(8, Method::H2q, true).with_head(head).expect("a model");
    let models = [
        ("made-identity", fitted(16, Method::Identity, false)),
        ("made-mean", fitted(16, Method::Identity, true)),
        ("made-rotation", fitted(16, Method::Random, false)),
        ("made-projection", fitted(8, Method::H2q, true)),
        ("made-head", with_head),
    ];
    models.into_iter().map(|(name, model)| (name, model.to_bytes())).collect()
}

fn indexes() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = Random(3);
    let mut made = Vec::new();
    for (name, bits, has_ids, has_factors, sizes) in [
        ("made-empty", 64, false, false, &[][..]),
        ("made-plain", 64, false, false, &[20][..]),
        ("made-ids", 72, true, false, &[9, 30, 2]),
        ("made-factors", 8, false, true, &[3, 60]),
        ("made-all", 24, true, true, &[90, 8, 8, 1]),
    ] {
        let index = Index::empty(bits, has_ids, has_factors).expect("an index");
        let path = folder::write(&written(&index, 4096).expect("a file"));
        let file = IndexFile::open(path).expect("opened");
        for rows in sizes {
            let added = Codes::new(codes(*rows, bits, &mut random), bits).expect("codes");
            let beside = Beside {
                ids: has_ids.then(|| (0..*rows).map(|_| random.below(50) as i64).collect()),
                factors: has_factors.then(|| (0..*rows).map(|_| random.float().abs()).collect()),
            };
            file.append(&added, beside, &Cancel::default()).expect("appended");
            file.remove(&[1, 5, random.below(*rows) as i64]).expect("removed");
        }
        drop(file);
        made.push((name, fs::read(path).expect("the file")));
    }
    let _ = fs::remove_dir_all(folder::file().parent().expect("a folder"));
    made
}
