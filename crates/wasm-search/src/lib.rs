//! The small WASM module: encoding and searching, nothing else. It is a page's download, so it holds loops alone. Files are
//! taken apart, and objects kept, by TypeScript (`ts/small`), which takes a fifth of the bytes for that.
//!
//! Everything here takes addresses of memory that came from [`reserve`], or numbers, and believes its caller; no
//! address is kept. There is no wasm-bindgen and nothing is imported.

mod encode;
mod search;

use std::alloc::{Layout, alloc_zeroed, dealloc, realloc};

use xxhash_rust::xxh3::Xxh3Default;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Of all memory: that of a line of codes.
const ALIGNMENT: usize = 64;

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()
}

/// Memory of so many zeros; null where it cannot be had.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(bytes: usize) -> *mut u8 {
    match layout(bytes) {
        // SAFETY: the layout has at least one byte.
        Some(layout) => unsafe { alloc_zeroed(layout) },
        None => std::ptr::null_mut(),
    }
}

/// Gives back all but the first `kept` of `bytes`; where the rest is now.
///
/// # Safety
/// `memory` came from [`reserve`] for `bytes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shrink(memory: *mut u8, bytes: usize, kept: usize) -> *mut u8 {
    match layout(bytes) {
        // SAFETY: as the caller promises.
        Some(layout) => unsafe { realloc(memory, layout, kept.max(1)) },
        None => memory,
    }
}

/// Gives memory back.
///
/// # Safety
/// As [`shrink`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn release(memory: *mut u8, bytes: usize) {
    if let Some(layout) = layout(bytes) {
        // SAFETY: as the caller promises.
        unsafe { dealloc(memory, layout) }
    }
}

/// XXH3-64 of bytes.
///
/// # Safety
/// They are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn checksum(bytes: *const u8, length: usize) -> u64 {
    let mut hasher = Xxh3Default::new();
    // SAFETY: as the caller promises.
    hasher.update(unsafe { slice(bytes, length) });
    hasher.digest()
}

/// So many values from `first` on.
///
/// # Safety
/// They are there and nobody changes them; any alignment will do for none.
unsafe fn slice<'a, T>(first: *const T, length: usize) -> &'a [T] {
    if length == 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(first, length) }
}

/// [`slice`] to write to.
///
/// # Safety
/// As there, and nobody else reads them.
unsafe fn slice_mut<'a, T>(first: *mut T, length: usize) -> &'a mut [T] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts_mut(first, length) }
}
