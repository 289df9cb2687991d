//! Shared by the tests of the core: seeded data and the fixtures.
#![allow(dead_code, reason = "each test file uses a part of this")]

use h2q_core::vectors::{ElementType, Vectors, VectorsBuilder};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// `count` values uniform in −1..1.
pub fn uniform(count: usize, seed: u64) -> Vec<f32> {
    let mut generator = generator(seed);
    (0..count).map(|_| generator.random_range(-1.0..1.0)).collect()
}

pub fn vectors(rows: usize, columns: usize, seed: u64) -> Vectors {
    Vectors::new(uniform(rows * columns, seed), columns).expect("finite values")
}

/// A float32 fixture with a header of 128 bytes, as numpy writes it for small shapes.
pub fn fixture(name: &str, columns: usize) -> Vectors {
    let path = format!("{}/../../test/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the fixture is there");
    let values = &bytes[128..];
    let mut builder = VectorsBuilder::new(values.len() / 4 / columns, columns, 0).expect("a shape");
    builder.push(values, ElementType::F32).expect("finite values");
    builder.finish().expect("all values")
}
