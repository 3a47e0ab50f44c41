//! How fast each pair of a head turns, from a model's hyperparameters, as the kernels take it.

use std::f64::consts::TAU;

use crate::input::Buffer;
use crate::model::config::{Rope, Scaling};

/// The frequencies of heads of `width`: see [`crate::rope::frequencies`].
pub(super) fn frequencies(rope: &Rope, width: usize) -> Buffer<f32> {
    crate::rope::frequencies(width, |i| radians(rope, i, width))
}

fn radians(rope: &Rope, i: usize, width: usize) -> f64 {
    let plain = rope.frequency(i, width / 2);
    match &rope.scaling {
        Scaling::None | Scaling::Llama3 { .. } | Scaling::Divisors(_) => plain / rope.divisor(i, width / 2),
        Scaling::Yarn { factor, trained, beta_fast, beta_slow, .. } => {
            let pair_of = |turns: f64| width as f64 * (*trained as f64 / (turns * TAU)).ln() / (2.0 * rope.theta.ln());
            let first = pair_of(*beta_fast).floor().max(0.0);
            let last = pair_of(*beta_slow).ceil().min(width as f64 - 1.0);
            let slowed = ((i as f64 - first) / (last - first).max(0.001)).clamp(0.0, 1.0);
            plain / factor * slowed + plain * (1.0 - slowed)
        }
    }
}

/// What the scaling multiplies scores by. Sines and cosines do not grow: where the position is in all of a head, YaRN's
/// growth of queries and keys comes to the same, and where it is in a part, DeepSeek has the whole score grow.
pub(super) fn score_scale(rope: &Rope) -> f32 {
    match rope.scaling {
        Scaling::Yarn { factor, mscale, .. } => (0.1 * mscale * factor.ln() + 1.0).powi(2) as f32,
        Scaling::None | Scaling::Llama3 { .. } | Scaling::Divisors(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::Pairs;
    use crate::rope::{Variety, Yarn};

    /// The kernel of DeepSeek's own constants.
    #[test]
    fn yarn_is_that_of_the_kernel() {
        let scaling = Scaling::Yarn { factor: 40.0, trained: 4096, beta_fast: 32.0, beta_slow: 1.0, mscale: 1.0 };
        let rope = Rope { theta: 10_000.0, pairs: Pairs::Interleaved, scaling };
        for i in 0..32 {
            assert!((radians(&rope, i, 64) / Yarn::frequency(i, 64) - 1.0).abs() < 1e-12, "pair {i}");
        }
        // `inference/model.py`: `mscale = 0.1 * 1.0 * log(40) + 1.0`, squared.
        assert!((score_scale(&rope) - 1.368_888_f32.powi(2)).abs() < 1e-5);
    }

    /// The definition in Llama 3.1's reference: wavelengths above 8192 / 1 are divided by 8, below 8192 / 4 kept.
    #[test]
    fn llama3_keeps_fast_pairs_and_slows_slow_ones() {
        let scaling = Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, trained: 8192 };
        let rope = Rope { theta: 500_000.0, pairs: Pairs::Interleaved, scaling };
        let plain = |i: usize| 500_000f64.powf(-2.0 * i as f64 / 128.0);
        assert_eq!(radians(&rope, 0, 128), 1.0);
        assert!((radians(&rope, 63, 128) / plain(63) - 0.125).abs() < 1e-12);
        let between = (0..64).filter(|&i| (0.13..0.99).contains(&(radians(&rope, i, 128) / plain(i)))).count();
        assert!((2..10).contains(&between), "{between}");
    }
}
