//! Products of reflections in the UT form against one reflection after the other, and rotations that are stored and
//! put together again. Errors are bounded by dimension, number of reflections and rounding.
#![no_main]

use arbitrary::{Result, Unstructured};
use faer::Mat;
use h2q_core::reflections::{UtForm, reflection_product};
use h2q_core::rotation::Rotation;
use h2q_fuzz::random::Random;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> Result<()> {
    let most = if u.ratio(1, 8)? { 90 } else { 24 };
    let d = u.int_in_range(1..=most)?;
    let count = u.int_in_range(0..=2 * d)?;
    let width = [1, 10, 60, 126][u.int_in_range(0..=3)?];
    let zeros = u.int_in_range(0..=4)?;
    // Vectors that are parallel, or nearly so, make the inner system badly conditioned.
    let near = u.int_in_range(0..=2)?;
    let mut random = Random(u.arbitrary::<u32>()?.into());
    let mut vectors: Vec<f32> = Vec::with_capacity(count * d);
    for i in 0..count {
        let scale = 2f32.powi(random.below(2 * width) as i32 - width as i32);
        for j in 0..d {
            let value = match near {
                1 if i > 0 => vectors[j] * 2f32.powi(random.below(3) as i32 - 1),
                2 if i > 0 => 1.0 + random.float() * 1e-4,
                _ if random.below(8) < zeros => 0.0,
                _ => random.float() * scale,
            };
            vectors.push(if value.is_finite() { value } else { 0.0 });
        }
    }
    for _ in 0..u.int_in_range(0..=2)? {
        let value = u.arbitrary::<f32>()?;
        if !vectors.is_empty() {
            let at = u.choose_index(vectors.len())?;
            vectors[at] = value;
        }
    }
    let is_finite = vectors.iter().all(|x| x.is_finite());
    let has_zero = vectors.chunks(d).any(|v| v.iter().all(|x| *x == 0.0));
    let product = reflection_product(&vectors, d);
    if !is_finite || has_zero {
        let code = product.expect_err("refused").code();
        assert!(
            code == "NOT_FINITE" && !is_finite || code == "ZERO_REFLECTION" && has_zero,
            "{code}"
        );
        return Ok(());
    }
    let exact = sequential(&vectors, d);
    let steps = ((count + 1) * d) as f64;
    let product = product.expect("a product");
    let product = Mat::from_fn(d, d, |i, j| f64::from(product[i * d + j]));
    near_to(&product, &exact, 64.0 * f64::from(f32::EPSILON) * steps, "in float32");

    let wide: Vec<f64> = vectors.iter().map(|x| f64::from(*x)).collect();
    let form = UtForm::new(&wide, d).expect("a form");
    near_to(&form.product(), &exact, 64.0 * f64::EPSILON * steps * steps, "in float64");
    stored(&exact, steps)
}

/// `H1 H2 … Hm`, the rows of the identity reflected one after the other.
fn sequential(vectors: &[f32], d: usize) -> Mat<f64> {
    let mut u = Mat::<f64>::identity(d, d);
    for v in vectors.chunks(d) {
        let largest = v.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
        let v: Vec<f64> = v.iter().map(|x| f64::from(*x) / largest).collect();
        let squared: f64 = v.iter().map(|x| x * x).sum();
        for i in 0..d {
            let along: f64 = (0..d).map(|j| u[(i, j)] * v[j]).sum();
            (0..d).for_each(|j| u[(i, j)] -= 2.0 * along / squared * v[j]);
        }
    }
    u
}

/// Factored into reflections and signs, and multiplied again.
fn stored(u: &Mat<f64>, steps: f64) -> Result<()> {
    let d = u.nrows();
    let rounded = Mat::from_fn(d, d, |i, j| u[(i, j)] as f32);
    let rotation = Rotation::from_matrix(rounded.as_ref());
    assert!(rotation.reflections.len() <= d * d && rotation.signs.len() == d);
    let again = rotation.matrix().expect("a rotation");
    near_to(
        &again,
        u,
        64.0 * f64::from(f32::EPSILON) * (d as f64 + 1.0) * (d as f64).sqrt() + 1e-12 * steps,
        "stored",
    );
    let orthogonality = &again.transpose().to_owned() * &again;
    near_to(&orthogonality, &Mat::identity(d, d), 64.0 * f64::EPSILON * (d * d) as f64, "UᵀU");
    Ok(())
}

fn near_to(a: &Mat<f64>, b: &Mat<f64>, bound: f64, what: &str) {
    for i in 0..a.nrows() {
        for j in 0..a.ncols() {
            let off = (a[(i, j)] - b[(i, j)]).abs();
            assert!(
                off <= bound,
                "{what}, entry {i} {j}: {} and {}, off by {off}, not {bound}",
                a[(i, j)],
                b[(i, j)]
            );
        }
    }
}
