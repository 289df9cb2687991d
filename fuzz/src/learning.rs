//! A small session of learning, and states of it whose checksum is put right after the fuzzer has changed them.

use std::sync::{Arc, OnceLock};

use h2q_core::evaluate::Labels;
use h2q_core::learn::{LearnOptions, LearnSession};
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;
use xxhash_rust::xxh3::xxh3_64;

use crate::random::Random;

/// Where a state has the seconds so far.
pub const SECONDS: std::ops::Range<usize> = 32..40;
/// Where a state has the hash of the request.
const REQUEST: std::ops::Range<usize> = 40..48;

/// Always the same one.
pub fn session() -> LearnSession {
    let (rows, columns) = (24, 4);
    let mut random = Random(1);
    let values = (0..rows * columns).map(|_| random.float()).collect();
    let vectors = Vectors::new(values, columns).expect("finite values");
    let labels = Labels::single("labels", (0..rows as i64).map(|row| row % 3).collect());
    let options = LearnOptions {
        bits: Some(8),
        hidden: Some(vec![4]),
        epochs: Some(2),
        batch_size: Some(8),
        threads: Some(1),
        ..LearnOptions::default()
    };
    LearnSession::new(Arc::new(vectors), labels.expect("labels"), None, &options).expect("options")
}

/// The state after the first epoch.
pub fn state() -> &'static [u8] {
    static STATE: OnceLock<Vec<u8>> = OnceLock::new();
    STATE.get_or_init(|| {
        let mut session = session();
        session.step(1, &Cancel::default()).expect("an epoch");
        session.checkpoint().expect("a state")
    })
}

/// Writes the hash of the request and the checksum.
pub fn seal(bytes: &mut [u8]) {
    if let Some(request) = bytes.get_mut(REQUEST) {
        request.copy_from_slice(&state()[REQUEST]);
    }
    if let Some((content, checksum)) = bytes.split_last_chunk_mut::<8>() {
        *checksum = xxh3_64(content).to_le_bytes();
    }
}
