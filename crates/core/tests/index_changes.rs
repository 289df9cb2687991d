//! An index that grows and shrinks against a plain list, searched in every way.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use h2q_core::codes::Codes;
use h2q_core::hamming::Kernel;
use h2q_core::index::{Beside, Filter, Hits, Index, IndexReader, Method, SearchOptions};
use h2q_core::parallel::Cancel;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const METHODS: [Method; 3] = [Method::Linear, Method::Mih, Method::Auto];

/// What the index should hold: (code, id, row) of those that can be found.
#[derive(Default)]
struct Plain {
    found: Vec<(Vec<u8>, i64, u32)>,
    rows: usize,
}

impl Plain {
    fn ranking(&self, query: &[u8], passes: impl Fn(i64, u32) -> bool) -> Vec<(u32, i64, u32)> {
        let distance =
            |code: &[u8]| code.iter().zip(query).map(|(a, b)| (a ^ b).count_ones()).sum();
        let found = self.found.iter().filter(|(_, id, row)| passes(*id, *row));
        let mut all: Vec<_> = found.map(|(code, id, row)| (distance(code), *id, *row)).collect();
        all.sort_unstable();
        all
    }
}

/// Half of the codes are near one of three centres, so that buckets are uneven and ties many.
fn random_codes(rows: usize, bits: usize, random: &mut ChaCha8Rng) -> Codes {
    let bytes = bits / 8;
    let mut all = Vec::with_capacity(rows * bytes);
    for _ in 0..rows {
        let centre: u8 = [0x00, 0xff, 0x5a, 0x33, 0x0f, 0xc4][random.random_range(0..6)];
        let is_near = random.random_bool(0.5);
        all.extend((0..bytes).map(|_| match is_near {
            true if random.random_bool(0.7) => centre,
            true => centre ^ 1 << random.random_range(0..8),
            false => random.random(),
        }));
    }
    Codes::new(all, bits).expect("codes")
}

fn hits_of(hits: &Hits, query: usize) -> Vec<(u32, i64, u32)> {
    (hits.offsets[query]..hits.offsets[query + 1])
        .map(|i| {
            let row = hits.rows[i];
            (hits.distances[i], hits.ids.as_ref().map_or(i64::from(row), |ids| ids[i]), row)
        })
        .collect()
}

fn check(index: &Index, plain: &Plain, random: &mut ChaCha8Rng) {
    let cancel = Cancel::default();
    assert_eq!((index.alive(), index.rows()), (plain.found.len(), plain.rows));
    let queries = random_codes(5, index.bits(), random);
    let share = random.random_range(0.0..1.0);
    let rows: BTreeSet<u32> =
        (0..plain.rows as u32).filter(|_| random.random_bool(share)).collect();
    let ids: Vec<i64> = plain.found.iter().map(|found| found.1).filter(|id| id % 3 == 0).collect();
    let mut bitmap = vec![0u8; plain.rows.div_ceil(8)];
    rows.iter().for_each(|row| bitmap[*row as usize / 8] |= 1 << (row % 8));
    type Passes<'a> = Box<dyn Fn(i64, u32) -> bool + 'a>;
    let filters: [(Option<Arc<Filter>>, Passes); 5] = [
        (None, Box::new(|_, _| true)),
        (
            Some(Arc::new(Filter::rows(&bitmap, plain.rows, false).expect("a filter"))),
            Box::new(|_, row| rows.contains(&row)),
        ),
        (
            Some(Arc::new(Filter::rows(&bitmap, plain.rows, true).expect("a filter"))),
            Box::new(|_, row| !rows.contains(&row)),
        ),
        (Some(Arc::new(Filter::ids(ids.clone(), false))), Box::new(|id, _| id % 3 == 0)),
        (Some(Arc::new(Filter::ids(ids.clone(), true))), Box::new(|id, _| id % 3 != 0)),
    ];
    for method in METHODS {
        for (filter, passes) in &filters {
            for threads in [1, 3] {
                let options = SearchOptions { method, filter: filter.clone(), threads };
                for k in [1, 10, plain.rows + 1] {
                    let hits = index.search(&queries, k, &options, &cancel).expect("hits");
                    for q in 0..queries.rows() {
                        let mut wanted = plain.ranking(queries.row(q), passes);
                        wanted.truncate(k);
                        assert_eq!(
                            hits_of(&hits, q),
                            wanted,
                            "{method:?}, k {k}, {threads} threads"
                        );
                    }
                }
                for radius in [0, 3, index.bits() as u32 / 2] {
                    let hits =
                        index.search_radius(&queries, radius, &options, &cancel).expect("hits");
                    for q in 0..queries.rows() {
                        let mut wanted = plain.ranking(queries.row(q), passes);
                        wanted.retain(|hit| hit.0 <= radius);
                        assert_eq!(hits_of(&hits, q), wanted, "{method:?}, radius {radius}");
                    }
                }
            }
        }
    }
}

