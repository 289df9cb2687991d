//! The UT form against the definition: one reflection after the other.

mod support;

use faer::{Mat, MatMut, MatRef};
use h2q_core::error::Error;
use h2q_core::linalg::{convert, orthogonality_error};
use h2q_core::losses::Loss;
use h2q_core::reflections::{GradientScratch, Input, UtForm, reflection_product};
use h2q_core::rotation::Rotation;

/// (d, m): m < d, m = d, d = 1, d on both sides of multiples of 8 and of block sizes.
const SHAPES: [(usize, usize); 12] = [
    (1, 1),
    (2, 1),
    (3, 3),
    (7, 5),
    (8, 8),
    (9, 4),
    (16, 16),
    (31, 31),
    (33, 17),
    (64, 64),
    (65, 3),
    (130, 130),
];

fn vectors(d: usize, m: usize, seed: u64) -> Vec<f64> {
    support::uniform(d * m, seed).into_iter().map(f64::from).collect()
}

/// U = H1 H2 … Hm by applying each reflection to the rows of the identity.
fn sequential_product(vectors: &[f64], d: usize) -> Mat<f64> {
    let mut u = Mat::<f64>::identity(d, d);
    for v in vectors.chunks(d) {
        let norm: f64 = v.iter().map(|x| x * x).sum();
        for i in 0..d {
            let along: f64 = (0..d).map(|j| u[(i, j)] * v[j]).sum();
            (0..d).for_each(|j| u[(i, j)] -= 2.0 * along * v[j] / norm);
        }
    }
    u
}

fn largest_difference(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    assert_eq!((a.nrows(), a.ncols()), (b.nrows(), b.ncols()));
    let entries = (0..a.ncols()).flat_map(|j| (0..a.nrows()).map(move |i| (i, j)));
    entries.map(|at| (a[at] - b[at]).abs()).fold(0.0, f64::max)
}

#[test]
fn blocked_product_equals_sequential_product() {
    for (seed, (d, m)) in SHAPES.into_iter().enumerate() {
        let vectors = vectors(d, m, seed as u64);
        let blocked = UtForm::new(&vectors, d).expect("vectors").product();
        let difference =
            largest_difference(blocked.as_ref(), sequential_product(&vectors, d).as_ref());
        assert!(difference < 1e-12 * d as f64, "d {d}, m {m}: {difference}");
    }
}

#[test]
fn identity_vectors_give_the_negative_identity() {
    let d = 13;
    let vectors: Vec<f64> = (0..d * d).map(|i| f64::from(u8::from(i % (d + 1) == 0))).collect();
    let u = UtForm::new(&vectors, d).expect("vectors").product();
    let negative = Mat::from_fn(d, d, |i, j| if i == j { -1.0 } else { 0.0 });
    assert!(largest_difference(u.as_ref(), negative.as_ref()) < 1e-15);
}

#[test]
fn product_stays_orthogonal_in_float32_up_to_1024_dimensions() {
    for (d, m) in [(1, 1), (64, 64), (384, 100), (1024, 1024)] {
        let vectors = support::uniform(d * m, 7);
        let u = UtForm::new(&vectors, d).expect("vectors").product();
        let error = orthogonality_error(u.as_ref());
        assert!(error <= 1e-5, "d {d}, m {m}: {error}");
    }
}

#[test]
fn product_stays_orthogonal_for_near_parallel_vectors() {
    let d = 64;
    let base = support::uniform(d, 1);
    let noise = support::uniform(d * d, 2);
    let vectors: Vec<f32> = (0..d * d).map(|i| base[i % d] + 1e-3 * noise[i]).collect();
    let u = UtForm::new(&vectors, d).expect("vectors").product();
    assert!(orthogonality_error(u.as_ref()) <= 1e-5);
}

#[test]
fn product_does_not_change_with_the_scale_of_a_vector() {
    let (d, m) = (9, 6);
    let vectors = support::uniform(d * m, 3);
    let u: Mat<f64> = convert(UtForm::new(&vectors, d).expect("vectors").product().as_ref());
    for scale in [1e-20f32, 1e20] {
        let scaled: Vec<f32> = vectors.iter().map(|v| v * scale).collect();
        let other = UtForm::new(&scaled, d).expect("vectors").product();
        assert!(largest_difference(u.as_ref(), convert(other.as_ref()).as_ref()) < 1e-5);
    }
}

