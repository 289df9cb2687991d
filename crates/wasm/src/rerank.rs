//! Re-ranking of hits, by codes or by the original vectors.

use h2q_core::index::{self, Work};
use h2q_core::parallel::Cancel;
use h2q_core::rerank::{self as core, AsymmetricQueries, Metric, Reranked};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::codes::Codes;
use crate::convert::{Result, count};
use crate::hits::Hits;
use crate::index::Index;
use crate::model::Model;
use crate::model_use::on_rows;
use crate::vectors::Vectors;

/// Scores hits of `index` by their codes, and by the factors that the index has.
#[wasm_bindgen(js_name = rerankByCodesSync)]
pub fn by_codes(
    index: &Index,
    codes: &Codes,
    vectors: &Vectors,
    hits: &Hits,
    k: f64,
) -> Result<Hits> {
    let queries = AsymmetricQueries { codes: &codes.inner, vectors: &vectors.inner };
    let (hits, never) = (&hits.inner, Cancel::default());
    Ok(core::by_codes(&index.inner, queries, hits, count(k), 1, &never)?.into())
}

/// Scores hits by the cosine of original rows.
#[wasm_bindgen(js_name = rerankByVectorsSync)]
pub fn by_vectors(originals: &Vectors, vectors: &Vectors, hits: &Hits, k: f64) -> Result<Hits> {
    let (hits, never) = (&hits.inner, Cancel::default());
    Ok(core::by_vectors(&*originals.inner, &vectors.inner, hits, count(k), 1, &never)?.into())
}

impl From<Reranked> for Hits {
    fn from(Reranked { hits, scores }: Reranked) -> Self {
        Self { inner: hits, scores }
    }
}

#[wasm_bindgen]
impl Hits {
    /// What a search gave to JavaScript. The core checks that the arrays fit together.
    #[wasm_bindgen(constructor)]
    pub fn new(
        rows: Vec<u32>,
        distances: Vec<i32>,
        ids: Option<Vec<i64>>,
        offsets: Vec<u32>,
    ) -> Hits {
        index::Hits {
            offsets: offsets.into_iter().map(|offset| offset as usize).collect(),
            rows,
            distances: distances.into_iter().map(|distance| distance as u32).collect(),
            ids,
            work: Work::default(),
        }
        .into()
    }

    /// Of a re-ranking; higher is nearer.
    pub fn scores(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.scores)
    }
}

#[wasm_bindgen]
impl Model {
    /// A factor per row for re-ranking by codes; the metric is `inner-product`, `cosine` or `euclidean`.
    #[wasm_bindgen(js_name = factorsSync)]
    pub fn factors(
        &self,
        vectors: &Vectors,
        first: f64,
        rows: f64,
        metric: &str,
    ) -> Result<Vec<f32>> {
        let (metric, never) = (Metric::parse(metric)?, Cancel::default());
        on_rows(vectors, first, rows, |vectors| self.inner.factors(vectors, metric, 1, &never))
    }
}