/// The index that reads what `index` writes, in pieces of odd sizes.
fn reread(index: &Index) -> Index {
    let mut writer = index.writer().expect("a writer");
    let mut reader = IndexReader::new(writer.total_bytes());
    let mut total = 0;
    loop {
        let piece = writer.next(1000);
        if piece.is_empty() {
            break;
        }
        total += piece.len();
        for bytes in piece.chunks(77) {
            reader.push(bytes).expect("what was written");
        }
    }
    assert_eq!(total, writer.total_bytes());
    reader.finish().expect("an index")
}

/// Tells the id, and has one sign for all.
fn factor_of(id: i64) -> f32 {
    1000.0 + id as f32
}

#[test]
fn searches_equal_a_plain_list_while_it_changes_and_after_reading_it_again() {
    for bits in [8, 64, 72, 128, 200, 384, 1032] {
        for has_ids in [false, true] {
            let mut random = support::generator(bits as u64 + u64::from(has_ids));
            let index = Index::empty(bits, has_ids, has_ids).expect("an index");
            let mut plain = Plain::default();
            for added in [1, 3, 70, 9, 300, 1, 64] {
                let codes = random_codes(added, bits, &mut random);
                // Ids come in any order, some twice.
                let ids: Vec<i64> = (0..added).map(|_| random.random_range(-200..200)).collect();
                let factors = has_ids.then(|| ids.iter().map(|id| factor_of(*id)).collect());
                let beside = Beside { ids: has_ids.then(|| ids.clone()), factors };
                let first = index.add(&codes, beside).expect("added");
                assert_eq!(first, plain.rows);
                for (i, id) in ids.into_iter().enumerate() {
                    let row = (first + i) as u32;
                    let id = if has_ids { id } else { i64::from(row) };
                    plain.found.push((codes.row(i).to_vec(), id, row));
                }
                plain.rows += added;
                let gone: Vec<i64> = (0..5).map(|_| random.random_range(-200..450)).collect();
                let before = plain.found.len();
                plain.found.retain(|(_, id, _)| !gone.contains(id));
                assert_eq!(index.remove(&gone), Ok(before - plain.found.len()));
                assert_eq!(index.remove(&gone), Ok(0), "they are gone already");
            }
            check(&index, &plain, &mut random);
            let again = reread(&index);
            check(&again, &plain, &mut random);
            let mut words = vec![0; bits.div_ceil(64)];
            for (code, id, row) in &plain.found {
                let factor = again.reader().read(*row, &mut words).expect("a code");
                assert_eq!(factor, has_ids.then(|| factor_of(*id)));
                let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                assert_eq!(bytes[..bits / 8], code[..]);
            }
        }
    }
}

#[test]
fn kernels_change_no_hit() {
    let mut random = support::generator(7);
    for bits in [64, 96, 256, 520] {
        let codes = random_codes(3000, bits, &mut random);
        let queries = random_codes(70, bits, &mut random);
        let search = |kernel| {
            let index = Index::new(&codes, None).expect("an index").with_kernel(kernel);
            index.search(&queries, 20, &SearchOptions::default(), &Cancel::default()).expect("hits")
        };
        let reference = search(Kernel::SCALAR);
        for kernel in Kernel::available() {
            assert_eq!(search(kernel), reference, "{}, {bits} bits", kernel.name());
        }
    }
}

