//! Values of one type, owned or where they lie in the bytes of a file that somebody has mapped.

use std::fmt;
use std::ops::Deref;
#[cfg(not(target_family = "wasm"))]
use std::ops::Range;
use std::sync::Arc;

use bytemuck::Pod;

/// The bytes of a file, which do not change while they are held.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A slice of `T` that keeps alive what it lies in.
#[derive(Clone)]
pub struct Column<T>(Place<T>);

#[derive(Clone)]
enum Place<T> {
    Owned(Vec<T>),
    /// Nothing is mapped in WebAssembly, and a page should not download it.
    #[cfg(not(target_family = "wasm"))]
    Shared {
        bytes: SharedBytes,
        range: Range<usize>,
    },
}

impl<T: Pod> Column<T> {
    /// Bytes `range` of `bytes` as values. `None` unless they are there, are whole values and stand at an address
    /// that is a multiple of the type's alignment.
    #[cfg(not(target_family = "wasm"))]
    pub fn shared(bytes: &SharedBytes, range: Range<usize>) -> Option<Self> {
        let values = (**bytes).as_ref().get(range.clone())?;
        bytemuck::try_cast_slice::<u8, T>(values).ok()?;
        Some(Self(Place::Shared { bytes: bytes.clone(), range }))
    }

    /// The values, to change. Of a shared column a copy is made.
    pub fn make_mut(&mut self) -> &mut Vec<T> {
        #[cfg(not(target_family = "wasm"))]
        if let Place::Shared { .. } = self.0 {
            self.0 = Place::Owned(self.to_vec());
        }
        match &mut self.0 {
            Place::Owned(values) => values,
            #[cfg(not(target_family = "wasm"))]
            Place::Shared { .. } => unreachable!("it was copied"),
        }
    }

    /// Bytes of memory that it takes: none where it is shared.
    pub fn memory(&self) -> usize {
        match &self.0 {
            Place::Owned(values) => size_of_val(&values[..]),
            #[cfg(not(target_family = "wasm"))]
            Place::Shared { .. } => 0,
        }
    }
}

impl<T> From<Vec<T>> for Column<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Place::Owned(values))
    }
}

impl<T: Pod> Deref for Column<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Place::Owned(values) => values,
            #[cfg(not(target_family = "wasm"))]
            Place::Shared { bytes, range } => {
                bytemuck::cast_slice(&(**bytes).as_ref()[range.clone()])
            }
        }
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for Column<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

impl<T: Pod + PartialEq> PartialEq for Column<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Pod + Eq> Eq for Column<T> {}
