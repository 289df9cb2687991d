//! Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019).

use std::ops::Range;

const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

/// The running moments of every parameter.
#[derive(Debug, Clone)]
pub struct Adam {
    /// Of the gradient.
    pub first: Vec<f32>,
    /// Of its square.
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u32,
}

impl Adam {
    /// Before the first step.
    pub fn new(parameters: usize) -> Self {
        Self { first: vec![0.0; parameters], second: vec![0.0; parameters], steps: 0 }
    }

    /// One step at `rate`. `decayed` are the parameters that shrink by `rate · decay` as well.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        rate: f64,
        decay: f64,
        decayed: &[Range<usize>],
    ) {
        self.steps += 1;
        let shrink = (1.0 - rate * decay) as f32;
        for range in decayed {
            parameters[range.clone()].iter_mut().for_each(|value| *value *= shrink);
        }
        let correction = BETA.map(|beta| 1.0 - beta.powi(self.steps as i32));
        let rate = (rate / correction[0]) as f32;
        let second_scale = (1.0 / correction[1]) as f32;
        let [beta1, beta2] = BETA.map(|beta| beta as f32);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((value, &g), (first, second)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *first = beta1 * *first + (1.0 - beta1) * g;
            *second = beta2 * *second + (1.0 - beta2) * g * g;
            *value -= rate * *first / ((*second * second_scale).sqrt() + EPSILON);
        }
    }
}
