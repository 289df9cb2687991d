//! Householder quantization (H²Q, arXiv 2311.04207): the core, which knows no JavaScript.
//!
//! Similarity embeddings are turned by an orthogonal matrix `U`, a product of Householder
//! reflections, until every coordinate is close to its sign; the signs are the code. `U` changes no
//! distance and no cosine, so this second stage costs the embedding nothing.
//!
//! Data flows one way: [`vectors`] → `fit` → `model` → `codes` → [`index`] → [`rerank`], and `evaluate` judges.

pub mod clock;
pub mod codes;
mod decompositions;
mod dot;
pub mod error;
pub mod evaluate;
pub mod fit;
#[cfg(any(target_family = "wasm", test))]
mod gemm;
pub mod hamming;
pub mod index;
#[cfg(not(target_family = "wasm"))]
pub mod jobs;
pub mod json;
pub mod linalg;
pub mod losses;
pub mod measure;
pub mod model;
mod model_file;
pub mod parallel;
pub mod products;
pub mod projection;
pub mod real;
pub mod reflections;
pub mod rerank;
pub mod rotation;
pub mod sample;
#[cfg(any(target_family = "wasm", test))]
mod small_linalg;
mod sorting;
pub mod vectors;
