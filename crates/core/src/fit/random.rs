//! Seeded randomness. Each use has its own stream, so that one never shifts another.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
#[cfg(not(target_family = "wasm"))]
use rand_distr::Distribution;

use crate::decompositions::Qr;

/// What the numbers are for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Split = 1,
    Batches = 2,
    Rotation = 3,
    Judge = 4,
    /// Of these there are several, told apart by their number: [`numbered_generator`].
    Starts = 5,
    /// Of learning: the first parameters.
    Parameters = 6,
    /// Of learning, one per epoch: batches and dropout.
    Epochs = 7,
    /// Of learning: rows that stand for all.
    Sample = 8,
    /// Of the objective `neighbours`: its sample and its batches.
    #[cfg_attr(not(feature = "neighbours"), allow(dead_code, reason = "nobody draws them"))]
    Neighbours = 9,
}

pub(crate) fn generator(seed: u64, stream: Stream) -> ChaCha8Rng {
    numbered_generator(seed, stream, 0)
}

/// Number `number` of several generators for the same use; no two seeds share any of them.
pub(crate) fn numbered_generator(seed: u64, stream: Stream, number: u32) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(u64::from(number) << 32 | stream as u64);
    generator
}

/// An orthogonal matrix uniform in the Haar measure: the Q of a Gaussian matrix with the signs of R's
/// diagonal moved into it (Mezzadri 2007).
pub(crate) fn random_rotation(dimensions: usize, mut generator: ChaCha8Rng) -> Mat<f32> {
    #[cfg(not(target_family = "wasm"))]
    let mut normal = || rand_distr::StandardNormal.sample(&mut generator);
    #[cfg(target_family = "wasm")]
    let normals = super::normal::Normal::new();
    #[cfg(target_family = "wasm")]
    let mut normal = || normals.sample(&mut generator);
    let gaussian: Mat<f64> = Mat::from_fn(dimensions, dimensions, |_, _| normal());
    let qr = Qr::new(&gaussian);
    let q = qr.orthogonal();
    Mat::from_fn(dimensions, dimensions, |i, j| {
        q[(i, j)].copysign(q[(i, j)] * qr.diagonal(j)) as f32
    })
}
