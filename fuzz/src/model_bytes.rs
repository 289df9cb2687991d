//! Model files whose checksums are put right after the fuzzer has changed them: docs/formats.md, read again.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

const HEADER: usize = 64;

/// Writes the length, the fingerprint and both checksums into the header.
pub fn seal(file: &mut [u8]) {
    let Some((header, payload)) = file.split_at_mut_checked(HEADER) else { return };
    header[16..24].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[24..32].copy_from_slice(&xxh3_64(payload).to_le_bytes());
    if let Some(fingerprint) = fingerprint(payload, header[8] == 2) {
        header[32..48].copy_from_slice(&fingerprint);
    }
    let checksum = xxh3_64(&header[..56]);
    header[56..64].copy_from_slice(&checksum.to_le_bytes());
}

/// The fingerprint of the sections, where all of them are there.
fn fingerprint(payload: &[u8], has_head: bool) -> Option<[u8; 16]> {
    let mut sections = Sections { payload, next: 0 };
    let shape = sections.numbers(6)?;
    let &[dimensions, bits, reflections, has_mean, has_projection, metadata] = &shape[..] else {
        return None;
    };
    sections.take(metadata)?;
    let mut parts = vec![
        sections.floats(has_mean.min(1), dimensions)?,
        sections.floats(has_projection.min(1).checked_mul(dimensions)?, bits)?,
        sections.floats(reflections, bits)?,
    ];
    let signs = sections.take(bits)?;
    if has_head {
        // Its parts come last in the file, and first in the fingerprint.
        let mut head = sections.head()?;
        head.append(&mut parts);
        parts = head;
    }
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(&(part.len() as u64 / 4).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(signs);
    Some(hasher.digest128().to_be_bytes())
}

struct Sections<'a> {
    payload: &'a [u8],
    next: usize,
}

impl<'a> Sections<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let end = self.next.checked_add(bytes)?;
        let section = self.payload.get(self.next..end)?;
        self.next = end.checked_next_multiple_of(64)?;
        Some(section)
    }

    fn floats(&mut self, rows: usize, columns: usize) -> Option<&'a [u8]> {
        self.take(rows.checked_mul(columns)?.checked_mul(4)?)
    }

    fn numbers(&mut self, count: usize) -> Option<Vec<usize>> {
        let words = self.take(count * 4)?.as_chunks::<4>().0;
        Some(words.iter().map(|word| u32::from_le_bytes(*word) as usize).collect())
    }

    /// Mean, and weights and bias of each layer.
    fn head(&mut self) -> Option<Vec<&'a [u8]>> {
        let layers = u32::from_le_bytes(*self.payload.get(self.next..)?.first_chunk()?).min(9);
        let sizes = self.numbers(2 + layers as usize)?;
        let mut parts = vec![self.floats(1, sizes[1])?];
        for size in sizes[1..].windows(2) {
            parts.push(self.floats(size[0], size[1])?);
            parts.push(self.floats(1, size[1])?);
        }
        Some(parts)
    }
}
