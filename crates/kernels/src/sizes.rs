//! Sizes that decide how work is cut up, never what comes of it.

/// `usual`, or `fuzzed` where the fuzzer drives the code (docs/fuzzing.md): its inputs are short, and should reach
/// what comes after the first block nevertheless.
pub const fn block(usual: usize, fuzzed: usize) -> usize {
    if cfg!(fuzzing) { fuzzed } else { usual }
}
