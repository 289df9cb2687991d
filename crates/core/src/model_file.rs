//! The bytes of a model file; docs/formats.md is the specification.

use std::ops::Range;

use faer::Mat;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};
#[cfg(feature = "json")]
use crate::json;
use crate::linalg::to_row_major;
use crate::model::{MAX_DIMENSIONS, Model, Summary, fingerprint};
use crate::rotation::Rotation;

const MAGIC: &[u8; 8] = b"H2QMODEL";
const VERSION: u32 = 1;
const ALIGNMENT: usize = 64;
const HEADER: usize = 64;
const SHAPE: usize = 6 * 4;

/// Makes a [`Summary`] of the JSON object in a model file, or says what is wrong.
pub type SummaryReader<'a> = &'a dyn Fn(&[u8]) -> std::result::Result<Summary, String>;

impl Model {
    /// The model as a file of version 1.
    #[cfg(feature = "json")]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.write(json::to_text(self.summary().members()))
    }

    /// [`Model::to_bytes`] where `metadata` is [`Summary::members`] as a JSON object.
    pub fn write(&self, metadata: Vec<u8>) -> Vec<u8> {
        let rotation = self.rotation();
        let (dimensions, bits) = (self.dimensions(), self.bits());
        let shape = [
            dimensions,
            bits,
            rotation.reflections.len() / bits,
            usize::from(self.mean().is_some()),
            usize::from(self.projection().is_some()),
            metadata.len(),
        ];
        let projection = self.projection().map(|p| to_row_major(p.as_ref())).unwrap_or_default();
        let signs: Vec<u8> = rotation.signs.iter().map(|&sign| sign as u8).collect();
        let sections = [
            shape.iter().flat_map(|&n| (n as u32).to_le_bytes()).collect(),
            metadata,
            float_bytes(self.mean().unwrap_or_default()),
            float_bytes(&projection),
            float_bytes(&rotation.reflections),
            signs,
        ];
        let mut payload = Vec::new();
        for section in sections {
            payload.extend_from_slice(&section);
            payload.resize(payload.len().next_multiple_of(ALIGNMENT), 0);
        }
        let mut file = header(&payload, self.fingerprint());
        file.extend_from_slice(&payload);
        file
    }

    /// Reads what [`Model::to_bytes`] wrote.
    ///
    /// # Errors
    /// `ModelFormat` naming what is wrong: another kind of file, a newer version, truncated, damaged.
    #[cfg(feature = "json")]
    pub fn from_bytes(file: &[u8]) -> Result<Self> {
        Self::read(file, &|metadata| Summary::from_members(json::find(metadata)?))
    }

    /// [`Model::from_bytes`] with a [`SummaryReader`].
    ///
    /// # Errors
    /// As [`Model::from_bytes`].
    pub fn read(file: &[u8], summary: SummaryReader) -> Result<Self> {
        let (payload, announced) = check_header(file)?;
        let (mean, projection, rotation, summary) = parse(payload, summary)?;
        if fingerprint(mean.as_deref(), projection.as_ref(), &rotation) != announced {
            return Err(bad("the fingerprint does not belong to its contents"));
        }
        let damaged = |_| bad("its contents contradict each other");
        Model::new(mean, projection, rotation, summary).map_err(damaged)
    }
}

fn header(payload: &[u8], fingerprint: [u8; 16]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER + payload.len());
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&(HEADER as u32).to_le_bytes());
    header.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    header.extend_from_slice(&xxh3_64(payload).to_le_bytes());
    header.extend_from_slice(&fingerprint);
    header.extend_from_slice(&[0; 8]);
    header.extend_from_slice(&xxh3_64(&header).to_le_bytes());
    header
}

