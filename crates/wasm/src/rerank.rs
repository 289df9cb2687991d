//! Re-ranking of hits, by codes or by the original vectors.

use h2q_core::parallel::Cancel;
use h2q_core::rerank::{self as core, AsymmetricQueries};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::codes::Codes;
use crate::convert::{Result, count};
use crate::hits::Hits;
use crate::index::Index;
use crate::vectors::Vectors;

/// Scores hits of `index` by their codes, times the factors that the index has if these are wanted.
#[wasm_bindgen(js_name = rerankByCodesSync)]
pub fn by_codes(
    index: &Index,
    with_factors: bool,
    codes: &Codes,
    vectors: &Vectors,
    hits: &Hits,
    k: f64,
) -> Result<Hits> {
    let queries = AsymmetricQueries { codes: &codes.inner, vectors: &vectors.inner };
    let (hits, never) = (hits.inner(), Cancel::default());
    Ok(core::by_codes(&index.inner, with_factors, queries, hits, count(k), 1, &never)?.into())
}

/// Scores hits by the cosine of original rows.
#[wasm_bindgen(js_name = rerankByVectorsSync)]
pub fn by_vectors(originals: &Vectors, vectors: &Vectors, hits: &Hits, k: f64) -> Result<Hits> {
    let (hits, never) = (hits.inner(), Cancel::default());
    Ok(core::by_vectors(&*originals.inner, &vectors.inner, hits, count(k), 1, &never)?.into())
}
