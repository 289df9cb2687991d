//! Memory that may not be there.

use crate::error::{Error, Result};

/// A buffer of zeros.
///
/// # Errors
/// `OutOfMemory`.
pub fn zeros<T: Clone + Default>(length: usize, what: &str) -> Result<Vec<T>> {
    let mut buffer = Vec::new();
    let bytes = length.saturating_mul(size_of::<T>());
    buffer.try_reserve_exact(length).map_err(|_| Error::out_of_memory(what, bytes))?;
    buffer.resize(length, T::default());
    Ok(buffer)
}

/// Room for `more` hits, or `OutOfMemory`.
pub fn reserve<T>(buffer: &mut Vec<T>, more: usize) -> Result<()> {
    let bytes = (buffer.len() + more).saturating_mul(size_of::<T>());
    buffer.try_reserve(more).map_err(|_| Error::out_of_memory("hits", bytes))
}
