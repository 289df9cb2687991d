//! What is asked of the input before any work.

use super::CodesEvaluation;
use crate::error::{Error, Result};
use crate::sorting;
use crate::text;
use crate::vectors::Vectors;

/// What errors call the labels of the queries and those of the database.
pub(super) const LABEL_NAMES: [&str; 2] = ["query labels", "database labels"];

/// Rows are numbered by `u32` throughout.
pub(super) fn check_row_numbers(rows: usize) -> Result<()> {
    if u32::try_from(rows).is_ok() {
        return Ok(());
    }
    Err(Error::InvalidOption {
        option: "database",
        value: text!["a table of ", rows, " rows"],
        expected: "one of at most 4294967295 rows",
    }
    .into())
}

/// Number of codes in `data`, at least one.
pub(super) fn count_codes(what: &str, data: &[u8], bits: usize) -> Result<usize> {
    let bytes = bits / 8;
    if data.is_empty() {
        return Err(Error::Empty { what: what.into(), axis: "rows" }.into());
    }
    if !data.len().is_multiple_of(bytes) {
        let whole = data.len() / bytes * bytes;
        return Err(Error::mismatch(text!["bytes of the ", what], whole, data.len()));
    }
    Ok(data.len() / bytes)
}

/// Neighbours per query, 0 when there are none.
pub(super) fn check_neighbours(neighbours: &[u32], queries: usize, rows: usize) -> Result<usize> {
    let count = neighbours.len() / queries;
    if !neighbours.len().is_multiple_of(queries) {
        return Err(Error::mismatch("length of neighbours", count * queries, neighbours.len()));
    }
    let invalid = |value, expected| {
        Err(Error::InvalidOption { option: "neighbours", value, expected }.into())
    };
    let mut sorted = Vec::with_capacity(count);
    for (query, neighbours) in neighbours.chunks(count.max(1)).enumerate() {
        sorted.clear();
        sorted.extend_from_slice(neighbours);
        sorting::sort(&mut sorted);
        if let Some(&row) = sorted.last().filter(|&&row| row as usize >= rows) {
            return invalid(text!["row ", row, " for query ", query], "a row of the database");
        }
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return invalid(
                text!["row ", pair[0], " twice for query ", query],
                "a list of distinct rows",
            );
        }
    }
    Ok(count)
}

/// The transformed vectors of database and queries, which put ties in order.
pub(super) fn transformed<'a>(
    evaluation: &CodesEvaluation<'a>,
    rows: usize,
    queries: usize,
) -> Result<(&'a Vectors, &'a Vectors)> {
    let required = |option, vectors: Option<&'a Vectors>| {
        vectors.ok_or(Error::InvalidOption {
            option,
            value: "nothing".into(),
            expected: "the transformed vectors, which ties `float` and `cosine` need",
        })
    };
    let database = required("database vectors", evaluation.database_vectors)?;
    let query_vectors = required("query vectors", evaluation.query_vectors)?;
    let expect = |what: &str, expected, actual| {
        if expected == actual { Ok(()) } else { Err(Error::mismatch(what, expected, actual)) }
    };
    expect("rows of the database vectors", rows, database.rows())?;
    expect("rows of the query vectors", queries, query_vectors.rows())?;
    expect("columns of the query vectors", database.columns(), query_vectors.columns())?;
    Ok((database, query_vectors))
}
