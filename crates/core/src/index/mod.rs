//! A searchable set of codes: exact, ordered by (distance, id), searched while it grows and shrinks.

mod change;
mod columns;
mod commit;
#[cfg(not(target_family = "wasm"))]
mod disk;
mod file;
mod file_read;
mod file_write;
mod filter;
mod hits;
mod in_tables;
#[cfg(not(target_family = "wasm"))]
mod map;
mod merge;
mod opening;
#[cfg(not(target_family = "wasm"))]
mod rewrite;
mod scan;
mod search;
mod segment;
#[cfg_attr(target_family = "wasm", path = "unchecked_wasm.rs")]
mod unchecked;
#[cfg(not(target_family = "wasm"))]
mod verify;

use h2q_kernels::index::costs;
use h2q_kernels::index::{bitmap, strip, tables, top_k};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use bitmap::Bitmap;
#[cfg(not(target_family = "wasm"))]
pub use disk::IndexFile;
pub use file_read::IndexReader;
pub use file_write::IndexWriter;
pub use filter::Filter;
pub(crate) use h2q_kernels::buffers::reserve;
pub use hits::Hits;
pub use search::{Method, SearchOptions};
pub use segment::Beside;
pub use tables::Work;
#[cfg(not(target_family = "wasm"))]
pub use verify::{Repaired, Verified, repair, verify};

use crate::codes::{Codes, Fingerprint, check_bits, hex};
use crate::error::{Error, Result};
use crate::hamming::Kernel;
use crate::hamming::Line;
use crate::parallel::Cancel;
use crate::text;
use segment::Segment;

/// Codes to search in. Rows are numbered in the order of adding and keep their numbers.
///
/// Searches work on the snapshot that they find, so they run at the same time as each other and as a
/// change, and see all of a change or nothing of it.
#[derive(Debug)]
pub struct Index {
    bits: usize,
    kernel: Kernel,
    current: RwLock<Arc<Snapshot>>,
    /// Held by whoever makes the next snapshot.
    changing: Mutex<()>,
    /// Whether it changes with a file, and only so.
    is_of_file: bool,
}

/// What an index holds at one moment.
#[derive(Debug, Clone, Default)]
struct Snapshot {
    parts: Vec<Part>,
    /// Rows ever added: the number of the next one.
    rows: usize,
    /// Rows that can be found.
    alive: usize,
    has_ids: bool,
    has_factors: bool,
    /// Of the model that the codes come from; zeros where nobody said.
    model: Fingerprint,
}

/// Of an index that does not know its model.
const UNKNOWN: Fingerprint = [0; 16];

/// A segment, and which of its positions are left where some were removed.
#[derive(Debug, Clone)]
struct Part {
    segment: Arc<Segment>,
    alive: Option<Arc<Bitmap>>,
}

impl Index {
    /// Indexes `codes` with ids, [`Beside`] or neither (`None`); ties between equal distances go to the
    /// smaller id, or to the earlier row where there are no ids (or the ids are equal).
    ///
    /// # Errors
    /// `Mismatch` when ids or factors are not one per code, `NotFinite`, `InvalidOption` for factors of both signs, more
    /// than 2^32 − 1 codes or an `H2Q_KERNEL` that cannot be used, `OutOfMemory`.
    pub fn new(codes: &Codes, beside: impl Into<Beside>) -> Result<Self> {
        Self::build(codes, beside, &Cancel::default())
    }

    /// [`Index::new`] that can be stopped.
    ///
    /// # Errors
    /// As [`Index::new`], and `Aborted`.
    pub fn build(codes: &Codes, beside: impl Into<Beside>, cancel: &Cancel) -> Result<Self> {
        let beside = beside.into();
        let (has_ids, has_factors) = (beside.ids.is_some(), beside.factors.is_some());
        let index = Self::empty(codes.bits(), has_ids, has_factors)?;
        // Not by `append`, so that nothing of it is in a module that adds nothing.
        let mut snapshot = Snapshot::clone(&index.snapshot());
        let (segment, model) = snapshot.next_segment(index.bits, codes, beside, cancel)?;
        snapshot.push(segment);
        snapshot.model = model;
        index.publish(snapshot);
        Ok(index)
    }

    /// An index of no codes yet, which will have ids and factors or not.
    ///
    /// # Errors
    /// `InvalidOption` for bits that are no positive multiple of 8 or beyond 2^30, or as [`Index::new`].
    pub fn empty(bits: usize, has_ids: bool, has_factors: bool) -> Result<Self> {
        Self::of_model(bits, has_ids, has_factors, None)
    }

    /// [`Index::empty`] for codes of a model.
    ///
    /// # Errors
    /// As [`Index::empty`].
    pub fn of_model(
        bits: usize,
        has_ids: bool,
        has_factors: bool,
        model: Option<Fingerprint>,
    ) -> Result<Self> {
        check_bits(bits)?;
        if bits > 1 << 30 {
            let expected = "at most 1073741824";
            return Err(
                Error::InvalidOption { option: "bits", value: bits.to_string(), expected }.into()
            );
        }
        let model = model.unwrap_or(UNKNOWN);
        let snapshot = Snapshot { has_ids, has_factors, model, ..Snapshot::default() };
        let current = RwLock::new(Arc::new(snapshot));
        Ok(Self {
            bits,
            kernel: Kernel::chosen()?,
            current,
            changing: Mutex::new(()),
            is_of_file: false,
        })
    }

