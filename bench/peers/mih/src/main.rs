//! mih-rs as a peer of `npm run bench -- hamming`: answers lines on standard input, see bench/lib/peer.mjs.
//!
//! Usage: h2q-peer-mih CODES.npy QUERIES.npy BITS K

use std::fmt::Write as _;
use std::io::{BufRead, Write as _};
use std::thread;
use std::time::Instant;

use mih_rs::Index;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, codes, queries, bits, k] = &arguments[..] else {
        panic!("usage: {} CODES.npy QUERIES.npy BITS K", arguments[0]);
    };
    assert_eq!(bits, "64", "mih-rs searches codes of a machine word");
    let k: usize = k.parse().expect("k");
    let mut loaded: Option<(Index<u64>, Vec<u64>)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match (&words[..], &loaded) {
            (["hello"], _) => r#"{"version":"0.3.1"}"#.to_owned(),
            (["load"], _) => {
                let index = Index::new(read_words(codes)).expect("an index");
                let blocks = index.num_blocks();
                loaded = Some((index, read_words(queries)));
                format!(r#"{{"settings":"{blocks} blocks"}}"#)
            }
            // One searcher asks one query after the other either way: single queries and batches are the same here.
            (["search", start, count, threads, _, hits], Some((index, queries))) => {
                let number = |text: &str| text.parse::<usize>().expect("a number");
                let queries = &queries[number(start)..][..number(count)];
                let started = Instant::now();
                let rows = search(index, queries, k, number(threads));
                let seconds = started.elapsed().as_secs_f64();
                let wanted = (*hits == "hits").then_some(Hits {
                    codes: index.codes(),
                    queries,
                    rows: &rows,
                });
                answer(seconds, wanted)
            }
            _ => panic!("unknown line: {line}"),
        };
        println!("{answer}");
        std::io::stdout().flush().expect("standard output");
    }
}

/// mih-rs has no batches and no threads: every thread takes its share of the queries.
fn search(index: &Index<u64>, queries: &[u64], k: usize, threads: usize) -> Vec<Vec<u32>> {
    let one_after_the_other = |queries: &[u64]| -> Vec<Vec<u32>> {
        let mut searcher = index.topk_searcher();
        queries.iter().map(|query| searcher.run(*query, k).to_vec()).collect()
    };
    let share = queries.len().div_ceil(threads);
    if share == queries.len() {
        return one_after_the_other(queries);
    }
    thread::scope(|scope| {
        let started: Vec<_> = queries
            .chunks(share)
            .map(|queries| scope.spawn(|| one_after_the_other(queries)))
            .collect();
        started.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    })
}

struct Hits<'a> {
    codes: &'a [u64],
    queries: &'a [u64],
    rows: &'a [Vec<u32>],
}

fn answer(seconds: f64, hits: Option<Hits>) -> String {
    let mut json = format!(r#"{{"seconds":{seconds}"#);
    if let Some(Hits { codes, queries, rows }) = hits {
        let distance = |query: &u64, row: &u32| (codes[*row as usize] ^ query).count_ones();
        let distances: Vec<Vec<u32>> = queries
            .iter()
            .zip(rows)
            .map(|(query, rows)| rows.iter().map(|row| distance(query, row)).collect())
            .collect();
        write!(json, r#","rows":{rows:?},"distances":{distances:?}"#).expect("a string");
    }
    json.push('}');
    json
}

/// The data of an `.npy` of u1, n x 8, as little-endian words.
fn read_words(path: &str) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    // Version 1 of the format: ten bytes, the last two of which say how long the header after them is.
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[header..].as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}
