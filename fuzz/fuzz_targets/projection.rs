//! Models of any mean, projection and rotation: rows are transformed the same alone, in any batch and on any number
//! of threads, near what float64 gives, and encoded as the signs of that.
#![no_main]

use arbitrary::{Result, Unstructured};
use faer::Mat;
use h2q_core::codes::{Layout, pack_signs};
use h2q_core::fit::{Method, SolverName};
use h2q_core::losses::Loss;
use h2q_core::model::{Model, Summary};
use h2q_core::parallel::Cancel;
use h2q_core::rotation::Rotation;
use h2q_core::vectors::Vectors;
use h2q_fuzz::random::Random;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> Result<()> {
    let most = if u.arbitrary()? { 5 } else { 11 };
    let bits = 8 * u.int_in_range(1..=most)?;
    let has_projection: bool = u.arbitrary()?;
    let dimensions = bits + if has_projection { u.int_in_range(1..=40)? } else { 0 };
    let rows = u.int_in_range(1..=40)?;
    // Exponents of values: all moderate, or up to the ends of the range of float32.
    let widths = [2, 2, 30, 120];
    let mut random = Random(u.arbitrary::<u32>()?.into());
    let mut values = |u: &mut Unstructured, count: usize| -> Result<Vec<f32>> {
        let (width, zeros) = (widths[u.int_in_range(0..=3)?], u.int_in_range(0..=3)?);
        let mut values: Vec<f32> = (0..count).map(|_| float(&mut random, width, zeros)).collect();
        // Some as the fuzzer has them.
        for _ in 0..u.int_in_range(0..=3)? {
            let (at, value) = (u.choose_index(count)?, u.arbitrary::<f32>()?);
            values[at] = if value.is_finite() { value } else { 0.0 };
        }
        Ok(values)
    };
    let mean = match u.arbitrary()? {
        true => Some(values(u, dimensions)?),
        false => None,
    };
    let projection = match has_projection {
        true => Some(values(u, dimensions * bits)?),
        false => None,
    };
    let mut rotation = Rotation::identity(bits);
    if u.arbitrary()? {
        let count = u.int_in_range(1..=bits)?;
        rotation.reflections = values(u, bits * count)?;
    }
    rotation.signs = (0..bits).map(|i| if (i * 7) % 3 == 0 { -1 } else { 1 }).collect();
    let vectors = Vectors::new(values(u, rows * dimensions)?, dimensions).expect("finite values");
    let projection = projection.map(|p| Mat::from_fn(dimensions, bits, |i, j| p[i * bits + j]));
    let has_zero = rotation.reflections.chunks(bits).any(|v| v.iter().all(|x| *x == 0.0));
    let model = match Model::new(mean, projection, rotation, summary(dimensions, bits)) {
        Ok(model) => model,
        Err(error) => {
            assert!(has_zero, "{error}");
            return Ok(());
        }
    };
    assert!(!has_zero);
    compare(&model, &vectors);
    Ok(())
}

fn float(random: &mut Random, width: usize, zeros: usize) -> f32 {
    if random.below(8) < zeros {
        return if random.below(2) == 0 { 0.0 } else { -0.0 };
    }
    random.float() * 2f32.powi(random.below(2 * width) as i32 - width as i32)
}

fn summary(dimensions: usize, bits: usize) -> Summary {
    Summary {
        rows: 1,
        dimensions,
        bits,
        method: Method::Random,
        loss: Loss::L2.into(),
        solver: SolverName::Auto,
        seed: 0,
        epochs: 0,
        seconds: None,
        train_loss: 0.0,
        validation_loss: 0.0,
        orthogonality_error: 0.0,
    }
}

