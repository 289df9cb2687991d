//! Elements of files on their way to float32: by a builder, a sampler and from where they lie, in pieces of any size,
//! against decoding them one by one.
#![no_main]

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use h2q_core::codes::{Layout, pack_signs};
use h2q_core::error::Error;
use h2q_core::rerank::{RowLayout, Rows, StoredVectors};
use h2q_core::sample::VectorsSampler;
use h2q_core::vectors::{ElementType, Vectors, VectorsBuilder};
use h2q_kernels::elements::first_not_finite;
use libfuzzer_sys::fuzz_target;

const TYPES: [ElementType; 5] =
    [ElementType::F16, ElementType::F32, ElementType::F64, ElementType::U8, ElementType::I8];

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> Result<()> {
    let element = TYPES[u.choose_index(TYPES.len())?];
    let columns = u.int_in_range(1..=9)?;
    let keep = u.int_in_range(1..=20)?;
    let seed = u.arbitrary()?;
    let first_row = u.int_in_range(0..=1000)?;
    let pieces = u.arbitrary::<[u8; 4]>()?;
    // What is not finite may lie behind the first block that is looked at.
    let zeros = if u.ratio(1, 16)? { u.int_in_range(4000..=8300)? } else { 0 };
    let is_counted = u.arbitrary()?;
    let mut bytes = vec![0; zeros * element.size()];
    bytes.extend_from_slice(u.peek_bytes(u.len()).unwrap_or_default());
    let row_bytes = columns * element.size();
    let rows = bytes.len() / row_bytes;
    if rows == 0 {
        return Ok(());
    }
    let bytes = &bytes[..rows * row_bytes];
    let values: Vec<f32> = bytes.chunks(element.size()).map(|b| decoded(element, b)).collect();
    let first_bad = values.iter().position(|x| !x.is_finite());
    assert_eq!(first_not_finite(&values), first_bad);
    // A NaN is told as such, whatever its bits.
    let refused = |first_row: usize| {
        first_bad.map(|at| {
            Box::new(Error::NotFinite {
                row: first_row + at / columns,
                column: at % columns,
                value: values[at].to_string(),
            })
        })
    };

    let built = build(bytes, element, (rows, columns, first_row), &pieces);
    assert_eq!(built.as_ref().err(), refused(first_row).as_ref());
    if let Ok(built) = &built {
        assert_eq!(bits(built.as_slice()), bits(&values));
        signs(&values);
    }
    let sampled = sample(bytes, element, (rows, columns), (keep, seed), &[rows as u8]);
    let in_pieces = sample(bytes, element, (rows, columns), (keep, seed), &pieces);
    assert_eq!(sampled, in_pieces, "pieces of the sampler");
    match sampled {
        Err(error) => assert_eq!(Some(error), refused(0)),
        Ok((kept, numbers)) => {
            assert_eq!(numbers.len(), keep.min(rows));
            assert!(numbers.is_sorted_by(|a, b| a < b) && numbers.iter().all(|row| *row < rows));
            let chosen: Vec<f32> = numbers
                .iter()
                .flat_map(|row| &values[row * columns..][..columns])
                .copied()
                .collect();
            assert_eq!(bits(kept.as_slice()), bits(&chosen));
        }
    }
    stored(bytes, (element, columns, rows), &values, is_counted);
    Ok(())
}

/// Bit by bit.
fn decoded(element: ElementType, bytes: &[u8]) -> f32 {
    match element {
        ElementType::F16 => half_of(u16::from_le_bytes([bytes[0], bytes[1]])),
        ElementType::F32 => f32::from_le_bytes(bytes.try_into().expect("4 bytes")),
        ElementType::F64 => f64::from_le_bytes(bytes.try_into().expect("8 bytes")) as f32,
        ElementType::U8 => bytes[0] as f32,
        ElementType::I8 => bytes[0].cast_signed() as f32,
    }
}

/// IEEE 754: a sign, five bits of exponent, ten of a fraction.
fn half_of(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (
        if bits >> 15 == 1 { -1.0 } else { 1.0 },
        i32::from(bits >> 10 & 31),
        f32::from(bits & 1023),
    );
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    sign * size
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Rising borders that `sizes` ask for, in units of `unit` bytes.
fn cut<'a>(bytes: &'a [u8], unit: usize, sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let (mut rest, mut turn) = (bytes, 0);
    std::iter::from_fn(move || {
        let wanted = (1 + usize::from(sizes[turn % sizes.len()])) * unit;
        turn += 1;
        let (now, later) = rest.split_at(wanted.min(rest.len()));
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

fn build(
    bytes: &[u8],
    element: ElementType,
    (rows, columns, first_row): (usize, usize, usize),
    pieces: &[u8],
) -> h2q_core::error::Result<Vectors> {
    let mut builder = VectorsBuilder::new(rows, columns, first_row)?;
    for piece in cut(bytes, element.size(), pieces) {
        builder.push(piece, element)?;
    }
    builder.push(&[0; 8], element).expect_err("more than was announced");
    builder.finish()
}

fn sample(
    bytes: &[u8],
    element: ElementType,
    (rows, columns): (usize, usize),
    (keep, seed): (usize, u64),
    pieces: &[u8],
) -> h2q_core::error::Result<(Vectors, Vec<usize>)> {
    let mut sampler = VectorsSampler::new(rows, columns, keep, seed)?;
    for piece in cut(bytes, columns * element.size(), pieces) {
        sampler.push(piece, element)?;
    }
    sampler.finish()
}

/// Both orders of bits, one value after the other.
fn signs(values: &[f32]) {
    let values = &values[..values.len() / 8 * 8];
    let orders: [(Layout, fn(usize) -> usize); 2] =
        [(Layout::Lsb, |j| j % 8), (Layout::Msb, |j| 7 - j % 8)];
    for (layout, bit) in orders {
        let mut packed = vec![0x5a; values.len() / 8];
        pack_signs(values, layout, &mut packed);
        for (j, value) in values.iter().enumerate() {
            assert_eq!(packed[j / 8] >> bit(j) & 1 == 1, *value >= 0.0, "value {j}, {value}");
        }
    }
}

/// Rows where they lie in a file, each behind its number of values or not.
fn stored(
    bytes: &[u8],
    (element, columns, rows): (ElementType, usize, usize),
    values: &[f32],
    counted: bool,
) {
    let row_bytes = columns * element.size();
    let mut file = vec![0xee; 5];
    for row in bytes.chunks(row_bytes) {
        if counted {
            file.extend_from_slice(&(columns as u32).to_le_bytes());
        }
        file.extend_from_slice(row);
    }
    let layout = RowLayout { rows, columns, element, first: 5, counted };
    let longer = RowLayout { rows: rows + 1, ..layout };
    StoredVectors::new(Arc::new(file.clone()), longer).expect_err("a row that is not there");
    let stored = StoredVectors::new(Arc::new(file), layout).expect("rows");
    assert_eq!((stored.rows(), stored.columns()), (rows, columns));
    let mut buffer = Vec::new();
    for (row, wanted) in values.chunks(columns).enumerate().take(40) {
        let is_finite = wanted.iter().all(|x| x.is_finite());
        match stored.read(row, &mut buffer) {
            Ok(read) => assert!(is_finite && bits(read) == bits(wanted), "row {row}"),
            Err(error) => assert!(!is_finite && error.code() == "NOT_FINITE", "{error}"),
        }
    }
}
