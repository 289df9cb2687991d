//! What the tests of re-ranking by codes share.

use h2q_core::codes::{Codes, Layout, pack_signs};
use h2q_core::error::Result;
use h2q_core::index::{Hits, Index, SearchOptions};
use h2q_core::parallel::Cancel;
use h2q_core::rerank::{AsymmetricQueries, Reranked, by_codes};
use h2q_core::vectors::Vectors;

pub fn signs_of(z: &Vectors) -> Codes {
    let mut bytes = vec![0; z.as_slice().len() / 8];
    pack_signs(z.as_slice(), Layout::Lsb, &mut bytes);
    Codes::new(bytes, z.columns()).expect("codes")
}

pub fn searched(index: &Index, queries: &Codes, k: usize) -> Hits {
    index.search(queries, k, &SearchOptions::on(1), &Cancel::default()).expect("hits")
}

pub fn reranked(index: &Index, vectors: &Vectors, hits: &Hits, k: usize) -> Result<Reranked> {
    let codes = signs_of(vectors);
    let queries = AsymmetricQueries { codes: &codes, vectors };
    by_codes(index, queries, hits, k, 2, &Cancel::default())
}
