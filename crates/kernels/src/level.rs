//! The CPU's level of SIMD, for loops that the compiler vectorises.

use pulp::WithSimd;

/// What [`pulp::Arch`] is, without a choice where there is none: a WebAssembly module is compiled for one level, and would
/// have all loops twice.
#[derive(Debug, Clone, Copy)]
pub struct Level(#[cfg(not(target_family = "wasm"))] pulp::Arch);

impl Level {
    /// That of this CPU.
    #[inline(always)]
    #[allow(clippy::new_without_default, reason = "it is found out, not made up")]
    pub fn new() -> Self {
        Self(
            #[cfg(not(target_family = "wasm"))]
            pulp::Arch::new(),
        )
    }

    /// As pulp calls it.
    pub fn arch(self) -> pulp::Arch {
        #[cfg(target_family = "wasm")]
        return pulp::Arch::Scalar;
        #[cfg(not(target_family = "wasm"))]
        self.0
    }

    /// Runs `loops`, compiled for it.
    #[inline(always)]
    pub fn dispatch<F: WithSimd>(self, loops: F) -> F::Output {
        #[cfg(target_family = "wasm")]
        return loops.with_simd(pulp::Scalar);
        #[cfg(not(target_family = "wasm"))]
        self.0.dispatch(loops)
    }
}
