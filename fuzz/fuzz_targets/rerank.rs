//! Hits come back from whoever searched, as they are or changed: re-ranking refuses them or scores and orders them as
//! a plain loop does.
#![no_main]

use arbitrary::{Result, Unstructured};
use h2q_core::codes::{Codes, Layout, pack_signs};
use h2q_core::index::{Beside, Hits, Index, SearchOptions, Work};
use h2q_core::parallel::Cancel;
use h2q_core::rerank::{AsymmetricQueries, Reranked, by_codes, by_vectors};
use h2q_core::vectors::Vectors;
use h2q_fuzz::random::Random;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> Result<()> {
    let bits = 8 * u.int_in_range(1..=20)?;
    let (rows, queries) = (u.int_in_range(1..=60)?, u.int_in_range(1..=7)?);
    let mut random = Random(u.arbitrary::<u32>()?.into());
    let scale = 2f32.powi([0, 0, 60, -60][u.int_in_range(0..=3)?]);
    let mut vectors = |count: usize| {
        // Few values, so that scores are often equal.
        let values = (0..count * bits).map(|_| (random.below(5) as f32 - 2.0) * scale).collect();
        Vectors::new(values, bits).expect("finite values")
    };
    let (originals, queried) = (vectors(rows), vectors(queries));
    let (codes, query_codes) = (signs_of(&originals), signs_of(&queried));
    let ids: Option<Vec<i64>> =
        u.arbitrary::<bool>()?.then(|| (0..rows).map(|_| random.below(9) as i64 - 4).collect());
    let has_norms = random.below(2) == 0;
    let sign = if has_norms { -1.0 } else { 1.0 };
    let factors: Option<Vec<f32>> =
        u.arbitrary::<bool>()?.then(|| (0..rows).map(|_| random.float().abs() * sign).collect());
    let beside = Beside { ids, factors: factors.clone() };
    let index = Index::new(&codes, beside).expect("an index");
    let (k, never) = (u.int_in_range(1..=rows)?, Cancel::default());
    let hits = match u.arbitrary()? {
        true => index.search(&query_codes, k, &SearchOptions::on(1), &never).expect("hits"),
        false => any_hits(u)?,
    };
    let keep = u.int_in_range(0..=rows + 1)?;
    let threads = if u.ratio(1, 8)? { 3 } else { 1 };
    let is_right = keep > 0 && are_right(&hits, queries, rows);

    let both = AsymmetricQueries { codes: &query_codes, vectors: &queried };
    let by_code = by_codes(&index, both, &hits, keep, threads, &never);
    let asymmetric = |query: usize, row: u32| {
        let code = codes.row(row as usize);
        let signed = queried.row(query).iter().enumerate().map(|(j, z)| {
            if code[j / 8] >> (j % 8) & 1 == 1 { f64::from(*z) } else { -f64::from(*z) }
        });
        let factor: f64 = factors.as_ref().map_or(1.0, |f| f[row as usize].into());
        if factors.is_none() || !has_norms {
            return signed.sum::<f64>() * factor;
        }
        let sum =
            |of: fn(f64) -> f64| queried.row(query).iter().map(|z| of((*z).into())).sum::<f64>();
        let (squares, absolute) = (sum(|z| z * z), sum(f64::abs));
        let spread = if absolute > 0.0 { squares.sqrt() / absolute } else { 0.0 };
        -factor * (spread * signed.sum::<f64>() + factor / 2.0) - squares / 2.0
    };
    check(by_code, is_right, &hits, keep, asymmetric);
    let by_vector = by_vectors(&originals, &queried, &hits, keep, threads, &never);
    let cosine = |query: usize, row: u32| {
        let pairs = || queried.row(query).iter().zip(originals.row(row as usize));
        let dot: f64 = pairs().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let norm = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let norms = norm(queried.row(query)) * norm(originals.row(row as usize));
        if norms == 0.0 { 0.0 } else { dot / norms }
    };
    check(by_vector, is_right, &hits, keep, cosine);
    Ok(())
}