#[test]
#[cfg(not(target_family = "wasm"))]
fn a_search_sees_all_of_a_change_or_nothing() {
    // Every addition brings ten equal codes of a new kind and every removal takes ten, so a search at
    // distance 0 finds ten or none.
    let kinds = 60u8;
    let code = |kind: u8| [kind; 8];
    let batch = |kind| Codes::new(code(kind).repeat(10), 64).expect("codes");
    let index = Index::empty(64, false, false).expect("an index");
    std::thread::scope(|scope| {
        let searching = scope.spawn(|| {
            let mut seen = 0;
            while index.rows() < 10 * usize::from(kinds) || index.alive() > 0 {
                for kind in 0..kinds {
                    let query = Codes::new(code(kind).to_vec(), 64).expect("a query");
                    let options = SearchOptions::on(1);
                    let hits = index.search_radius(&query, 0, &options, &Cancel::default());
                    let count = hits.expect("hits").rows.len();
                    assert!(count == 0 || count == 10, "{count} of ten");
                    seen += count;
                }
            }
            seen
        });
        for kind in 0..kinds {
            index.add(&batch(kind), None).expect("added");
            std::thread::yield_now();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        for kind in 0..i64::from(kinds) {
            let rows: Vec<i64> = (10 * kind..10 * kind + 10).collect();
            assert_eq!(index.remove(&rows), Ok(10));
        }
        assert!(searching.join().expect("no panic") > 0, "some codes were seen");
    });
}

#[test]
fn segments_stay_few_however_codes_are_added() {
    let mut random = support::generator(3);
    let index = Index::empty(64, true, false).expect("an index");
    for i in 0..2000 {
        let added = index.add(&random_codes(1, 64, &mut random), Some(vec![2000 - i]));
        assert_eq!(added, Ok(i as usize));
    }
    // One header, and per segment a header, checksums, codes, ids, perhaps rows.
    let records = index.writer().expect("a writer").total_bytes() - 12288 - 2000 * (8 + 8 + 4);
    assert!(records < 12 * 5 * 64 + 64, "{records} bytes beside the codes");
}

#[test]
fn changes_that_do_not_fit_are_refused_and_change_nothing() {
    let mut random = support::generator(4);
    let (plain, named) =
        (Index::empty(64, false, false).expect("one"), Index::empty(64, true, false).expect("two"));
    let codes = random_codes(3, 64, &mut random);
    let code_of = |result: h2q_core::error::Result<usize>| result.expect_err("refused").code();
    assert_eq!(code_of(plain.add(&random_codes(1, 72, &mut random), None)), "MISMATCH");
    assert_eq!(code_of(plain.add(&codes, Some(vec![1, 2, 3]))), "MISMATCH");
    assert_eq!(code_of(named.add(&codes, None)), "MISMATCH");
    assert_eq!(code_of(named.add(&codes, Some(vec![1, 2]))), "MISMATCH");
    assert_eq!((plain.rows(), named.rows()), (0, 0));
    let error = Filter::rows(&[0], 9, false).expect_err("too short");
    assert_eq!(error.to_string(), "bytes of the filter: expected 2, got 1");
    assert_eq!(plain.reader().read(0, &mut [0]).expect_err("no such row").code(), "MISMATCH");
    let empty = plain.search(&codes, 3, &SearchOptions::default(), &Cancel::default());
    assert_eq!(empty.expect("no hits").offsets, [0; 4]);
}

/// Codes of 64 bits as words.
fn words(codes: &Codes) -> Vec<u64> {
    codes.as_bytes().as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// Several strips of 32,768 codes, tiles as tasks of their own, threads at work, and tables that give up.
#[test]
fn long_scans_with_filters_and_removed_codes_equal_a_plain_loop() {
    let (rows, k) = (100_001, 12);
    let mut random = support::generator(11);
    let codes = random_codes(rows, 64, &mut random);
    let index = Index::new(&codes, None).expect("an index");
    let removed: BTreeSet<i64> = (0..40_000).map(|_| random.random_range(0..rows as i64)).collect();
    index.remove(&removed.iter().copied().collect::<Vec<_>>()).expect("removed");
    index.build_tables(0, &Cancel::default()).expect("tables");
    // Denied is every third row but for a stretch across the border of strips.
    let denies = |row: usize| row.is_multiple_of(3) && !(60_000..70_000).contains(&row);
    let mut bitmap = vec![0u8; rows.div_ceil(8)];
    (0..rows).filter(|row| denies(*row)).for_each(|row| bitmap[row / 8] |= 1 << (row % 8));
    let filter = Arc::new(Filter::rows(&bitmap, rows, true).expect("a filter"));

    let all = words(&codes);
    for count in [70, 1100] {
        let queries = random_codes(count, 64, &mut random);
        for filter in [None, Some(filter.clone())] {
            let passes =
                |row: usize| !(removed.contains(&(row as i64)) || filter.is_some() && denies(row));
            let found: Vec<usize> = (0..rows).filter(|row| passes(*row)).collect();
            let wanted: Vec<Vec<(u32, i64, u32)>> = words(&queries)
                .iter()
                .map(|query| {
                    let key = |row: &usize| ((all[*row] ^ query).count_ones(), *row);
                    let mut keys: Vec<_> = found.iter().map(key).collect();
                    keys.select_nth_unstable(k);
                    keys.truncate(k);
                    keys.sort_unstable();
                    keys.iter().map(|(d, row)| (*d, *row as i64, *row as u32)).collect()
                })
                .collect();
            for method in [Method::Linear, Method::Auto] {
                for threads in [1, 4] {
                    let options = SearchOptions { method, filter: filter.clone(), threads };
                    let hits = index.search(&queries, k, &options, &Cancel::default());
                    let hits = hits.expect("hits");
                    for (q, wanted) in wanted.iter().enumerate() {
                        let case = format!("{method:?}, {threads} threads, query {q} of {count}");
                        assert_eq!(hits_of(&hits, q), *wanted, "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn rows_that_a_filter_has_not_judged_do_not_pass() {
    let codes = Codes::new(vec![7; 10], 8).expect("codes");
    for has_ids in [false, true] {
        let ids = || has_ids.then(|| (0..10).rev().collect::<Vec<i64>>());
        let index = Index::empty(8, has_ids, false).expect("an index");
        index.add(&codes, ids()).expect("added");
        for is_denied in [false, true] {
            let bits = if is_denied { 0 } else { 0xff };
            let filter = Filter::rows(&[bits, bits], 10, is_denied).expect("a filter");
            let filter = Some(Arc::new(filter));
            index.add(&codes, ids()).expect("added");
            let options = SearchOptions { filter, ..SearchOptions::default() };
            let hits = index.search(&codes, 100, &options, &Cancel::default()).expect("hits");
            assert_eq!(hits.offsets[1], 10, "ids {has_ids}, denied {is_denied}");
            assert!(hits.rows.iter().all(|row| *row < 10));
        }
    }
}
