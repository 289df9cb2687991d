//! Normal random numbers in WebAssembly: those of `rand_distr`, whose tables of 4 KiB no page should have to download,
//! since they cannot be compressed. They are worked out here, to the last few bits.

use rand::{Rng, RngExt};

/// Layers of the ziggurat (Marsaglia & Tsang 2000).
const LAYERS: usize = 256;
/// Where the tail begins: the edge of the lowest layer.
const TAIL: f64 = 3.654_152_885_361_009;
/// The width of a rectangle as high as the lowest layer and as large as it with its tail.
const LOWEST: f64 = 3.910_757_959_537_09;

/// Draws from the standard normal distribution.
pub(crate) struct Normal {
    /// Edges of the layers, falling.
    edges: [f64; LAYERS + 1],
    /// The density there, without its factor.
    heights: [f64; LAYERS + 1],
}

impl Normal {
    pub fn new() -> Self {
        let mut edges = [0.0; LAYERS + 1];
        edges[0] = LOWEST;
        edges[1] = TAIL;
        // Of every layer.
        let area = LOWEST * height(TAIL);
        for i in 1..LAYERS - 1 {
            edges[i + 1] = (-2.0 * (area / edges[i] + height(edges[i])).ln()).sqrt();
        }
        Self { edges, heights: edges.map(height) }
    }

    /// Takes as many numbers from `random` as `rand_distr::StandardNormal`.
    pub fn sample(&self, random: &mut impl Rng) -> f64 {
        loop {
            let bits = random.next_u64();
            let i = bits as usize % LAYERS;
            let u = 2.0 * unit(bits) - 1.0;
            let x = u * self.edges[i];
            if x.abs() < self.edges[i + 1] {
                return x;
            }
            if i == 0 {
                return tail(random).copysign(u);
            }
            let [low, high] = [self.heights[i], self.heights[i + 1]];
            if high + (low - high) * random.random::<f64>() < height(x) {
                return x;
            }
        }
    }
}

fn height(x: f64) -> f64 {
    (-x * x / 2.0).exp()
}

/// From the upper 52 bits, in `0..1`.
fn unit(bits: u64) -> f64 {
    (bits >> 12) as f64 / (1u64 << 52) as f64
}

/// A number beyond [`TAIL`].
fn tail(random: &mut impl Rng) -> f64 {
    loop {
        // In the middle of their intervals, so never 0.
        let mut ln = || (unit(random.next_u64()) + f64::EPSILON / 2.0).ln();
        let (x, y) = (ln() / TAIL, ln());
        if -2.0 * y >= x * x {
            return TAIL - x;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    #[test]
    fn the_numbers_are_those_of_rand_distr() {
        let normal = Normal::new();
        let mut own = ChaCha8Rng::seed_from_u64(1);
        let mut other = own.clone();
        let mut in_tail = 0;
        for draw in 0..300_000 {
            let (x, wanted) = (normal.sample(&mut own), StandardNormal.sample(&mut other));
            let wanted: f64 = wanted;
            assert!((x - wanted).abs() < 1e-11, "{draw}: {x} instead of {wanted}");
            in_tail += usize::from(x.abs() > TAIL);
        }
        assert!(in_tail > 10, "the tail was hit {in_tail} times");
        assert_eq!(own.get_word_pos(), other.get_word_pos());
    }
}