fn signs_of(vectors: &Vectors) -> Codes {
    let mut bytes = vec![0; vectors.as_slice().len() / 8];
    pack_signs(vectors.as_slice(), Layout::Lsb, &mut bytes);
    Codes::new(bytes, vectors.columns()).expect("codes")
}

fn any_hits(u: &mut Unstructured) -> Result<Hits> {
    let mut list = |most: usize| -> Result<Vec<u32>> {
        (0..u.int_in_range(0..=most)?).map(|_| Ok(u.int_in_range(0..=12)?)).collect()
    };
    Ok(Hits {
        offsets: list(9)?.into_iter().map(|offset| offset as usize).collect(),
        rows: list(12)?,
        distances: list(12)?,
        ids: Some(list(12)?.into_iter().map(i64::from).collect())
            .filter(|ids: &Vec<i64>| ids.len() != 3),
        work: Work::default(),
    })
}

/// Each query has a slice of the hits, one after the other, of rows that are there.
fn are_right(hits: &Hits, queries: usize, rows: usize) -> bool {
    let Hits { offsets, rows: hit_rows, distances, ids, .. } = hits;
    offsets.len() == queries + 1
        && offsets.first() == Some(&0)
        && offsets.last() == Some(&hit_rows.len())
        && offsets.is_sorted()
        && distances.len() == hit_rows.len()
        && ids.as_ref().is_none_or(|ids| ids.len() == hit_rows.len())
        && hit_rows.iter().all(|row| (*row as usize) < rows)
}

fn check(
    reranked: h2q_core::error::Result<Reranked>,
    is_right: bool,
    hits: &Hits,
    keep: usize,
    score: impl Fn(usize, u32) -> f64,
) {
    let Reranked { hits: kept, scores } = match reranked {
        Ok(reranked) => reranked,
        Err(error) => return assert!(!is_right, "{error}"),
    };
    assert!(is_right, "{hits:?}");
    assert_eq!(kept.offsets.len(), hits.offsets.len());
    for query in 0..kept.offsets.len() - 1 {
        let given = hits.offsets[query]..hits.offsets[query + 1];
        let range = kept.offsets[query]..kept.offsets[query + 1];
        assert_eq!(range.len(), keep.min(given.len()));
        let id = |hits: &Hits, i: usize| hits.ids.as_ref().map(|ids| ids[i]);
        // Each is one of those given, none more often, with a score that is near.
        let mut left: Vec<_> =
            given.map(|i| (hits.rows[i], hits.distances[i], id(hits, i))).collect();
        for i in range.clone() {
            let hit = (kept.rows[i], kept.distances[i], id(&kept, i));
            let at = left.iter().position(|other| *other == hit).expect("one of the hits");
            left.swap_remove(at);
            near(scores[i], score(query, hit.0));
            if i > range.start {
                let key = |i: usize| (-scores[i], id(&kept, i), kept.rows[i]);
                assert!(key(i - 1) <= key(i), "out of order at {i}: {scores:?}");
            }
        }
        // What is left out is no better than the last.
        if let Some(last) = range.last() {
            for (row, _, other) in left {
                let wanted = score(query, row);
                let slack = wanted.abs() * 1e-5;
                assert!(wanted - slack <= f64::from(scores[last]), "row {row} is better");
                // The very same score depends on the row alone, so ties can be told.
                let same = (range_of(&kept, query)).find(|i| kept.rows[*i] == row);
                if same.is_none() && wanted as f32 == scores[last] && wanted as f32 == 0.0 {
                    assert!((id(&kept, last), kept.rows[last]) <= (other, row), "a tie");
                }
            }
        }
    }
}

fn range_of(hits: &Hits, query: usize) -> std::ops::Range<usize> {
    hits.offsets[query]..hits.offsets[query + 1]
}

fn near(score: f32, wanted: f64) {
    let wanted = wanted.clamp(f64::from(f32::MIN), f64::from(f32::MAX));
    let off = (f64::from(score) - wanted).abs();
    let bound = 1e-6 * wanted.abs() + f64::from(f32::MIN_POSITIVE);
    assert!(off <= bound, "{score}, not {wanted}");
}
