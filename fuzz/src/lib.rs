//! What the targets share: inputs that are made of the fuzzer's bytes, and plain answers to compare with.

pub mod codes;
pub mod contents;
pub mod folder;
pub mod index_bytes;
pub mod learning;
pub mod model_bytes;
pub mod naive;
pub mod random;
