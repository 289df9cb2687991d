//! What a user chooses among by name.

use crate::error::{Error, Result};
use crate::losses::Loss;

/// Where the rotation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Householder quantization: minimises a loss (arXiv 2311.04207).
    H2q,
    /// Iterative quantization: 50 alternating steps on l2 from a random rotation (Gong & Lazebnik 2011).
    Itq,
    /// A random rotation, uniform over all of them.
    Random,
    /// No rotation: plain sign.
    Identity,
}

/// How `h2q` minimises its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solver {
    /// Majorisation with polar steps on all rows; nothing to tune.
    Auto,
    /// The paper's procedure: mini-batch gradient descent on the reflection vectors.
    Sgd,
}

/// What `h2q` minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// A loss of the coordinates: the rotation brings them close to their signs.
    Quantization(Loss),
    /// How far the rankings by code are from those by cosine of the input: docs/neighbours.md.
    Neighbours,
}

/// Where the b directions come from that are turned, where b < d.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectionSource {
    /// The leading principal directions.
    Pca,
    /// Learnt together with the rotation, by [`Objective::Neighbours`] alone.
    Learned,
}

/// What several methods are compared by, on rows that none of them was fitted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// The lowest loss.
    Loss,
    /// The highest recall of the float neighbours: the share of the 10 nearest rows by cosine of the
    /// input that are among the first 100 by Hamming distance, ties at their expectation.
    Neighbours,
    /// The highest precision of labels among the first 100 by Hamming distance, ties likewise.
    Labels,
}

impl From<Loss> for Objective {
    fn from(loss: Loss) -> Self {
        Self::Quantization(loss)
    }
}

impl Default for Objective {
    fn default() -> Self {
        Self::Quantization(Loss::default())
    }
}

impl Objective {
    /// Parses `neighbours` or what [`Loss::parse`] does.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        if name == Self::Neighbours.name() {
            return Ok(Self::Neighbours);
        }
        Loss::parse(name).map(Self::Quantization).map_err(|_| {
            invalid("loss", name, "one of bit-variance, l2, l1, min-entropy, neighbours")
        })
    }

    /// The name that [`Objective::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quantization(loss) => loss.name(),
            Self::Neighbours => "neighbours",
        }
    }
}

impl ProjectionSource {
    /// Parses `pca` or `learned`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "pca" => Self::Pca,
            "learned" => Self::Learned,
            _ => return Err(invalid("projection", name, "pca or learned")),
        })
    }
}

impl Method {
    /// All methods, from the simplest to the one of this library.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Random, Self::Itq, Self::H2q];

    /// Parses `h2q`, `itq`, `random` or `identity`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "h2q" => Self::H2q,
            "itq" => Self::Itq,
            "random" => Self::Random,
            "identity" => Self::Identity,
            _ => return Err(invalid("method", name, "one of h2q, itq, random, identity")),
        })
    }

    /// The name that [`Method::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::H2q => "h2q",
            Self::Itq => "itq",
            Self::Random => "random",
            Self::Identity => "identity",
        }
    }
}

impl Criterion {
    /// Parses `loss`, `neighbours` or `labels`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "loss" => Self::Loss,
            "neighbours" => Self::Neighbours,
            "labels" => Self::Labels,
            _ => return Err(invalid("criterion", name, "one of loss, neighbours, labels")),
        })
    }
}

impl Solver {
    /// Parses `auto` or `sgd`.
    ///
    /// # Errors
    /// `InvalidOption`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "sgd" => Ok(Self::Sgd),
            _ => Err(invalid("solver", name, "auto or sgd")),
        }
    }

    /// The name that [`Solver::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Sgd => "sgd",
        }
    }
}

pub(super) fn invalid(
    option: &'static str,
    value: impl ToString,
    expected: &'static str,
) -> Box<Error> {
    Box::new(Error::InvalidOption { option, value: value.to_string(), expected })
}