#[test]
fn gradient_equals_central_differences() {
    let rows = 6;
    for loss in Loss::ALL {
        for (seed, (d, m)) in SHAPES.into_iter().take(9).enumerate() {
            let mut vectors = vectors(d, m, 100 + seed as u64);
            let x: Vec<f64> = self::vectors(rows, d, 200 + seed as u64);
            let x: Vec<f64> = x.into_iter().map(|value| 2.0 * value).collect();
            let x = MatRef::from_row_major_slice(&x, rows, d);

            let form = UtForm::new(&vectors, d).expect("vectors");
            let mut z = vec![0.0; rows * d];
            let c = form.apply(x, MatMut::from_row_major_slice_mut(&mut z, rows, d));
            let (_, dz) = loss.value_and_gradient(&z, d).expect("whole rows");
            let dz = MatRef::from_row_major_slice(&dz, rows, d);
            let gradient = form.gradient(x, c.as_ref(), dz);

            let step = 1e-6;
            let value = |vectors: &[f64]| {
                let form = UtForm::new(vectors, d).expect("vectors");
                let mut z = vec![0.0; rows * d];
                form.apply(x, MatMut::from_row_major_slice_mut(&mut z, rows, d));
                loss.value_and_gradient(&z, d).expect("whole rows").0
            };
            for k in 0..d * m {
                let middle = vectors[k];
                vectors[k] = middle + step;
                let above = value(&vectors);
                vectors[k] = middle - step;
                let below = value(&vectors);
                vectors[k] = middle;
                let expected = (above - below) / (2.0 * step);
                let actual = gradient[(k % d, k / d)];
                assert!(
                    (expected - actual).abs() < 1e-7,
                    "{} d {d} m {m}, entry {k}: {expected} by differences, {actual}",
                    loss.name()
                );
            }
        }
    }
}

/// Loss and gradient of `X U` for a form in float64.
fn loss_and_gradient(loss: Loss, vectors: &[f64], x: MatRef<'_, f64>) -> (f64, Mat<f64>) {
    let (rows, d) = (x.nrows(), x.ncols());
    let form = UtForm::new(vectors, d).expect("vectors");
    let mut z = vec![0.0; rows * d];
    let c = form.apply(x, MatMut::from_row_major_slice_mut(&mut z, rows, d));
    let (value, dz) = loss.value_and_gradient(&z, d).expect("whole rows");
    let dz = MatRef::from_row_major_slice(&dz, rows, d);
    (value, form.gradient(x, c.as_ref(), dz))
}

#[test]
fn gradient_of_several_blocks_equals_central_differences() {
    let rows = 4;
    for (d, m) in [(70, 65), (130, 130), (200, 192)] {
        let mut vectors = vectors(d, m, d as u64);
        let x: Vec<f64> = self::vectors(rows, d, 1);
        let x = MatRef::from_row_major_slice(&x, rows, d);
        let (_, gradient) = loss_and_gradient(Loss::BitVariance, &vectors, x);
        // Some entries of every block.
        for k in (0..d * m).step_by(d * m / 60) {
            let (middle, step) = (vectors[k], 1e-5);
            let mut value = |entry| {
                vectors[k] = entry;
                loss_and_gradient(Loss::BitVariance, &vectors, x).0
            };
            let expected = (value(middle + step) - value(middle - step)) / (2.0 * step);
            value(middle);
            let actual = gradient[(k % d, k / d)];
            let error = (expected - actual).abs();
            assert!(error < 1e-9, "d {d} m {m}, entry {k}: {expected} by differences, {actual}");
        }
    }
}

