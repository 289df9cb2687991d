//! The one taxonomy of errors. Bindings carry `code` and `details` across unchanged.

use crate::json::{Member, Value};

/// Result of every fallible operation in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. Every variant is raised before anything observable has changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is NaN or infinite, or leaves the range of float32. Rows and columns count from 0.
    #[error("row {row}, column {column}: {value} is not a finite float32")]
    NotFinite {
        /// Row of the value, counted over the whole input.
        row: usize,
        /// Column of the value.
        column: usize,
        /// The value as text (JSON has no NaN).
        value: String,
    },
    /// An input has no rows or no columns.
    #[error("{what}: no {axis}")]
    Empty {
        /// Which input.
        what: String,
        /// `rows` or `columns`.
        axis: &'static str,
    },
    /// Two things that must agree in a number do not.
    #[error("{what}: expected {expected}, got {actual}")]
    Mismatch {
        /// What was counted, with the name of the input.
        what: String,
        /// The number required.
        expected: usize,
        /// The number found.
        actual: usize,
    },
    /// Bits are not a multiple of 8 in `8..=dimensions`.
    #[error("bits: {bits} is not a multiple of 8 between 8 and the {dimensions} dimensions")]
    Bits {
        /// Bits asked for.
        bits: usize,
        /// Dimensions of the vectors.
        dimensions: usize,
    },
    /// An option is outside its range.
    #[error("{option}: {value} is not {expected}")]
    InvalidOption {
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// An option is given or missing beside others that do not go with that.
    #[error("{option}: {problem}")]
    Conflict {
        /// Name of the option.
        option: &'static str,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A reflection vector is all zeros, so it names no hyperplane.
    #[error("reflection {index} is the zero vector")]
    ZeroReflection {
        /// Position of the vector among the reflections.
        index: usize,
    },
    /// More memory was asked for than can be had.
    #[error("{what}: cannot allocate {bytes} bytes")]
    OutOfMemory {
        /// What the memory was for.
        what: String,
        /// Size of the request.
        bytes: usize,
    },
    /// A rotated vector has values beyond the largest float32.
    #[error("row {row}: its values are too large, rotated they leave the range of float32")]
    OutOfRange {
        /// Row of the vector, counted over the rows given.
        row: usize,
    },
    /// Gradient descent left the range of float32: the learning rate is too high for the data.
    #[error("learningRate: the fit diverged in epoch {epoch}")]
    Diverged {
        /// The epoch in which it happened, counted from 1.
        epoch: usize,
    },
    /// A search would return more hits than one result can hold.
    #[error("{hits} hits are more than one search can return, 4294967295")]
    TooManyHits {
        /// The number of hits.
        hits: u64,
    },
    /// Bytes that are not a model, or a damaged one.
    #[error("not a readable model: {reason}")]
    ModelFormat {
        /// What was wrong.
        reason: String,
    },
    /// Bytes that are not an index, or a damaged one.
    #[error("not a readable index: {reason}")]
    IndexFormat {
        /// What was wrong.
        reason: String,
    },
    /// Codes of one model where those of another one belong.
    #[error("{what}: they come from the model {actual}, the index holds codes of {expected}")]
    ForeignModel {
        /// What was given.
        what: String,
        /// The fingerprint of the model that the index knows.
        expected: String,
        /// That of the model that was used.
        actual: String,
    },
    /// There is no file of that name.
    #[error("no such file")]
    NoSuchFile,
    /// A file that the system does not let us open or read.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// What the system says.
        reason: String,
    },
    /// A file that the system does not let us write.
    #[error("cannot be written: {reason}")]
    Unwritable {
        /// What the system says, and what is left.
        reason: String,
    },
    /// An index file that somebody else has open for changes.
    #[error("somebody else has it open for changes")]
    Locked,
    /// The caller asked for the work to stop.
    #[error("aborted")]
    Aborted,
    /// A defect of this library.
    #[error("internal error: {reason}")]
    Internal {
        /// What happened.
        reason: String,
    },
}

