//! [`Unchecked`] where nothing is mapped: there is none, and nothing of it is compiled.

use std::ops::Range;

use crate::error::Result;

/// Never made.
#[derive(Debug)]
pub(crate) enum Unchecked {}

impl Unchecked {
    pub fn check(&self, _: Range<usize>, _: impl Fn(Range<usize>) -> Result<()>) -> Result<()> {
        match *self {}
    }

    pub fn check_columns(
        &self,
        _: usize,
        _: impl Fn(Range<usize>) -> Result<()>,
        _: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        match *self {}
    }
}