fn compare(model: &Model, vectors: &Vectors) {
    let (never, bits) = (Cancel::default(), model.bits());
    let transformed = model.transform(vectors, 1, &never);
    assert_eq!(model.transform(vectors, 3, &never).map(to_bits), transformed.clone().map(to_bits));
    for layout in [Layout::Lsb, Layout::Msb] {
        let encoded = model.encode(vectors, layout, 3, &never);
        assert_eq!(model.encode(vectors, layout, 1, &never), encoded);
        match (&transformed, encoded) {
            (Ok(z), Ok(codes)) => {
                let mut signs = vec![0; z.len() / 8];
                pack_signs(z, layout, &mut signs);
                assert_eq!(codes.as_bytes(), signs);
            }
            (z, encoded) => assert_eq!(z.as_ref().err(), encoded.as_ref().err()),
        }
    }
    let weights = weights(model);
    let mut first_out = None;
    for row in 0..vectors.rows() {
        let alone = Vectors::new(vectors.row(row).to_vec(), vectors.columns()).expect("a row");
        match model.transform(&alone, 1, &never) {
            Ok(z) => {
                if let Ok(all) = &transformed {
                    assert_eq!(to_bits(z.clone()), to_bits(all[row * bits..][..bits].to_vec()));
                }
                near(model, &weights, vectors.row(row), &z);
            }
            Err(_) => first_out = first_out.or(Some(row)),
        }
    }
    let expected = first_out.map(|row| h2q_core::error::Error::OutOfRange { row });
    assert_eq!(transformed.err().map(|error| *error), expected);
}

/// The whole linear map, d x bits.
fn weights(model: &Model) -> Mat<f64> {
    let rotation = model.rotation().matrix().expect("a rotation");
    match model.projection() {
        Some(p) => Mat::from_fn(model.dimensions(), model.bits(), |i, k| {
            (0..model.bits()).map(|j| f64::from(p[(i, j)]) * rotation[(j, k)]).sum()
        }),
        None => rotation,
    }
}

/// Within what an order of summation in float32 may differ by, the rounding of the weights included.
fn near(model: &Model, weights: &Mat<f64>, row: &[f32], z: &[f32]) {
    let dimensions = model.dimensions();
    let (largest, cancelled) = (largest(row, model), cancelled(model, row));
    for (j, z) in z.iter().enumerate() {
        let (mut sum, mut size) = (0.0, 0.0);
        for (k, x) in row.iter().enumerate() {
            let centered = f64::from(*x) - model.mean().map_or(0.0, |mean| f64::from(mean[k]));
            sum += centered * weights[(k, j)];
            // The difference is rounded before the product, to what float32 has of both.
            size += centered.abs() * weights[(k, j)].abs();
        }
        let smallest = f64::from(f32::from_bits(1));
        let bound = 2.0 * (dimensions as f64 + 3.0) * f64::from(f32::EPSILON) * size
            + smallest * (dimensions as f64 + 2.0) * (1.0 + largest);
        // Weights of a projection are sums themselves, which may cancel.
        let bound = bound + cancelled;
        assert!((f64::from(*z) - sum).abs() <= bound, "column {j}: {z}, not {sum} ± {bound}");
    }
}

/// What a weight below the smallest normal float32 loses counts as often as the largest value has it.
fn largest(row: &[f32], model: &Model) -> f64 {
    let mean = model.mean().unwrap_or_default();
    row.iter().chain(mean).map(|x| f64::from(x.abs())).fold(0.0, f64::max) * 2.0
}

/// Rounding in float64 of weights whose parts are far larger than they are.
fn cancelled(model: &Model, row: &[f32]) -> f64 {
    let largest_weight = model.projection().map_or(1.0, |p| {
        (0..p.nrows() * p.ncols())
            .map(|i| f64::from(p[(i / p.ncols(), i % p.ncols())].abs()))
            .fold(1.0, f64::max)
    });
    let bits = model.bits() as f64;
    row.len() as f64 * largest(row, model) * largest_weight * bits * bits * 64.0 * f64::EPSILON
}

fn to_bits(values: Vec<f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}