    /// The same codes, searched by another kernel.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// The index as it is now, whatever is added or removed later. Codes and tables are shared.
    pub fn frozen(&self) -> Self {
        let current = RwLock::new(self.snapshot());
        Self {
            bits: self.bits,
            kernel: self.kernel,
            current,
            changing: Mutex::new(()),
            is_of_file: false,
        }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Number of codes that can be found.
    pub fn alive(&self) -> usize {
        self.snapshot().alive
    }

    /// Number of rows ever added, removed ones included: the number of the next row.
    pub fn rows(&self) -> usize {
        self.snapshot().rows
    }

    /// Whether the codes have ids of their own.
    pub fn has_ids(&self) -> bool {
        self.snapshot().has_ids
    }

    /// Whether the codes have factors.
    pub fn has_factors(&self) -> bool {
        self.snapshot().has_factors
    }

    /// The model that the codes come from, where that is known.
    pub fn model(&self) -> Option<Fingerprint> {
        Some(self.snapshot().model).filter(|model| *model != UNKNOWN)
    }

    /// Length of each code.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// The kernel that scans it.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Bytes held, about, search tables included.
    pub fn memory(&self) -> usize {
        self.snapshot().parts.iter().map(|part| part.segment.memory()).sum()
    }

    /// Builds the search tables of every segment that has none.
    ///
    /// # Errors
    /// `OutOfMemory`, `Aborted`.
    pub fn build_tables(&self, threads: usize, cancel: &Cancel) -> Result<()> {
        for part in &self.snapshot().parts {
            part.segment.tables(threads, cancel)?;
        }
        Ok(())
    }

    /// The rows as they are now, to read.
    pub fn reader(&self) -> RowReader {
        RowReader(self.snapshot())
    }

    /// The ids of `count` rows from `first` on (the rows themselves where there are no ids), removed ones
    /// included.
    ///
    /// # Errors
    /// `Mismatch` for rows beyond the last, `OutOfMemory`, `IndexFormat` where a mapped file is damaged.
    pub fn ids(&self, first: usize, count: usize) -> Result<Vec<i64>> {
        let snapshot = self.snapshot();
        let end = first.saturating_add(count);
        if end > snapshot.rows {
            return Err(Error::mismatch("rows", snapshot.rows, end));
        }
        let mut ids = Vec::with_capacity(count);
        for row in first..end {
            let part =
                snapshot.part_of(row as u32).ok_or_else(|| Error::mismatch("row", end, row))?;
            part.check_columns()?;
            ids.push(part.id(part.position(row as u32)?));
        }
        Ok(ids)
    }

    /// The lines that a scan reads, segment by segment.
    pub(crate) fn for_each_memory(&self, mut visit: impl FnMut(&[Line])) {
        self.snapshot().parts.iter().for_each(|part| visit(part.segment.blocks.lines()));
    }
}

/// Codes and factors by row, of one moment. Removed rows are still there.
#[derive(Debug)]
pub struct RowReader(Arc<Snapshot>);

impl RowReader {
    /// Whether the factors are norms, below 0 ([`crate::rerank::Metric::Euclidean`]).
    ///
    /// # Errors
    /// `IndexFormat` where a mapped file is damaged.
    pub fn has_norms(&self) -> Result<bool> {
        Ok(self.0.some_factor()?.is_sign_negative())
    }

    /// Copies the code of `row` as words, the last one padded with zeros, and gives its factor.
    ///
    /// # Errors
    /// `Mismatch` for a row beyond the last, `OutOfMemory`.
    pub fn read(&self, row: u32, words: &mut [u64]) -> Result<Option<f32>> {
        let Some(segment) = self.0.part_of(row) else {
            return Err(Error::mismatch("row", self.0.rows, row as usize));
        };
        segment.check_columns()?;
        let position = segment.position(row)? as usize;
        segment.check_codes(position..position + 1)?;
        segment.blocks.get(position, words);
        Ok(segment.factors.as_ref().map(|factors| factors[position]))
    }
}

impl Snapshot {
    /// Adds a segment of the next rows.
    fn push(&mut self, segment: Segment) {
        let count = segment.count();
        self.parts.push(Part { segment: Arc::new(segment), alive: None });
        self.rows += count;
        self.alive += count;
    }

    /// Checks that `codes` may be compared with those of the index.
    ///
    /// # Errors
    /// `Mismatch` for another length, `ForeignModel` where it is known that they come from another model.
    fn check(&self, bits: usize, codes: &Codes, what: &str) -> Result<()> {
        if codes.bits() != bits {
            return Err(Error::mismatch(text!["bits of the ", what], bits, codes.bits()));
        }
        match codes.model() {
            Some(model) if self.model != UNKNOWN && self.model != model => {
                let (expected, actual) = (hex(self.model), hex(model));
                Err(Error::ForeignModel { what: what.into(), expected, actual }.into())
            }
            _ => Ok(()),
        }
    }

    /// The first factor that is not 0, by whose sign all are read; else a 0, or −0.
    ///
    /// # Errors
    /// `IndexFormat` where a mapped file is damaged.
    fn some_factor(&self) -> Result<f32> {
        let mut some = 0.0;
        for part in &self.parts {
            some = part.segment.some_factor()?;
            if some != 0.0 {
                break;
            }
        }
        Ok(some)
    }

    /// The segment that holds `row`.
    fn part_of(&self, row: u32) -> Option<&Segment> {
        let after = self.parts.partition_point(|part| part.segment.first_row <= row);
        let segment = &self.parts[after.checked_sub(1)?].segment;
        ((row - segment.first_row) < segment.count() as u32).then_some(segment)
    }
}
