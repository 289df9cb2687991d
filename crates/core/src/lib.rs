//! Householder quantization (H²Q, arXiv 2311.04207): the core, which knows no JavaScript.
//!
//! Similarity embeddings are turned by an orthogonal matrix `U`, a product of Householder
//! reflections, until every coordinate is close to its sign; the signs are the code. `U` changes no
//! distance and no cosine, so this second stage costs the embedding nothing.
//!
//! Data flows one way: [`vectors`] → `fit` → `model` → `codes` → [`index`] → [`rerank`], and `evaluate` judges.

mod checksum;
pub mod clock;
pub mod codes;
pub mod evaluate;
mod fingerprint;
pub mod fit;
pub mod head;
pub mod index;
#[cfg(not(target_family = "wasm"))]
pub mod jobs;
pub mod learn;
pub mod measure;
pub mod model;
mod model_file;
#[cfg_attr(not(feature = "neighbours"), path = "parts_at_once.rs")]
mod parts;
pub mod reflections;
pub mod rerank;
pub mod rotation;
pub mod sample;
mod summary;
pub mod vectors;

pub use h2q_kernels::{
    column, error, hamming, json, linalg, losses, parallel, products, projection, ranking, real,
};
use h2q_kernels::{decompositions, dot, level, rotating, sizes, sorting, text};
