//! The rule by which criterion compares by default, to be held against: all samples of one, then all of the other, a
//! bootstrapped t-test for whether the means differ and an interval of their ratio for whether it matters.
//!
//! Source: criterion 0.8.2, `analysis/compare.rs` (t score with unequal variances against its distribution over resamples of
//! both pooled; relative change of the mean, bootstrapped), `report.rs` (`p < 0.05`, then both ends of the 95 % interval of the
//! change beyond the noise threshold of 1 %) and the defaults in `lib.rs`: 100 samples, 100 000 resamples. Only the rule is
//! here: criterion's own choice of iterations per sample is not.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::Verdict;
use crate::stats::below;

/// Samples of each.
pub const SAMPLES: usize = 100;
const RESAMPLES: usize = 100_000;
const NOISE_THRESHOLD: f64 = 0.01;
const SIGNIFICANCE: f64 = 0.05;
const SEED: u64 = 0x6372_6974;

/// Slower or faster where criterion says that performance has regressed or improved, same where it says neither.
pub fn verdict(base_ns: &[f64], other_ns: &[f64]) -> Verdict {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    if p_value(base_ns, other_ns, &mut rng) >= SIGNIFICANCE {
        return Verdict::Same;
    }
    let mut change = || {
        let other = mean(&mut resampled(other_ns, other_ns.len(), &mut rng));
        other / mean(&mut resampled(base_ns, base_ns.len(), &mut rng)) - 1.0
    };
    let mut changes: Vec<f64> = (0..RESAMPLES).map(|_| change()).collect();
    changes.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| changes[((share * RESAMPLES as f64) as usize).min(RESAMPLES - 1)];
    match (at(0.025), at(0.975)) {
        (low, _) if low > NOISE_THRESHOLD => Verdict::Slower,
        (_, high) if high < -NOISE_THRESHOLD => Verdict::Faster,
        _ => Verdict::Same,
    }
}

/// Two-sided.
fn p_value(base_ns: &[f64], other_ns: &[f64], rng: &mut ChaCha8Rng) -> f64 {
    let score = t_score(&mut other_ns.iter().copied(), &mut base_ns.iter().copied());
    let pooled = [other_ns, base_ns].concat();
    let scores = (0..RESAMPLES).map(|_| {
        let picked: Vec<f64> = resampled(&pooled, pooled.len(), rng).collect();
        let (other, base) = picked.split_at(other_ns.len());
        t_score(&mut other.iter().copied(), &mut base.iter().copied())
    });
    let finite: Vec<f64> = scores.filter(|t| t.is_finite()).collect();
    let hits = finite.iter().filter(|t| **t < score).count();
    2.0 * hits.min(finite.len() - hits) as f64 / finite.len().max(1) as f64
}

fn resampled<'a>(samples: &'a [f64], n: usize, rng: &'a mut ChaCha8Rng) -> impl Iterator<Item = f64> + 'a {
    (0..n).map(move |_| samples[below(rng, samples.len())])
}

fn mean(samples: &mut dyn Iterator<Item = f64>) -> f64 {
    let (sum, n) = samples.fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
    sum / n
}

/// Welch's.
fn t_score(one: &mut dyn Iterator<Item = f64>, other: &mut dyn Iterator<Item = f64>) -> f64 {
    let [(m1, e1), (m2, e2)] = [moments(one), moments(other)];
    (m1 - m2) / (e1 + e2).sqrt()
}

/// Mean, and its squared standard error.
fn moments(samples: &mut dyn Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = samples.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(level: f64) -> Vec<f64> {
        (0..SAMPLES).map(|i| level * (1.0 + 0.002 * ((i * 37) % 11) as f64)).collect()
    }

    #[test]
    fn the_rule_claims_what_is_significant_and_above_the_noise_threshold() {
        assert_eq!(verdict(&samples(100.0), &samples(103.0)), Verdict::Slower);
        assert_eq!(verdict(&samples(103.0), &samples(100.0)), Verdict::Faster);
        assert_eq!(verdict(&samples(100.0), &samples(100.0)), Verdict::Same);
        // Significant, but within the noise threshold.
        assert_eq!(verdict(&samples(100.0), &samples(100.8)), Verdict::Same);
    }

    #[test]
    fn the_t_score_is_welchs() {
        // By hand: means 2 and 5, variances 1 and 4, three of each.
        let t = t_score(&mut [1.0, 2.0, 3.0].into_iter(), &mut [3.0, 5.0, 7.0].into_iter());
        assert!((t + 3.0 / (1.0f64 / 3.0 + 4.0 / 3.0).sqrt()).abs() < 1e-12, "{t}");
    }
}
