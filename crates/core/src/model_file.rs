//! The bytes of a model file; docs/formats.md is the specification.

use std::ops::Range;
use std::sync::Arc;

use crate::checksum::checksum;
use crate::error::{Error, Result};
use crate::fingerprint::fingerprint;
use crate::head::{Head, HeadSummary, Layer, MAX_LAYERS};
use crate::json;
use crate::linalg::to_row_major;
use crate::model::{MAX_DIMENSIONS, Model, Summary};
use crate::rotation::Rotation;
use crate::text;
use faer::Mat;

const MAGIC: &[u8; 8] = b"H2QMODEL";
const VERSION: u32 = 1;
/// Of files whose model has a head.
const VERSION_WITH_HEAD: u32 = 2;
const ALIGNMENT: usize = 64;
const HEADER: usize = 64;
const SHAPE: usize = 6 * 4;

/// Makes summaries of the JSON object in a model file, or says what is wrong. The second is of use where there
/// is a head.
pub type SummaryReader<'a> =
    &'a dyn Fn(&[u8]) -> std::result::Result<(Summary, HeadSummary), String>;

impl Model {
    /// The model as a file of version 1, of version 2 where it has a head.
    #[cfg(feature = "json")]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.write(json::to_text(self.metadata()))
    }

    /// What a file says of how the model was made.
    pub fn metadata(&self) -> Vec<json::Member> {
        let mut members = self.summary().members();
        members.extend(self.head().into_iter().flat_map(|head| head.summary().members()));
        members
    }

    /// [`Model::to_bytes`] where `metadata` is [`Model::metadata`] as a JSON object.
    pub fn write(&self, metadata: Vec<u8>) -> Vec<u8> {
        let rotation = self.rotation();
        let (dimensions, bits) = (self.embedding_dimensions(), self.bits());
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
        let mut sections = vec![
            shape.iter().flat_map(|&n| (n as u32).to_le_bytes()).collect(),
            metadata,
            float_bytes(self.mean().unwrap_or_default()),
            float_bytes(&projection),
            float_bytes(&rotation.reflections),
            signs,
        ];
        if let Some(head) = self.head() {
            sections.extend(head_sections(head));
        }
        let version = if self.head().is_some() { VERSION_WITH_HEAD } else { VERSION };
        let mut payload = Vec::new();
        for section in sections {
            payload.extend_from_slice(&section);
            payload.resize(payload.len().next_multiple_of(ALIGNMENT), 0);
        }
        let mut file = header(version, &payload, self.fingerprint());
        file.extend_from_slice(&payload);
        file
    }

    /// Reads what [`Model::to_bytes`] wrote.
    ///
    /// # Errors
    /// `ModelFormat` naming what is wrong: another kind of file, a newer version, truncated, damaged.
    #[cfg(feature = "json")]
    pub fn from_bytes(file: &[u8]) -> Result<Self> {
        Self::read(file, &|metadata| {
            let find = json::find(metadata)?;
            Ok((Summary::from_members(&find)?, HeadSummary::from_members(&find)))
        })
    }

    /// [`Model::from_bytes`] with a [`SummaryReader`].
    ///
    /// # Errors
    /// As [`Model::from_bytes`].
    pub fn read(file: &[u8], summary: SummaryReader) -> Result<Self> {
        let (version, payload, announced) = check_header(file)?;
        let Parts { head, mean, projection, rotation, summary } = parse(version, payload, summary)?;
        let own = fingerprint(head.as_ref(), mean.as_deref(), projection.as_ref(), &rotation);
        if own != announced {
            return Err(bad("the fingerprint does not belong to its contents"));
        }
        let damaged = |_| bad("its contents contradict each other");
        let model = Model::with_fingerprint(mean, projection, rotation, summary, announced)
            .map_err(damaged)?;
        match head {
            Some(head) => model.behind(Arc::new(head), announced).map_err(damaged),
            None => Ok(model),
        }
    }
}

/// Sizes, mean, and weights and bias of each layer.
fn head_sections(head: &Head) -> Vec<Vec<u8>> {
    let outputs = head.layers().iter().map(|layer| layer.bias.len());
    let sizes = [head.layers().len(), head.dimensions()].into_iter().chain(outputs);
    let mut sections = vec![
        sizes.flat_map(|n| (n as u32).to_le_bytes()).collect::<Vec<u8>>(),
        float_bytes(head.mean()),
    ];
    for layer in head.layers() {
        sections.push(float_bytes(&layer.weights));
        sections.push(float_bytes(&layer.bias));
    }
    sections
}

