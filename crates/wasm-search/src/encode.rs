//! What `transform` and `encode` of a model do.

use h2q_kernels::error::Error;
use h2q_kernels::projection::Projection;
use h2q_kernels::rotating::rotate_rows;
use h2q_kernels::signs::{Layout, pack_signs};

use crate::{slice, slice_mut};

/// A layer of a head: `dimensions` values of a mean, where there is one, and `dimensions x columns` weights, row-major.
///
/// # Safety
/// They are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn projection(
    mean: *const f32,
    weights: *const f32,
    dimensions: usize,
    columns: usize,
) -> *mut Projection {
    // SAFETY: as the caller promises.
    let weights = unsafe { slice(weights, dimensions * columns) };
    // SAFETY: as above.
    let mean = unsafe { mean_of(mean, dimensions) };
    let weight = |k: usize, j: usize| weights[k * columns + j];
    Box::into_raw(Box::new(Projection::of(mean, dimensions, columns, &weight)))
}

/// A projection (`dimensions x bits`, row-major; null where there is none, and they are equal) times a rotation of
/// `count` reflections of `bits` values and as many signs. Null where a reflection is zero.
///
/// # Safety
/// They are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rotation(
    mean: *const f32,
    projection: *const f32,
    dimensions: usize,
    bits: usize,
    reflections: *const f32,
    count: usize,
    signs: *const i8,
) -> *mut Projection {
    // SAFETY: as the caller promises.
    let mean = unsafe { mean_of(mean, dimensions) };
    // SAFETY: as above.
    let (reflections, signs) = unsafe { (slice(reflections, count * bits), slice(signs, bits)) };
    // SAFETY: as above.
    let weights = (!projection.is_null()).then(|| unsafe { slice(projection, dimensions * bits) });
    if weights.is_none() && count == 0 {
        return Box::into_raw(Box::new(Projection::diagonal(mean, signs)));
    }
    let row = |i: usize, j: usize| match weights {
        Some(weights) => weights[i * bits + j],
        None => f32::from(u8::from(i == j)),
    };
    match rotate_rows(dimensions, &row, reflections, signs) {
        Ok(rotated) => {
            let weight = |k: usize, j: usize| rotated[k * bits + j];
            Box::into_raw(Box::new(Projection::of(mean, dimensions, bits, &weight)))
        }
        Err(_) => std::ptr::null_mut(),
    }
}

/// # Safety
/// As [`projection`].
unsafe fn mean_of(mean: *const f32, dimensions: usize) -> Option<Vec<f32>> {
    // SAFETY: as the caller promises.
    (!mean.is_null()).then(|| unsafe { slice(mean, dimensions) }.to_vec())
}

/// Ends a [`projection`] or [`rotation`].
///
/// # Safety
/// It is one, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn end_projection(projection: *mut Projection) {
    // SAFETY: as the caller promises.
    drop(unsafe { Box::from_raw(projection) });
}

/// Projects rows; the first one that leaves the range of float32, or -1.
///
/// # Safety
/// There is room for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn project(
    projection: &Projection,
    input: *const f32,
    rows: usize,
    out: *mut f32,
) -> isize {
    // SAFETY: as the caller promises.
    let input = unsafe { slice(input, rows * projection.dimensions()) };
    // SAFETY: as above.
    let out = unsafe { slice_mut(out, rows * projection.columns()) };
    match projection.project_block(input, 0, out, &mut Vec::new()) {
        Ok(()) => -1,
        Err(error) => match *error {
            Error::OutOfRange { row } => row as isize,
            _ => 0,
        },
    }
}

/// Adds a bias to rows of `columns` values, and where `is_hidden` replaces what is negative by 0.
///
/// # Safety
/// They are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn add_bias(
    values: *mut f32,
    rows: usize,
    bias: *const f32,
    columns: usize,
    is_hidden: bool,
) {
    // SAFETY: as the caller promises.
    let (values, bias) = unsafe { (slice_mut(values, rows * columns), slice(bias, columns)) };
    for row in values.chunks_exact_mut(columns) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value += bias;
            if is_hidden {
                *value = value.max(0.0);
            }
        }
    }
}

/// The signs of `8 * bytes` values.
///
/// # Safety
/// They are there, and room for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pack(values: *const f32, bytes: usize, is_msb: bool, out: *mut u8) {
    // SAFETY: as the caller promises.
    let (values, out) = unsafe { (slice(values, 8 * bytes), slice_mut(out, bytes)) };
    pack_signs(values, if is_msb { Layout::Msb } else { Layout::Lsb }, out);
}
