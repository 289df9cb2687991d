//! Model files. Whatever is read is written again to bytes that read to the same model, which encodes the same.
//!
//! The first byte tells whether checksums are put right; the rest is the file.
#![no_main]

use h2q_core::codes::{Layout, pack_signs};
use h2q_core::model::{Model, Summary};
use h2q_core::parallel::Cancel;
use h2q_core::vectors::Vectors;
use h2q_fuzz::model_bytes;
use h2q_fuzz::random::Random;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((plan, file)) = data.split_first() else { return };
    let mut file = file.to_vec();
    if plan & 1 == 0 {
        model_bytes::seal(&mut file);
    }
    let model = match Model::from_bytes(&file) {
        Ok(model) => model,
        Err(error) => return assert_eq!(error.code(), "MODEL_FORMAT", "{error}"),
    };
    let written = model.to_bytes();
    let again = Model::from_bytes(&written).expect("what was written is read");
    assert!(again.to_bytes() == written, "written twice, the bytes differ");
    assert_eq!(again.fingerprint(), model.fingerprint());
    assert_eq!(again.summary(), &Summary { seconds: None, ..model.summary().clone() });
    encodes_the_same(&model, &again);
});

fn encodes_the_same(model: &Model, again: &Model) {
    let (rows, dimensions) = (11, model.dimensions());
    let mut random = Random(u64::from_le_bytes(model.fingerprint()[..8].try_into().expect("8")));
    let values = (0..rows * dimensions).map(|_| random.float()).collect();
    let vectors = Vectors::new(values, dimensions).expect("finite values");
    let never = Cancel::default();
    let z = model.transform(&vectors, 1, &never);
    let encoded = model.encode(&vectors, Layout::Lsb, 1, &never);
    assert_eq!(again.transform(&vectors, 2, &never).map(to_bits), z.clone().map(to_bits));
    assert_eq!(again.encode(&vectors, Layout::Lsb, 2, &never), encoded);
    // Both say which row leaves the range of float32, or neither.
    match (z, encoded) {
        (Ok(z), Ok(codes)) => {
            let mut signs = vec![0; z.len() / 8];
            pack_signs(&z, Layout::Lsb, &mut signs);
            assert_eq!(codes.as_bytes(), signs);
        }
        (z, encoded) => assert_eq!(z.err(), encoded.err()),
    }
}

fn to_bits(values: Vec<f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}
