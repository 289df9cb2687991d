//! Model files whose checksums are put right after the fuzzer has changed them: docs/formats.md, read again.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

const HEADER: usize = 64;

/// Writes the length, the fingerprint and both checksums into the header.
pub fn seal(file: &mut [u8]) {
    let Some((header, payload)) = file.split_at_mut_checked(HEADER) else { return };
    header[16..24].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[24..32].copy_from_slice(&xxh3_64(payload).to_le_bytes());
    if let Some(fingerprint) = fingerprint(payload) {
        header[32..48].copy_from_slice(&fingerprint);
    }
    let checksum = xxh3_64(&header[..56]);
    header[56..64].copy_from_slice(&checksum.to_le_bytes());
}

/// The fingerprint of the sections, where all of them are there.
fn fingerprint(payload: &[u8]) -> Option<[u8; 16]> {
    let shape: Vec<u64> = (0..6)
        .map(|i| Some(u64::from(u32::from_le_bytes(*payload.get(4 * i..)?.first_chunk()?))))
        .collect::<Option<_>>()?;
    let &[dimensions, bits, reflections, has_mean, has_projection, metadata] = &shape[..] else {
        return None;
    };
    let floats = [
        has_mean.min(1).checked_mul(dimensions)?,
        has_projection.min(1).checked_mul(dimensions)?.checked_mul(bits)?,
        reflections.checked_mul(bits)?,
    ];
    let mut at = 64 + metadata.next_multiple_of(64);
    let mut hasher = Xxh3::new();
    let mut section = |bytes: u64| -> Option<&[u8]> {
        let range = usize::try_from(at).ok()?..usize::try_from(at.checked_add(bytes)?).ok()?;
        let section = payload.get(range)?;
        at = at.checked_add(bytes.checked_next_multiple_of(64)?)?;
        Some(section)
    };
    for count in floats {
        hasher.update(&count.to_le_bytes());
        hasher.update(section(count.checked_mul(4)?)?);
    }
    hasher.update(section(bits)?);
    Some(hasher.digest128().to_be_bytes())
}
