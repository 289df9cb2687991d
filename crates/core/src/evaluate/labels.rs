//! Labels, and when a database row is relevant for a query.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::sorting;
use crate::text;

/// The labels of a set of rows: one label per row, or a set of classes per row. At least one row.
///
/// A database row is relevant for a query when their labels are equal, or when they share a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Nothing is known of this many rows.
    Unknown(usize),
    Single(Vec<i64>),
    /// Class c of a row is bit `c % 64` of its word `c / 64`; bits beyond `classes` are zero.
    Multi {
        classes: usize,
        bits: Vec<u64>,
    },
}

impl Labels {
    /// For rows without labels: none is relevant for any.
    pub fn unknown(rows: usize) -> Self {
        Self(Kind::Unknown(rows))
    }

    /// One label per row. `name` is what errors call these labels, such as `database labels`.
    ///
    /// # Errors
    /// `Empty` without rows.
    pub fn single(name: &str, values: Vec<i64>) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::Empty { what: name.into(), axis: "rows" }.into());
        }
        Ok(Self(Kind::Single(values)))
    }

    /// `bytes` holds rows of `classes` bytes, 1 where the row belongs to the class and 0 elsewhere.
    /// A row may belong to no class; it is then relevant for nothing. `name` as in [`Labels::single`].
    ///
    /// # Errors
    /// `Empty` without rows or classes, `Mismatch` when the length is no multiple of `classes`,
    /// `InvalidOption` for a byte other than 0 and 1, naming row and class.
    pub fn multi(name: &'static str, bytes: &[u8], classes: usize) -> Result<Self> {
        if classes == 0 || bytes.is_empty() {
            let axis = if classes == 0 { "columns" } else { "rows" };
            return Err(Error::Empty { what: name.into(), axis }.into());
        }
        if !bytes.len().is_multiple_of(classes) {
            let whole = bytes.len() / classes * classes;
            return Err(Error::mismatch(text!["length of the ", name], whole, bytes.len()));
        }
        if let Some(at) = bytes.iter().position(|&byte| byte > 1) {
            return Err(Error::InvalidOption {
                option: name,
                value: text![
                    u32::from(bytes[at]),
                    " at row ",
                    at / classes,
                    ", class ",
                    at % classes
                ],
                expected: "0 or 1",
            }
            .into());
        }
        let pack = |classes: &[u8]| {
            classes.iter().enumerate().fold(0, |word, (c, &byte)| word | u64::from(byte) << c)
        };
        let bits = bytes.chunks(classes).flat_map(|row| row.chunks(64).map(pack)).collect();
        Ok(Self(Kind::Multi { classes, bits }))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match &self.0 {
            Kind::Unknown(rows) => *rows,
            Kind::Single(values) => values.len(),
            Kind::Multi { classes, bits } => bits.len() / classes.div_ceil(64),
        }
    }

    /// The labels of the named rows, in the order given.
    ///
    /// # Panics
    /// When a row does not exist.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self(match &self.0 {
            Kind::Unknown(_) => Kind::Unknown(rows.len()),
            Kind::Single(values) => Kind::Single(rows.iter().map(|&row| values[row]).collect()),
            Kind::Multi { classes, bits } => {
                let words = classes.div_ceil(64);
                let row = |&row: &usize| &bits[row * words..][..words];
                Kind::Multi {
                    classes: *classes,
                    bits: rows.iter().flat_map(row).copied().collect(),
                }
            }
        })
    }

    /// The same with single labels numbered from 0 in rising order, and the number of classes.
    pub(crate) fn numbered(&self) -> (Self, usize) {
        match &self.0 {
            Kind::Unknown(_) => (self.clone(), 0),
            Kind::Multi { classes, .. } => (self.clone(), *classes),
            Kind::Single(values) => {
                let mut distinct = values.clone();
                sorting::sort(&mut distinct);
                distinct.dedup();
                let number = |value: &i64| distinct.partition_point(|known| known < value) as i64;
                (Self(Kind::Single(values.iter().map(number).collect())), distinct.len())
            }
        }
    }

    /// Of single labels, the share of pairs of different rows among `rows` that are alike.
    pub(crate) fn similar_share(&self, rows: &[usize]) -> Option<f64> {
        let Kind::Single(values) = &self.0 else { return None };
        let mut chosen: Vec<i64> = rows.iter().map(|&row| values[row]).collect();
        sorting::sort(&mut chosen);
        let pairs = |count: usize| count as f64 * (count as f64 - 1.0) / 2.0;
        let similar: f64 = chosen.chunk_by(|a, b| a == b).map(|alike| pairs(alike.len())).sum();
        Some(similar / pairs(rows.len()))
    }

    /// Adds kind, sizes and values to a hash, alike on every machine.
    pub(crate) fn add_to(&self, hasher: &mut impl std::hash::Hasher) {
        match &self.0 {
            Kind::Unknown(rows) => hasher.write(&(*rows as u64).to_le_bytes()),
            Kind::Single(values) => {
                hasher.write(&[1]);
                values.iter().for_each(|value| hasher.write(&value.to_le_bytes()));
            }
            Kind::Multi { classes, bits } => {
                hasher.write(&(*classes as u64).to_le_bytes());
                bits.iter().for_each(|word| hasher.write(&word.to_le_bytes()));
            }
        }
    }

    /// Whether a row of [`Labels::numbered`] belongs to a class.
    ///
    /// # Panics
    /// When the row does not exist.
    pub(crate) fn belongs(&self, row: usize, class: usize) -> bool {
        match &self.0 {
            Kind::Unknown(_) => false,
            Kind::Single(values) => values[row] == class as i64,
            Kind::Multi { classes, bits } => {
                bits[row * classes.div_ceil(64) + class / 64] >> (class % 64) & 1 == 1
            }
        }
    }

    /// Whether `row` of `database` is relevant for row `query` of these labels.
    ///
    /// # Panics
    /// When a row does not exist. Labels of different kinds share nothing: always false.
    pub fn is_relevant(&self, query: usize, database: &Self, row: usize) -> bool {
        match (&self.0, &database.0) {
            (Kind::Single(queries), Kind::Single(values)) => queries[query] == values[row],
            (Kind::Multi { classes, bits }, Kind::Multi { bits: database, .. }) => {
                let words = classes.div_ceil(64);
                let (a, b) = (&bits[query * words..][..words], &database[row * words..][..words]);
                share_a_class(a, b)
            }
            _ => false,
        }
    }

    /// Number of database rows that are relevant for the query.
    pub(super) fn count_relevant(&self, query: usize, database: &Self) -> usize {
        match (&self.0, &database.0) {
            (Kind::Single(queries), Kind::Single(values)) => {
                let label = queries[query];
                values.iter().filter(|&&value| value == label).count()
            }
            _ => (0..database.rows()).filter(|&row| self.is_relevant(query, database, row)).count(),
        }
    }

    /// Checks that these query labels fit `queries` rows, and `database` its own `rows`. `names` are
    /// what errors call the two.
    pub(crate) fn check(
        &self,
        queries: usize,
        database: &Self,
        rows: usize,
        names: [&'static str; 2],
    ) -> Result<()> {
        let [own_name, database_name] = names;
        if database.rows() != rows {
            let what = text!["rows of the ", database_name];
            return Err(Error::mismatch(what, rows, database.rows()));
        }
        if self.rows() != queries {
            let what = text!["rows of the ", own_name];
            return Err(Error::mismatch(what, queries, self.rows()));
        }
        let kind = |kind: &Kind| match kind {
            Kind::Unknown(_) => "no labels",
            Kind::Single(_) => "one label per row",
            Kind::Multi { .. } => "classes per row",
        };
        match (&self.0, &database.0) {
            (Kind::Multi { classes, .. }, Kind::Multi { classes: expected, .. })
                if classes != expected =>
            {
                Err(Error::mismatch(text!["classes of the ", own_name], *expected, *classes))
            }
            (own, other) if kind(own) != kind(other) => Err(Error::InvalidOption {
                option: own_name,
                value: kind(own).into(),
                expected: "the kind of the labels they are compared with",
            }
            .into()),
            _ => Ok(()),
        }
    }
}

