//! Search against brute force over single bits.

mod support;

use h2q_core::codes::Codes;
use h2q_core::index::{Hits, Index, SearchOptions};
use h2q_core::parallel::Cancel;
use rand::RngExt;

const BITS: [usize; 12] = [8, 16, 24, 32, 64, 72, 128, 192, 256, 384, 512, 1024];

/// Codes with many ties: few distinct bytes.
fn codes(rows: usize, bits: usize, seed: u64) -> Codes {
    let mut generator = support::generator(seed);
    let bytes =
        (0..rows * bits / 8).map(|_| [0x00, 0x01, 0x81, 0xff][generator.random_range(0..4)]);
    Codes::new(bytes.collect(), bits).expect("codes")
}

fn bit_distance(a: &[u8], b: &[u8]) -> u32 {
    let bit = |code: &[u8], j: usize| code[j / 8] >> (j % 8) & 1;
    (0..a.len() * 8).filter(|&j| bit(a, j) != bit(b, j)).count() as u32
}

/// All rows by (distance, id).
fn ranking(index: &Codes, query: &[u8], ids: &[i64]) -> Vec<(u32, i64, u32)> {
    let mut all: Vec<_> = (0..index.rows())
        .map(|row| (bit_distance(index.row(row), query), ids[row], row as u32))
        .collect();
    all.sort_unstable();
    all
}

fn rows_of(hits: &Hits, query: usize) -> Vec<(u32, u32)> {
    let range = hits.offsets[query]..hits.offsets[query + 1];
    hits.distances[range.clone()].iter().copied().zip(hits.rows[range].iter().copied()).collect()
}

#[test]
fn hits_equal_brute_force_with_ties_for_every_width() {
    for bits in BITS {
        for rows in [1, 7, 300] {
            let database = codes(rows, bits, bits as u64);
            let queries = codes(9, bits, 1 + bits as u64);
            let index = Index::new(&database, None).expect("an index");
            let ids: Vec<i64> = (0..rows as i64).collect();
            for k in [1, 2, 10, rows, rows + 5] {
                let hits = index
                    .search(&queries, k, &SearchOptions::on(1), &Cancel::default())
                    .expect("hits");
                for q in 0..queries.rows() {
                    let expected: Vec<_> = ranking(&database, queries.row(q), &ids)
                        .into_iter()
                        .take(k)
                        .map(|(distance, _, row)| (distance, row))
                        .collect();
                    assert_eq!(rows_of(&hits, q), expected, "{bits} bits, {rows} rows, k {k}");
                }
            }
        }
    }
}

#[test]
fn ids_decide_ties_and_come_with_the_hits() {
    let (rows, bits) = (500, 8);
    let database = codes(rows, bits, 3);
    let queries = codes(4, bits, 4);
    let mut generator = support::generator(5);
    // Some ids stand twice: then the earlier row comes first.
    let ids: Vec<i64> = (0..rows).map(|_| generator.random_range(-300..300)).collect();
    let index = Index::new(&database, Some(ids.clone())).expect("an index");
    let hits =
        index.search(&queries, 100, &SearchOptions::on(1), &Cancel::default()).expect("hits");
    let found = hits.ids.as_ref().expect("ids");
    for q in 0..queries.rows() {
        let expected = &ranking(&database, queries.row(q), &ids)[..100];
        let actual = (hits.offsets[q]..hits.offsets[q + 1])
            .map(|i| (hits.distances[i], found[i], hits.rows[i]))
            .collect::<Vec<_>>();
        assert_eq!(actual, expected);
    }
}

#[test]
fn radius_is_inclusive() {
    let database = codes(400, 16, 6);
    let queries = codes(5, 16, 7);
    let ids: Vec<i64> = (0..400).collect();
    let index = Index::new(&database, None).expect("an index");
    for radius in [0, 1, 5, 16, u32::MAX] {
        let hits = index
            .search_radius(&queries, radius, &SearchOptions::on(2), &Cancel::default())
            .expect("hits");
        for q in 0..queries.rows() {
            let expected: Vec<_> = ranking(&database, queries.row(q), &ids)
                .into_iter()
                .filter(|(distance, ..)| *distance <= radius)
                .map(|(distance, _, row)| (distance, row))
                .collect();
            assert_eq!(rows_of(&hits, q), expected, "radius {radius}");
        }
    }
}

#[test]
fn threads_and_batches_change_no_hit() {
    // More than one strip of 2^18 codes, and a last block that is not full.
    let database = codes((1 << 18) + 1001, 8, 8);
    let queries = codes(17, 8, 9);
    let index = Index::new(&database, None).expect("an index");
    let all = index.search(&queries, 50, &SearchOptions::on(1), &Cancel::default()).expect("hits");
    for threads in [0, 2, 3, 8] {
        assert_eq!(
            index
                .search(&queries, 50, &SearchOptions::on(threads), &Cancel::default())
                .expect("hits"),
            all
        );
    }
    for q in 0..queries.rows() {
        let one = Codes::new(queries.row(q).to_vec(), 8).expect("a code");
        let alone =
            index.search(&one, 50, &SearchOptions::on(2), &Cancel::default()).expect("hits");
        assert_eq!(rows_of(&alone, 0), rows_of(&all, q));
    }
}

#[test]
fn unusable_requests_are_named() {
    let index = Index::new(&codes(10, 16, 1), None).expect("an index");
    let cancel = Cancel::default();
    assert_eq!(
        index.search(&codes(1, 8, 1), 1, &SearchOptions::on(1), &cancel).expect_err("bits").code(),
        "MISMATCH"
    );
    let error = index.search(&codes(1, 16, 1), 0, &SearchOptions::on(1), &cancel).expect_err("k");
    assert_eq!(error.code(), "INVALID_OPTION");
    assert_eq!(Index::new(&codes(3, 8, 1), Some(vec![1])).expect_err("ids").code(), "MISMATCH");
    assert_eq!(Codes::new(vec![1, 2, 3], 16).expect_err("length").code(), "MISMATCH");
    assert_eq!(Codes::new(vec![1], 12).expect_err("bits").code(), "INVALID_OPTION");
    assert_eq!(Codes::new(vec![], 8).expect_err("empty").code(), "EMPTY_INPUT");
}

#[test]
fn a_cancelled_search_stops() {
    let index = Index::new(&codes(10, 16, 1), None).expect("an index");
    let cancel = Cancel::default();
    cancel.cancel();
    assert_eq!(
        index.search(&codes(1, 16, 1), 1, &SearchOptions::on(1), &cancel).expect_err("stop").code(),
        "ABORTED"
    );
}

#[test]
fn more_hits_than_a_result_can_hold_are_refused_before_any_work() {
    let index = Index::new(&codes(70_000, 8, 1), None).expect("an index");
    let queries = codes(70_000, 8, 2);
    let error = index
        .search(&queries, usize::MAX, &SearchOptions::on(1), &Cancel::default())
        .expect_err("too many");
    assert_eq!(error.code(), "TOO_MANY_HITS");
}
