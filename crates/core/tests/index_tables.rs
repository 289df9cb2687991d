//! What multi-index hashing does, counted: no clock.

mod support;

use h2q_core::codes::Codes;
use h2q_core::index::{Index, Method, SearchOptions, Work};
use h2q_core::measure::{CodesAre, made_up_codes};
use h2q_core::parallel::Cancel;

const BITS: usize = 64;
const QUERIES: usize = 200;

/// An index of all but the last codes, and these as queries.
fn clustered(rows: usize) -> (Index, Codes) {
    let all = made_up_codes(BITS, rows + QUERIES, CodesAre::Clustered, 1, 0, &Cancel::default());
    let bytes = all.expect("codes").into_bytes();
    let (database, queries) = bytes.split_at(rows * BITS / 8);
    let database = Codes::new(database.to_vec(), BITS).expect("codes");
    let queries = Codes::new(queries.to_vec(), BITS).expect("codes");
    (Index::new(&database, None).expect("an index"), queries)
}

fn search(index: &Index, queries: &Codes, method: Method) -> Work {
    let options = SearchOptions { method, ..SearchOptions::default() };
    index.search(queries, 10, &options, &Cancel::default()).expect("hits").work
}

#[test]
fn work_grows_more_slowly_than_the_index() {
    let sizes = [1_000_000, 10_000_000];
    let work = sizes.map(|rows| {
        let (index, queries) = clustered(rows);
        let work = search(&index, &queries, Method::Mih);
        let per_query = (work.candidates + work.buckets) as f64 / QUERIES as f64;
        assert!(per_query < rows as f64 / 500.0, "{per_query} of {rows} codes a query");
        per_query
    });
    // Ten times the codes, and no more work at all: the tenth neighbour comes nearer.
    assert!(work[1] < 2.0 * work[0], "{work:?}");
}

#[test]
fn auto_uses_tables_that_are_there_and_pay_and_no_others() {
    let rows = 1_000_000;
    let (index, queries) = clustered(rows);
    let scanned = (rows * QUERIES) as u64;
    let bare = search(&index, &queries, Method::Auto);
    assert_eq!((bare.candidates, bare.buckets), (scanned, 0), "no tables for so few queries");
    index.build_tables(0, &Cancel::default()).expect("tables");
    let tabled = search(&index, &queries, Method::Auto);
    assert!(tabled.buckets > 0 && tabled.candidates < scanned / 4, "{tabled:?}");

    let uniform = made_up_codes(BITS, rows, CodesAre::Uniform, 1, 0, &Cancel::default());
    let uniform = Index::new(&uniform.expect("codes"), None).expect("an index");
    uniform.build_tables(0, &Cancel::default()).expect("tables");
    let given_up = search(&uniform, &queries, Method::Auto);
    // Some are sent ahead; the extra work is a small part of the scans.
    assert!(given_up.candidates - scanned < scanned / 100, "{given_up:?}");
}

#[test]
fn auto_builds_tables_where_one_call_gains_more_than_they_take() {
    let (index, _) = clustered(1_000_000);
    let many = made_up_codes(BITS, 40_000, CodesAre::Clustered, 1, 0, &Cancel::default());
    let many = many.expect("codes");
    let before = index.memory();
    let work = search(&index, &many, Method::Auto);
    assert!(work.buckets > 0 && index.memory() > before, "{work:?}");
}

#[test]
fn memory_of_tables_is_what_the_documents_say() {
    // Three tables of four bytes a code, and offsets of 2^21 or 2^22 buckets.
    let (index, _) = clustered(4_000_000);
    let codes = index.memory();
    index.build_tables(0, &Cancel::default()).expect("tables");
    let offsets = 4 * (3 + (1 << 21) + (1 << 21) + (1 << 22));
    assert_eq!(index.memory() - codes, 4_000_000 * 12 + offsets);
}