/// Writes 1 to `out` for each of `rows` that is relevant for row `query` of the first labels and 0 for the
/// others. To be dispatched; no closure, so that all of it is compiled for the CPU's SIMD level.
pub(super) struct Mark<'a> {
    pub query: usize,
    /// Of the queries and of the database.
    pub labels: (&'a Labels, &'a Labels),
    pub rows: Range<usize>,
    pub out: &'a mut [u8],
}

impl pulp::WithSimd for Mark<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { query, labels, rows, out } = self;
        match (&labels.0.0, &labels.1.0) {
            (Kind::Single(queries), Kind::Single(values)) => {
                let label = queries[query];
                for (out, &value) in out.iter_mut().zip(&values[rows]) {
                    *out = u8::from(value == label);
                }
            }
            (Kind::Multi { classes, bits }, Kind::Multi { bits: database, .. }) => {
                let words = classes.div_ceil(64);
                let own = &bits[query * words..][..words];
                let others = database[rows.start * words..rows.end * words].chunks_exact(words);
                for (out, other) in out.iter_mut().zip(others) {
                    *out = u8::from(share_a_class(own, other));
                }
            }
            _ => out.fill(0),
        }
    }
}

#[inline(always)]
fn share_a_class(a: &[u64], b: &[u64]) -> bool {
    a.iter().zip(b).fold(0, |shared, (a, b)| shared | (a & b)) != 0
}
