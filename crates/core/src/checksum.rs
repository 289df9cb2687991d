//! XXH3 of bytes, 64 bits.

/// What files keep beside their parts.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    if !cfg!(target_family = "wasm") {
        return xxhash_rust::xxh3::xxh3_64(bytes);
    }
    // The same by the hasher of streams, whose code a page downloads anyway.
    let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
    hasher.update(bytes);
    hasher.digest()
}