/// The payload and the fingerprint, once every check of the header has passed.
fn check_header(file: &[u8]) -> Result<(&[u8], [u8; 16])> {
    if !file.starts_with(MAGIC) {
        return Err(bad("it does not start with H2QMODEL"));
    }
    let Some((header, payload)) = file.split_at_checked(HEADER) else {
        return Err(bad("it is truncated within the header"));
    };
    if xxh3_64(&header[..56]) != u64_at(header, 56) {
        return Err(bad("the header is damaged"));
    }
    let version = u32_at(header, 8);
    if version != VERSION {
        return Err(bad(&format!("it has version {version}, this reads version {VERSION}")));
    }
    let announced = u64_at(header, 16);
    if u32_at(header, 12) as usize != HEADER || payload.len() as u64 != announced {
        let actual = payload.len();
        return Err(bad(&format!("{announced} bytes were announced, {actual} are there")));
    }
    if xxh3_64(payload) != u64_at(header, 24) {
        return Err(bad("its contents are damaged"));
    }
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&header[32..48]);
    Ok((payload, fingerprint))
}

type Parts = (Option<Vec<f32>>, Option<Mat<f32>>, Rotation, Summary);

/// A checksum is no proof of good will, so every size is checked again.
fn parse(payload: &[u8], summary: SummaryReader) -> Result<Parts> {
    let mut sections = Sections { payload, next: 0 };
    let shape = sections.take(SHAPE, 1)?;
    let shape: Vec<usize> = (0..6).map(|i| u32_at(shape, 4 * i) as usize).collect();
    let &[dimensions, bits, reflections, has_mean, has_projection, metadata] = &shape[..] else {
        return Err(bad("its shape is incomplete"));
    };
    let well_formed = bits > 0
        && dimensions <= MAX_DIMENSIONS
        && bits.is_multiple_of(8)
        && reflections <= bits
        && has_mean <= 1
        && has_projection <= 1
        && if has_projection == 1 { bits < dimensions } else { bits == dimensions };
    if !well_formed {
        return Err(bad("its shape is impossible"));
    }
    let summary = summary(sections.take(metadata, 1)?)
        .map_err(|problem| bad(&["its metadata cannot be read: ", &problem].concat()))?;
    if (summary.dimensions, summary.bits) != (dimensions, bits) {
        return Err(bad("its metadata contradict its shape"));
    }
    let mean = sections.floats(has_mean, dimensions)?;
    let projection = sections.floats(has_projection * dimensions, bits)?;
    let vectors = sections.floats(reflections, bits)?;
    let signs: Vec<i8> = sections.take(bits, 1)?.iter().map(|&byte| byte as i8).collect();
    if sections.next != payload.len() || signs.iter().any(|sign| sign.abs() != 1) {
        return Err(bad("its rotation is malformed"));
    }
    let rotation = Rotation { dimensions: bits, reflections: vectors, signs };
    let projection = (has_projection == 1)
        .then(|| Mat::from_fn(dimensions, bits, |i, j| projection[i * bits + j]));
    Ok(((has_mean == 1).then_some(mean), projection, rotation, summary))
}

struct Sections<'a> {
    payload: &'a [u8],
    next: usize,
}

impl<'a> Sections<'a> {
    /// The next section, of `count` elements of `size` bytes.
    fn take(&mut self, count: usize, size: usize) -> Result<&'a [u8]> {
        let range: Option<Range<usize>> = count
            .checked_mul(size)
            .and_then(|bytes| self.next.checked_add(bytes))
            .map(|end| self.next..end);
        let section = range.and_then(|range| self.payload.get(range));
        let section = section.ok_or_else(|| bad("a section reaches past its end"))?;
        self.next = (self.next + section.len()).next_multiple_of(ALIGNMENT);
        Ok(section)
    }

    fn floats(&mut self, rows: usize, columns: usize) -> Result<Vec<f32>> {
        let count = rows.checked_mul(columns).ok_or_else(|| bad("a section is too large"))?;
        let bytes = self.take(count, 4)?;
        let values: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(bad("it holds a value that is not finite"));
        }
        Ok(values)
    }
}

fn float_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn bad(reason: &str) -> Error {
    Error::ModelFormat { reason: reason.into() }
}
