//! Vectors: conversion of element types, and refusals that name the place.

mod support;

use h2q_core::error::Error;
use h2q_core::vectors::{ElementType, Vectors, VectorsBuilder};

#[test]
fn every_element_type_is_converted_whatever_the_slices() {
    let cases: [(&str, Vec<u8>); 5] = [
        ("f2", [0x3c00u16, 0xc000, 0x3800, 0x0000].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ("f4", [1.0f32, -2.0, 0.5, 0.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ("f8", [1.0f64, -2.0, 0.5, 0.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ("u1", vec![1, 254, 128, 0]),
        ("i1", vec![1, 254, 128, 0]),
    ];
    for (name, bytes) in cases {
        let element = ElementType::parse(name).expect("a type");
        let expected = match name {
            "u1" => [1.0, 254.0, 128.0, 0.0],
            "i1" => [1.0, -2.0, -128.0, 0.0],
            _ => [1.0, -2.0, 0.5, 0.0],
        };
        for slice in 1..=4 {
            let mut builder = VectorsBuilder::new(2, 2, 0).expect("a shape");
            for part in bytes.chunks(slice * element.size()) {
                builder.push(part, element).expect("values");
            }
            assert_eq!(builder.finish().expect("all").as_slice(), expected, "{name} by {slice}");
        }
    }
}

#[test]
fn values_that_are_not_finite_are_named_by_row_and_column() {
    for (value, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut values = support::uniform(3000 * 7, 1);
        values[2999 * 7 + 5] = value;
        let expected = Error::NotFinite { row: 2999, column: 5, value: text.into() };
        assert_eq!(*Vectors::new(values.clone(), 7).expect_err("refused"), expected);

        // In slices, and as a block from row 10,000 on.
        let mut builder = VectorsBuilder::new(3000, 7, 10_000).expect("a shape");
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let error =
            bytes.chunks(4 * 1001).find_map(|part| builder.push(part, ElementType::F32).err());
        let expected = Error::NotFinite { row: 12_999, column: 5, value: text.into() };
        assert_eq!(*error.expect("refused"), expected);
    }
    // A float64 that leaves the range of float32.
    let mut builder = VectorsBuilder::new(1, 2, 0).expect("a shape");
    let bytes: Vec<u8> = [1.0f64, 1e300].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(builder.push(&bytes, ElementType::F64).expect_err("range").code(), "NOT_FINITE");
}

#[test]
fn largest_finite_values_are_accepted() {
    let values = vec![f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45];
    assert_eq!(Vectors::new(values.clone(), 2).expect("finite").as_slice(), values);
}

#[test]
fn wrong_shapes_are_refused() {
    assert_eq!(Vectors::new(vec![], 3).expect_err("rows").to_string(), "vectors: no rows");
    assert_eq!(Vectors::new(vec![1.0], 0).expect_err("columns").to_string(), "vectors: no columns");
    assert_eq!(Vectors::new(vec![1.0; 5], 2).expect_err("length").code(), "MISMATCH");
    assert_eq!(VectorsBuilder::new(0, 3, 0).expect_err("rows").code(), "EMPTY_INPUT");
    let error = VectorsBuilder::new(usize::MAX, 2, 0).expect_err("memory");
    assert_eq!(error.code(), "OUT_OF_MEMORY");

    let mut builder = VectorsBuilder::new(1, 2, 0).expect("a shape");
    assert_eq!(builder.push(&[0; 6], ElementType::F32).expect_err("split").code(), "MISMATCH");
    assert_eq!(builder.push(&[0; 12], ElementType::F32).expect_err("many").code(), "MISMATCH");
    builder.push(&[0; 4], ElementType::F32).expect("one value");
    assert_eq!(builder.finish().expect_err("few").code(), "MISMATCH");
    assert_eq!(ElementType::parse("i8").expect_err("type").code(), "INVALID_OPTION");
}

#[test]
fn first_rows_of_any_size_do_not_overflow() {
    let mut builder = VectorsBuilder::new(1, 4096, usize::MAX - 1).expect("a shape");
    let error = builder.push(&f32::NAN.to_le_bytes(), ElementType::F32).expect_err("refused");
    assert_eq!(*error, Error::NotFinite { row: usize::MAX - 1, column: 0, value: "NaN".into() });
}
