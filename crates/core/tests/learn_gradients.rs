//! The losses of learning and the network against finite differences, in float64.

mod support;

use h2q_core::evaluate::Labels;
use h2q_core::learn::{Architecture, Objective, Pass, Penalty, SimilarityLoss, separation};
use h2q_core::parallel::Cancel;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const STEP: f64 = 1e-6;

fn values(count: usize, seed: u64, scale: f64) -> Vec<f64> {
    support::uniform(count, seed).into_iter().map(|z| scale * f64::from(z)).collect()
}

/// Single labels and several classes per row, numbered.
fn label_kinds() -> [(Labels, usize); 2] {
    let single = Labels::single("labels", vec![0, 1, 2, 0, 1, 1, 2]).expect("labels");
    let classes = [1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1];
    [(single, 3), (Labels::multi("labels", &classes, 3).expect("labels"), 3)]
}

fn largest_error(
    point: &mut [f64],
    gradient: &[f64],
    mut value: impl FnMut(&[f64]) -> f64,
) -> (f64, f64) {
    let mut worst = (0.0f64, 0.0f64);
    for at in 0..point.len() {
        let middle = point[at];
        point[at] = middle + STEP;
        let above = value(point);
        point[at] = middle - STEP;
        let below = value(point);
        point[at] = middle;
        let expected = (above - below) / (2.0 * STEP);
        worst = (worst.0.max((expected - gradient[at]).abs()), worst.1.max(expected.abs()));
    }
    worst
}

#[test]
fn gradients_of_every_loss_equal_central_differences() {
    for loss in SimilarityLoss::ALL {
        for penalty in Penalty::ALL {
            for sharpness in [None, Some(1.7)] {
                for (seed, (labels, classes)) in label_kinds().into_iter().enumerate() {
                    let k = 8;
                    let weight = 0.3;
                    let objective = Objective::new(loss, k, classes, 0.4, (penalty, weight));
                    let mut z = values(7 * k, 11 + seed as u64, 1.5);
                    let count = if loss.has_proxies() { classes * k } else { 0 };
                    let mut proxies = values(count, 5 + seed as u64, 1.0);
                    let evaluate = |z: &[f64], proxies: &[f64]| {
                        let (mut by_z, mut by_proxies) = (vec![7.0; z.len()], vec![7.0; count]);
                        let value = objective
                            .value_and_gradient(
                                z,
                                proxies,
                                &labels,
                                sharpness,
                                &mut by_z,
                                &mut by_proxies,
                                &Cancel::default(),
                            )
                            .expect("nobody aborts");
                        (value, by_z, by_proxies)
                    };
                    let (value, by_z, by_proxies) = evaluate(&z, &proxies);
                    assert!(value.is_finite());
                    let name = format!("{} {} {sharpness:?}", loss.name(), penalty.name());
                    let (error, size) = largest_error(&mut z, &by_z, |z| evaluate(z, &proxies).0);
                    assert!(size > 1e-6, "{name}: nothing changes");
                    assert!(error < 1e-7 * (1.0 + size), "{name}: {error} of {size} by z");
                    let z = z.clone();
                    let (error, size) =
                        largest_error(&mut proxies, &by_proxies, |p| evaluate(&z, p).0);
                    assert!(error < 1e-7 * (1.0 + size), "{name}: {error} of {size} by proxies");
                    assert!(size > 1e-6 || count == 0, "{name}: no proxy changes anything");
                }
            }
        }
    }
}

