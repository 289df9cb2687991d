//! The one taxonomy of errors. Bindings carry `code` and `details` across unchanged.

use crate::json::{Member, Value};

/// Result of every fallible operation in this crate.
///
/// Errors are behind a pointer: every call hands results on, and few of them are errors.
pub type Result<T> = std::result::Result<T, Box<Error>>;

/// What can go wrong. Every variant is raised before anything observable has changed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A value is NaN or infinite, or leaves the range of float32. Rows and columns count from 0.
    NotFinite {
        /// Row of the value, counted over the whole input.
        row: usize,
        /// Column of the value.
        column: usize,
        /// The value as text (JSON has no NaN).
        value: String,
    },
    /// An input has no rows or no columns.
    Empty {
        /// Which input.
        what: String,
        /// `rows` or `columns`.
        axis: &'static str,
    },
    /// Two things that must agree in a number do not.
    Mismatch {
        /// What was counted, with the name of the input.
        what: String,
        /// The number required.
        expected: usize,
        /// The number found.
        actual: usize,
    },
    /// Bits are not a multiple of 8 in `8..=dimensions`.
    Bits {
        /// Bits asked for.
        bits: usize,
        /// Dimensions of the vectors.
        dimensions: usize,
    },
    /// An option is outside its range.
    InvalidOption {
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// An option is given or missing beside others that do not go with that.
    Conflict {
        /// Name of the option.
        option: &'static str,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A reflection vector is all zeros, so it names no hyperplane.
    ZeroReflection {
        /// Position of the vector among the reflections.
        index: usize,
    },
    /// More memory was asked for than can be had.
    OutOfMemory {
        /// What the memory was for.
        what: String,
        /// Size of the request.
        bytes: usize,
    },
    /// A rotated vector has values beyond the largest float32.
    OutOfRange {
        /// Row of the vector, counted over the rows given.
        row: usize,
    },
    /// Gradient descent left the range of float32: the learning rate is too high for the data.
    Diverged {
        /// The epoch in which it happened, counted from 1.
        epoch: usize,
    },
    /// A search would return more hits than one result can hold.
    TooManyHits {
        /// The number of hits.
        hits: u64,
    },
    /// Bytes that are not a model, or a damaged one.
    ModelFormat {
        /// What was wrong.
        reason: String,
    },
    /// Bytes that are not an index, or a damaged one.
    IndexFormat {
        /// What was wrong.
        reason: String,
    },
    /// Codes of one model where those of another one belong.
    ForeignModel {
        /// What was given.
        what: String,
        /// The fingerprint of the model that the index knows.
        expected: String,
        /// That of the model that was used.
        actual: String,
    },
    /// There is no file of that name.
    NoSuchFile,
    /// A file that the system does not let us open or read.
    Unreadable {
        /// What the system says.
        reason: String,
    },
    /// A file that the system does not let us write.
    Unwritable {
        /// What the system says, and what is left.
        reason: String,
    },
    /// An index file that somebody else has open for changes.
    Locked,
    /// The caller asked for the work to stop.
    Aborted,
    /// A defect of this library.
    Internal {
        /// What happened.
        reason: String,
    },
}

impl Error {
    /// Stable name for programs.
    pub fn code(&self) -> &'static str {
        self.code_and_template().0
    }

    /// The code and the message, with names of fields in braces where their values go.
    fn code_and_template(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotFinite { .. } => {
                ("NOT_FINITE", "row {row}, column {column}: {value} is not a finite float32")
            }
            Self::Empty { .. } => ("EMPTY_INPUT", "{what}: no {axis}"),
            Self::Mismatch { .. } => ("MISMATCH", "{what}: expected {expected}, got {actual}"),
            Self::Bits { .. } => (
                "INVALID_BITS",
                "bits: {bits} is not a multiple of 8 between 8 and the {dimensions} dimensions",
            ),
            Self::InvalidOption { .. } => ("INVALID_OPTION", "{option}: {value} is not {expected}"),
            Self::Conflict { .. } => ("INVALID_OPTION", "{option}: {problem}"),
            Self::ZeroReflection { .. } => {
                ("ZERO_REFLECTION", "reflection {index} is the zero vector")
            }
            Self::OutOfMemory { .. } => ("OUT_OF_MEMORY", "{what}: cannot allocate {bytes} bytes"),
            Self::OutOfRange { .. } => (
                "OUT_OF_RANGE",
                "row {row}: its values are too large, rotated they leave the range of float32",
            ),
            Self::Diverged { .. } => {
                ("DIVERGED", "learningRate: the fit diverged in epoch {epoch}")
            }
            Self::TooManyHits { .. } => {
                ("TOO_MANY_HITS", "{hits} hits are more than one search can return, 4294967295")
            }
            Self::ModelFormat { .. } => ("MODEL_FORMAT", "not a readable model: {reason}"),
            Self::IndexFormat { .. } => ("INDEX_FORMAT", "not a readable index: {reason}"),
            Self::ForeignModel { .. } => (
                "FOREIGN_MODEL",
                "{what}: they come from the model {actual}, the index holds codes of {expected}",
            ),
            Self::NoSuchFile => ("FILE_NOT_FOUND", "no such file"),
            Self::Unreadable { .. } => ("FILE_UNREADABLE", "cannot be read: {reason}"),
            Self::Unwritable { .. } => ("FILE_UNWRITABLE", "cannot be written: {reason}"),
            Self::Locked => ("FILE_LOCKED", "somebody else has it open for changes"),
            Self::Aborted => ("ABORTED", "aborted"),
            Self::Internal { .. } => ("INTERNAL", "internal error: {reason}"),
        }
    }

    /// For people. Made of pieces: the standard library's formatting takes 10 KiB in WebAssembly.
    pub fn message(&self) -> String {
        let mut message = String::new();
        let fields = self.fields();
        for (at, part) in self.code_and_template().1.split(['{', '}']).enumerate() {
            // Every second part is the name of a field.
            let field = fields.iter().find(|(name, _)| at % 2 == 1 && *name == part);
            match field {
                Some((_, value)) => value.push_to(&mut message),
                None => message.push_str(part),
            }
        }
        message
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
    pub fn not_finite(row: usize, column: usize, value: f64) -> Box<Self> {
        // As floats are formatted, whose tables take 10 KiB in WebAssembly.
        let value = match value {
            f64::INFINITY => "inf",
            f64::NEG_INFINITY => "-inf",
            _ => "NaN",
        };
        Box::new(Self::NotFinite { row, column, value: value.into() })
    }

    /// The same of a block that begins at row `first` of a larger input.
    #[must_use]
    pub fn in_rows_from(mut self: Box<Self>, first: usize) -> Box<Self> {
        if let Self::NotFinite { row, .. } = &mut *self {
            *row = row.saturating_add(first);
        }
        self
    }

    /// For an input or result of that name.
    pub fn out_of_memory(what: impl Into<String>, bytes: usize) -> Box<Self> {
        Box::new(Self::OutOfMemory { what: what.into(), bytes })
    }

    /// Of what was counted, with the name of the input.
    pub fn mismatch(what: impl Into<String>, expected: usize, actual: usize) -> Box<Self> {
        Box::new(Self::Mismatch { what: what.into(), expected, actual })
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message())
    }
}

impl std::error::Error for Error {}