impl Error {
    /// Stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFinite { .. } => "NOT_FINITE",
            Self::Empty { .. } => "EMPTY_INPUT",
            Self::Mismatch { .. } => "MISMATCH",
            Self::Bits { .. } => "INVALID_BITS",
            Self::InvalidOption { .. } | Self::Conflict { .. } => "INVALID_OPTION",
            Self::ZeroReflection { .. } => "ZERO_REFLECTION",
            Self::OutOfMemory { .. } => "OUT_OF_MEMORY",
            Self::OutOfRange { .. } => "OUT_OF_RANGE",
            Self::Diverged { .. } => "DIVERGED",
            Self::TooManyHits { .. } => "TOO_MANY_HITS",
            Self::ModelFormat { .. } => "MODEL_FORMAT",
            Self::IndexFormat { .. } => "INDEX_FORMAT",
            Self::ForeignModel { .. } => "FOREIGN_MODEL",
            Self::NoSuchFile => "FILE_NOT_FOUND",
            Self::Unreadable { .. } => "FILE_UNREADABLE",
            Self::Unwritable { .. } => "FILE_UNWRITABLE",
            Self::Locked => "FILE_LOCKED",
            Self::Aborted => "ABORTED",
            Self::Internal { .. } => "INTERNAL",
        }
    }

    /// The fields of the variant.
    pub fn fields(&self) -> Vec<Member> {
        match self {
            Self::NotFinite { row, column, value } => vec![
                ("row", (*row).into()),
                ("column", (*column).into()),
                ("value", value.as_str().into()),
            ],
            Self::Empty { what, axis } => {
                vec![("what", what.as_str().into()), ("axis", (*axis).into())]
            }
            Self::Mismatch { what, expected, actual } => vec![
                ("what", what.as_str().into()),
                ("expected", (*expected).into()),
                ("actual", (*actual).into()),
            ],
            Self::Bits { bits, dimensions } => {
                vec![("bits", (*bits).into()), ("dimensions", (*dimensions).into())]
            }
            Self::InvalidOption { option, value, expected } => vec![
                ("option", (*option).into()),
                ("value", value.as_str().into()),
                ("expected", (*expected).into()),
            ],
            Self::Conflict { option, problem } => {
                vec![("option", (*option).into()), ("problem", (*problem).into())]
            }
            Self::ZeroReflection { index } => vec![("index", (*index).into())],
            Self::OutOfMemory { what, bytes } => {
                vec![("what", what.as_str().into()), ("bytes", (*bytes).into())]
            }
            Self::OutOfRange { row } => vec![("row", (*row).into())],
            Self::Diverged { epoch } => vec![("epoch", (*epoch).into())],
            Self::TooManyHits { hits } => vec![("hits", Value::Count(*hits))],
            Self::ForeignModel { what, expected, actual } => vec![
                ("what", what.as_str().into()),
                ("expected", expected.as_str().into()),
                ("actual", actual.as_str().into()),
            ],
            Self::ModelFormat { reason }
            | Self::IndexFormat { reason }
            | Self::Unreadable { reason }
            | Self::Unwritable { reason }
            | Self::Internal { reason } => vec![("reason", reason.as_str().into())],
            Self::NoSuchFile | Self::Locked | Self::Aborted => Vec::new(),
        }
    }

    /// [`Error::fields`] as a JSON object.
    #[cfg(feature = "json")]
    pub fn details(&self) -> String {
        String::from_utf8(crate::json::to_text(self.fields())).unwrap_or_default()
    }

    /// `value` is NaN or infinite.
    pub fn not_finite(row: usize, column: usize, value: f64) -> Self {
        // As floats are formatted, whose tables take 10 KiB in WebAssembly.
        let value = match value {
            f64::INFINITY => "inf",
            f64::NEG_INFINITY => "-inf",
            _ => "NaN",
        };
        Self::NotFinite { row, column, value: value.into() }
    }

    /// The same of a block that begins at row `first` of a larger input.
    pub fn in_rows_from(self, first: usize) -> Self {
        match self {
            Self::NotFinite { row, column, value } => {
                Self::NotFinite { row: row.saturating_add(first), column, value }
            }
            other => other,
        }
    }

    /// For an input or result of that name.
    pub fn out_of_memory(what: impl Into<String>, bytes: usize) -> Self {
        Self::OutOfMemory { what: what.into(), bytes }
    }

    /// Of what was counted, with the name of the input.
    pub fn mismatch(what: impl Into<String>, expected: usize, actual: usize) -> Self {
        Self::Mismatch { what: what.into(), expected, actual }
    }
}
