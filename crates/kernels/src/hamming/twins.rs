//! The kernels over software twins of their instruction sets: for tests and the fuzzer, on any CPU.

use super::isa::{twin_arm, twin_wasm, twin_x86};
use super::scan::{self, Scan};
use super::{Lanes, Line};

/// A kernel that runs everywhere, slowly.
#[derive(Clone, Copy)]
pub struct Twin {
    /// As [`super::Kernel::name`].
    pub name: &'static str,
    /// As [`super::Kernel::collect`].
    pub collect: fn(Scan, &mut Vec<u64>),
    /// The distances of whole groups, padding included.
    pub distances: fn(&[u64], &[Line], &mut [u32]),
}

/// All of them.
pub fn all() -> [Twin; 4] {
    [
        of::<twin_x86::avx2::Avx2>("avx2"),
        of::<twin_x86::avx512::Avx512>("avx512"),
        of::<twin_arm::neon::Neon>("neon"),
        of::<twin_wasm::simd128::Simd128>("simd128"),
    ]
}

/// An instruction set of which a value can be had without having the instructions.
trait Imitated: Lanes {
    fn new() -> Self;
}

impl Imitated for twin_x86::avx2::Avx2 {
    fn new() -> Self {
        // SAFETY: the twin needs no instructions.
        unsafe { Self::new_unchecked() }
    }
}

impl Imitated for twin_x86::avx512::Avx512 {
    fn new() -> Self {
        // SAFETY: as above.
        unsafe { Self::new_unchecked() }
    }
}

impl Imitated for twin_arm::neon::Neon {
    fn new() -> Self {
        // SAFETY: as above.
        unsafe { Self::new_unchecked() }
    }
}

impl Imitated for twin_wasm::simd128::Simd128 {
    fn new() -> Self {
        Self
    }
}

fn of<L: Imitated>(name: &'static str) -> Twin {
    Twin {
        name,
        collect: |scan, keys| scan::collect(L::new(), scan, keys),
        distances: |query, lines, out| scan::distances(L::new(), query, lines, out),
    }
}
