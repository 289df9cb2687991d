//! In place of `parts.rs` where fits by the loss `neighbours` are left out, the only ones that are so long: all work has one
//! part, and nothing is `async`. That takes a kilobyte less.

pub(crate) use crate::parallel::{fill_chunks, map_steps};

macro_rules! in_parts {
    ($($function:tt)*) => { $($function)* };
}

macro_rules! whole {
    ($work:expr) => {
        $work
    };
}

pub(crate) use {in_parts, whole};

/// There is no part that it could end.
pub(crate) fn pause() {}

/// What came of work that is over.
pub(crate) struct Parts<T>(Option<T>);

impl<T> Parts<T> {
    pub fn new(result: T) -> Self {
        Self(Some(result))
    }

    pub fn next(&mut self) -> Option<T> {
        self.0.take()
    }
}

/// Nothing is left to do.
pub(crate) fn finished<T>(result: T) -> T {
    result
}