#[test]
fn gradient_depends_on_the_rows_only_through_their_product_with_the_derivative() {
    for (d, m) in SHAPES {
        let (rows, vectors) = (2 * d, vectors(d, m, 1));
        let (x, dz) = (self::vectors(rows, d, 2), self::vectors(rows, d, 3));
        let (x, dz) =
            (MatRef::from_row_major_slice(&x, rows, d), MatRef::from_row_major_slice(&dz, rows, d));
        let form = UtForm::new(&vectors, d).expect("vectors");
        let c = form.apply(x, Mat::zeros(rows, d).as_mut());
        let expected = form.gradient(x, c.as_ref(), dz);

        let (mut c, mut u) = (Mat::zeros(d, m), Mat::zeros(d, d));
        form.apply_into(Input::Identity, u.as_mut(), c.as_mut());
        assert_eq!(u, form.product());
        let (mut summed, mut gradient) = (x.transpose() * dz, Mat::zeros(d, m));
        let scratch = &mut GradientScratch::default();
        let (c, summed) = (c.as_ref(), summed.as_mut());
        form.gradient_into(Input::Identity, c, summed, gradient.as_mut(), scratch);
        let difference = largest_difference(expected.as_ref(), gradient.as_ref());
        assert!(difference < 1e-12 * d as f64, "d {d}, m {m}: {difference}");
    }
}

#[test]
fn an_updated_form_equals_a_new_one() {
    let d = 70;
    let mut form = UtForm::identity(d);
    // More vectors, fewer, none.
    for (seed, m) in [3, 70, 65, 0, 64].into_iter().enumerate() {
        let vectors = support::uniform(d * m, seed as u64);
        form.update(&vectors).expect("vectors");
        assert_eq!((form.dimensions(), form.count()), (d, m));
        assert_eq!(form.product(), UtForm::new(&vectors, d).expect("vectors").product());
    }
    assert_eq!(*form.update(&[0.0; 70]).expect_err("zero"), Error::ZeroReflection { index: 0 });
}

#[test]
fn every_orthogonal_matrix_has_reflections_and_signs() {
    for d in [1, 2, 8, 31, 64] {
        for flip in [false, true] {
            // Both determinants: the last column changes sign.
            let mut u = UtForm::new(&support::uniform(d * d, d as u64), d).expect("ok").product();
            if flip {
                u.col_mut(d - 1).iter_mut().for_each(|x| *x = -*x);
            }
            let rotation = Rotation::from_matrix(u.as_ref());
            assert!(rotation.reflections.len() <= d * d);
            let again = rotation.matrix().expect("no zero reflection");
            let difference = largest_difference(convert(u.as_ref()).as_ref(), again.as_ref());
            assert!(difference < 5e-6, "d {d}, flip {flip}: {difference}");
        }
    }
}

#[test]
fn identity_and_sign_changes_need_no_reflection() {
    let u = Mat::from_fn(16, 16, |i, j| match (i == j, i % 3 == 0) {
        (false, _) => 0.0,
        (true, true) => -1.0,
        (true, false) => 1.0f32,
    });
    let rotation = Rotation::from_matrix(u.as_ref());
    assert!(rotation.reflections.is_empty());
    let expected: Vec<i8> = (0..16).map(|i| if i % 3 == 0 { -1 } else { 1 }).collect();
    assert_eq!(rotation.signs, expected);
}

#[test]
fn unusable_vectors_are_named() {
    assert_eq!(
        *UtForm::new(&[1.0, 0.0, 0.0, 0.0], 2).expect_err("zero"),
        Error::ZeroReflection { index: 1 }
    );
    let error = UtForm::new(&[1.0, 0.0, f32::NAN, 0.0], 2).expect_err("NaN");
    assert_eq!(*error, Error::NotFinite { row: 1, column: 0, value: "NaN".into() });
    assert_eq!(UtForm::new(&[1.0, 0.0, 0.0], 2).expect_err("incomplete").code(), "MISMATCH");
    assert_eq!(UtForm::<f32>::new(&[], 0).expect_err("no dimensions").code(), "MISMATCH");
}

#[test]
fn orthogonality_error_sees_what_is_not_orthogonal() {
    let mut u = Mat::<f32>::identity(5, 5);
    assert_eq!(orthogonality_error(u.as_ref()), 0.0);
    u[(3, 1)] = 0.25;
    assert_eq!(orthogonality_error(u.as_ref()), 0.25);
    u[(0, 0)] = f32::NAN;
    assert!(orthogonality_error(u.as_ref()).is_nan());
}

#[test]
fn dense_products_have_a_limit() {
    assert_eq!(reflection_product(&[], 200_000).expect_err("limit").code(), "INVALID_OPTION");
    assert_eq!(reflection_product(&[], 2).expect("the identity"), [1.0, 0.0, 0.0, 1.0]);
}