fn header(version: u32, payload: &[u8], fingerprint: [u8; 16]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER + payload.len());
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&version.to_le_bytes());
    header.extend_from_slice(&(HEADER as u32).to_le_bytes());
    header.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    header.extend_from_slice(&checksum(payload).to_le_bytes());
    header.extend_from_slice(&fingerprint);
    header.extend_from_slice(&[0; 8]);
    header.extend_from_slice(&checksum(&header).to_le_bytes());
    header
}

/// Version, payload and fingerprint, once every check of the header has passed.
fn check_header(file: &[u8]) -> Result<(u32, &[u8], [u8; 16])> {
    if !file.starts_with(MAGIC) {
        return Err(bad("it does not start with H2QMODEL"));
    }
    let Some((header, payload)) = file.split_at_checked(HEADER) else {
        return Err(bad("it is truncated within the header"));
    };
    if checksum(&header[..56]) != u64_at(header, 56) {
        return Err(bad("the header is damaged"));
    }
    let version = u32_at(header, 8);
    if ![VERSION, VERSION_WITH_HEAD].contains(&version) {
        return Err(bad(&text!["it has version ", version, ", this reads versions 1 and 2"]));
    }
    let announced = u64_at(header, 16);
    if u32_at(header, 12) as usize != HEADER || payload.len() as u64 != announced {
        let actual = payload.len();
        return Err(bad(&text![announced, " bytes were announced, ", actual, " are there"]));
    }
    if checksum(payload) != u64_at(header, 24) {
        return Err(bad("its contents are damaged"));
    }
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&header[32..48]);
    Ok((version, payload, fingerprint))
}

struct Parts {
    head: Option<Head>,
    mean: Option<Vec<f32>>,
    projection: Option<Mat<f32>>,
    rotation: Rotation,
    summary: Summary,
}

/// A checksum is no proof of good will, so every size is checked again.
fn parse(version: u32, payload: &[u8], summary: SummaryReader) -> Result<Parts> {
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
    let (mut summary, head_summary) = summary(sections.take(metadata, 1)?)
        .map_err(|problem| bad(&["its metadata cannot be read: ", &problem].concat()))?;
    let mean = sections.floats(has_mean, dimensions)?;
    let projection = sections.floats(has_projection * dimensions, bits)?;
    let vectors = sections.floats(reflections, bits)?;
    let signs: Vec<i8> = sections.take(bits, 1)?.iter().map(|&byte| byte as i8).collect();
    let head = match version {
        VERSION_WITH_HEAD => Some(parse_head(&mut sections, head_summary)?),
        _ => None,
    };
    if sections.next != payload.len() || signs.iter().any(|sign| !matches!(sign, -1 | 1)) {
        return Err(bad("its rotation is malformed"));
    }
    let inputs = head.as_ref().map_or(dimensions, Head::dimensions);
    if (summary.dimensions, summary.bits) != (inputs, bits) {
        return Err(bad("its metadata contradict its shape"));
    }
    // Until the head is in its place again.
    summary.dimensions = dimensions;
    let rotation = Rotation { dimensions: bits, reflections: vectors, signs };
    let projection = (has_projection == 1)
        .then(|| Mat::from_fn(dimensions, bits, |i, j| projection[i * bits + j]));
    Ok(Parts { head, mean: (has_mean == 1).then_some(mean), projection, rotation, summary })
}

fn parse_head(sections: &mut Sections, summary: HeadSummary) -> Result<Head> {
    let start = sections.next;
    let count = u32_at(sections.take(1, 4)?, 0) as usize;
    if !(1..=MAX_LAYERS).contains(&count) {
        return Err(bad("its head has an impossible number of layers"));
    }
    sections.next = start;
    let sizes = sections.take(2 + count, 4)?;
    let sizes: Vec<usize> = (1..2 + count).map(|i| u32_at(sizes, 4 * i) as usize).collect();
    if sizes.iter().any(|size| !(1..=MAX_DIMENSIONS).contains(size)) {
        return Err(bad("its head has a layer of an impossible size"));
    }
    let mean = sections.floats(1, sizes[0])?;
    let mut layers = Vec::with_capacity(count);
    for size in sizes.windows(2) {
        let weights = sections.floats(size[0], size[1])?;
        layers.push(Layer { weights, bias: sections.floats(1, size[1])? });
    }
    Head::new(mean, layers, summary).map_err(|_| bad("its head contradicts itself"))
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

fn bad(reason: &str) -> Box<Error> {
    Box::new(Error::ModelFormat { reason: reason.into() })
}
