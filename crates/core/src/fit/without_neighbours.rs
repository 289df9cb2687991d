//! In place of `neighbours/` where that is left out (feature `neighbours`): the options refuse it before anything here
//! is asked for.

use super::options::Resolved;
use super::prepare::{Prepared, Split};
use super::run::Run;
use crate::error::{Error, Result};
use crate::parallel::Cancel;

pub(super) const BUILT_IN: bool = false;
/// As few as a fit can have; nobody has any.
pub(super) const EPOCHS: usize = 1;

pub(super) fn has_room(_: usize, _: usize) -> bool {
    false
}

impl Resolved {
    pub(super) fn basis(&self, _: usize) -> Option<usize> {
        None
    }
}

/// There is none, and nobody asks for one.
pub(super) enum Start {}

impl Start {
    pub fn new(_: &Split, _: &Prepared, _: &Resolved, _: &Cancel) -> Result<Self> {
        Err(Error::Aborted.into())
    }

    pub fn run(self, _: Resolved) -> Result<Box<dyn Run>> {
        match self {}
    }
}
