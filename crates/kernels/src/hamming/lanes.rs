//! What an instruction set must offer: distances of eight codes at a time.

use super::{GROUP, Line};

/// Operations on the eight codes of a group. A value proves that the CPU has the instructions.
///
/// All methods are `#[inline(always)]`: they end up in functions that are compiled for the instruction set
/// (`kernel.rs`).
pub(crate) trait Lanes: Copy {
    /// Counts so far, which hold [`Lanes::WORDS`] words at most.
    type Sums: Copy;
    /// Eight distances.
    type Distances: Copy;
    /// Words that may be added up before counts must be read.
    const WORDS: usize;

    fn no_sums(self) -> Self::Sums;
    /// Adds the differing bits of one word of the query and of each code.
    fn add(self, sums: Self::Sums, query: u64, line: &Line) -> Self::Sums;
    fn distances(self, sums: Self::Sums) -> Self::Distances;
    fn plus(self, a: Self::Distances, b: Self::Distances) -> Self::Distances;
    fn least(self, a: Self::Distances, b: Self::Distances) -> Self::Distances;
    /// Whether any distance is below `limit`, which is less than 2^31.
    fn any_below(self, distances: Self::Distances, limit: u32) -> bool;
    fn to_array(self, distances: Self::Distances) -> [u32; GROUP];
}

/// Plain Rust: the oracle of the others and what runs where there is nothing else. Compiled for a CPU with
/// `popcnt` it becomes that kernel.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "there is a faster one"))]
pub(crate) struct Plain;

impl Lanes for Plain {
    type Sums = [u32; GROUP];
    type Distances = [u32; GROUP];
    const WORDS: usize = usize::MAX;

    #[inline(always)]
    fn no_sums(self) -> Self::Sums {
        [0; GROUP]
    }

    #[inline(always)]
    fn add(self, sums: Self::Sums, query: u64, line: &Line) -> Self::Sums {
        std::array::from_fn(|i| sums[i] + (line.0[i] ^ query).count_ones())
    }

    #[inline(always)]
    fn distances(self, sums: Self::Sums) -> Self::Distances {
        sums
    }

    #[inline(always)]
    fn plus(self, a: Self::Distances, b: Self::Distances) -> Self::Distances {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn least(self, a: Self::Distances, b: Self::Distances) -> Self::Distances {
        std::array::from_fn(|i| a[i].min(b[i]))
    }

    #[inline(always)]
    fn any_below(self, distances: Self::Distances, limit: u32) -> bool {
        distances.iter().any(|distance| *distance < limit)
    }

    #[inline(always)]
    fn to_array(self, distances: Self::Distances) -> [u32; GROUP] {
        distances
    }
}