/// Two rows, as the definitions in the papers have them.
#[test]
fn values_of_a_pair_equal_the_definitions() {
    use SimilarityLoss::*;
    let k = 8;
    let z = values(2 * k, 3, 1.0);
    let (a, b) = z.split_at(k);
    let inner: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let cosine = inner / norm(a) / norm(b);
    let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    let share = 0.2;
    for is_similar in [true, false] {
        let labels = Labels::single("labels", vec![0, i64::from(!is_similar)]).expect("labels");
        let s = f64::from(u8::from(is_similar));
        let weight = s / share + (1.0 - s) / (1.0 - share);
        let distance = k as f64 * (1e-5 + (1.0 - cosine) / 2.0 * (1.0 - 2e-5));
        let x = 0.1 * (k as f64 * (1.0 - cosine) / 2.0).powi(2);
        let log_sigma = -(1.0 + (-x).exp()).ln();
        let gaussian = s * ((1.0 + (-x).exp()) * log_sigma - x * (-x).exp() + 2.0 * 2f64.ln())
            + (1.0 - s) * (-x).exp();
        let zeta = separation(k, 2);
        let likelihood = |x: f64| (1.0 + x.exp()).ln() - s * x;
        for (loss, expected) in [
            (Dpsh, likelihood(inner / 2.0)),
            (Dhn, likelihood(inner)),
            (Dsh, 0.5 * s * squared + 0.5 * (1.0 - s) * (2.0 * k as f64 - squared).max(0.0)),
            (Dch, weight * (s * (distance / 10.0).ln() + (1.0 + 10.0 / distance).ln())),
            (Wglhh, weight * ((cosine + 1.0) / 2.0 - s).abs().exp() * gaussian),
            (HashNet, weight * likelihood(10.0 / k as f64 * inner)),
            (Cosine, s * (1.0 - cosine) + (1.0 - s) * (cosine - zeta).max(0.0)),
        ] {
            let objective = Objective::new(loss, k, 2, share, (Penalty::None, 0.0));
            let mut gradient = vec![0.0; 2 * k];
            let value = objective
                .value_and_gradient(
                    &z,
                    &[],
                    &labels,
                    None,
                    &mut gradient,
                    &mut [],
                    &Cancel::default(),
                )
                .expect("nobody aborts");
            let error = (value - expected).abs();
            assert!(error < 1e-12 * (1.0 + expected.abs()), "{} {value} {expected}", loss.name());
        }
    }
}

#[test]
fn the_separation_is_that_of_the_best_codes() {
    // Lengths and sizes at which the best linear codes meet the Griesmer bound.
    for (length, classes, distance) in
        [(8, 16, 4.0), (16, 10, 8.0), (16, 32, 8.0), (32, 16, 16.0), (64, 2, 64.0), (24, 4, 16.0)]
    {
        let zeta = 1.0 - 2.0 * distance / length as f64;
        assert_eq!(separation(length, classes), zeta, "{length} bits, {classes} classes");
    }
}

#[test]
fn the_network_passes_gradients_back_as_differences_say() {
    let rows = 5;
    for sizes in [vec![4, 3], vec![4, 6, 3], vec![9, 7, 70, 2]] {
        let architecture = Architecture::new(&sizes, 0);
        let mut parameters: Vec<f64> =
            architecture.initial(&mut ChaCha8Rng::seed_from_u64(sizes.len() as u64));
        // Biases, too.
        parameters.iter_mut().for_each(|value| *value += 0.01);
        let outputs = sizes[sizes.len() - 1];
        let input = values(rows * sizes[0], 17, 1.0);
        let by_z = values(rows * outputs, 19, 1.0);
        let cancel = Cancel::default();
        for dropout in [0.0, 0.5] {
            let forward = |parameters: &[f64]| {
                let mut pass = Pass::new(1);
                let mut generator = ChaCha8Rng::seed_from_u64(1);
                let share = Some((dropout, &mut generator)).filter(|(share, _)| *share > 0.0);
                let z = pass
                    .forward(&architecture, parameters, &input, share, &cancel)
                    .expect("nobody aborts");
                let value: f64 = z.iter().zip(&by_z).map(|(z, by)| z * by).sum();
                (value, pass)
            };
            let mut gradient = vec![7.0; parameters.len()];
            let (_, mut pass) = forward(&parameters);
            pass.backward(&architecture, &parameters, &input, &by_z, &mut gradient, &cancel)
                .expect("nobody aborts");
            let (error, size) =
                largest_error(&mut parameters, &gradient, |parameters| forward(parameters).0);
            assert!(error < 1e-8 * (1.0 + size), "{sizes:?} {dropout}: {error} of {size}");
        }
    }
}
