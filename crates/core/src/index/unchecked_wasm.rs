//! [`Unchecked`] where nothing is mapped: there is none, and nothing of it is compiled.

use std::ops::Range;

use crate::error::Result;

/// Never made.
#[derive(Debug)]
pub(crate) enum Unchecked {}

impl Unchecked {
    pub fn check(&self, _: Range<usize>) -> Result<()> {
        match *self {}
    }

    pub fn check_columns(&self, _: usize, _: impl FnOnce() -> Result<()>) -> Result<()> {
        match *self {}
    }
}
