//! Statistics of samples: medians, and bootstrap intervals of a median and of a ratio of medians. Deterministic: the same
//! samples give the same interval.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Resamples of a bootstrap: the 2.5 % and 97.5 % points then have 50 resamples beyond them.
const RESAMPLES: usize = 2000;
/// Seed of the resampling.
const SEED: u64 = 0x7265_7472_6f62;

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// 2.5 % point, never above the figure.
    pub low: f64,
    /// 97.5 % point, never below the figure.
    pub high: f64,
}

/// Samples that no statistic can be taken of.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// There are none.
    #[error("no samples")]
    Empty,
    /// One is not a finite number.
    #[error("sample {index} is {value}")]
    NotFinite {
        /// Which.
        index: usize,
        /// What it is.
        value: f64,
    },
    /// Paired samples of different number.
    #[error("{numerator} samples cannot be paired with {denominator}")]
    Unpaired {
        /// Samples of the numerator.
        numerator: usize,
        /// Samples of the denominator.
        denominator: usize,
    },
    /// A ratio to a median of zero.
    #[error("the ratio's denominator has a median of 0")]
    ZeroDenominator,
}

/// The median.
pub fn median(samples: &[f64]) -> Result<f64, StatsError> {
    check(samples)?;
    Ok(median_of(&mut samples.to_vec()))
}

/// Median absolute deviation from the median: a spread that outliers do not move.
pub fn mad(samples: &[f64]) -> Result<f64, StatsError> {
    let middle = median(samples)?;
    Ok(median_of(&mut samples.iter().map(|s| (s - middle).abs()).collect::<Vec<_>>()))
}

/// The median with its 95 % percentile-bootstrap interval (Efron and Tibshirani, An Introduction to the Bootstrap,
/// chapter 13).
pub fn median_interval(samples: &[f64]) -> Result<Interval, StatsError> {
    let value = median(samples)?;
    let mut picked = vec![0.0; samples.len()];
    Ok(bootstrap(value, samples.len(), |rounds| {
        for (slot, &round) in picked.iter_mut().zip(rounds) {
            *slot = samples[round];
        }
        Some(median_of(&mut picked))
    }))
}

/// The ratio of two medians with its 95 % interval. The samples are pairs, one of each per round; whole rounds are
/// resampled, so that what slowed a round down slows both its samples down in every resample.
pub fn ratio_interval(numerator: &[f64], denominator: &[f64]) -> Result<Interval, StatsError> {
    if numerator.len() != denominator.len() {
        return Err(StatsError::Unpaired { numerator: numerator.len(), denominator: denominator.len() });
    }
    let (above, below) = (median(numerator)?, median(denominator)?);
    if below == 0.0 {
        return Err(StatsError::ZeroDenominator);
    }
    let (mut top, mut bottom) = (vec![0.0; numerator.len()], vec![0.0; numerator.len()]);
    Ok(bootstrap(above / below, numerator.len(), |rounds| {
        for (i, &round) in rounds.iter().enumerate() {
            (top[i], bottom[i]) = (numerator[round], denominator[round]);
        }
        let below = median_of(&mut bottom);
        (below != 0.0).then(|| median_of(&mut top) / below)
    }))
}

fn check(samples: &[f64]) -> Result<(), StatsError> {
    if samples.is_empty() {
        return Err(StatsError::Empty);
    }
    match samples.iter().position(|s| !s.is_finite()) {
        Some(index) => Err(StatsError::NotFinite { index, value: samples[index] }),
        None => Ok(()),
    }
}

/// The median of finite values, at least one; reorders them.
pub(crate) fn median_of(values: &mut [f64]) -> f64 {
    let even = values.len().is_multiple_of(2);
    let (lower, middle, _) = values.select_nth_unstable_by(values.len() / 2, f64::total_cmp);
    if even {
        let below = lower.iter().copied().fold(f64::MIN, f64::max);
        // Halved first: the sum of two huge values would overflow.
        return below / 2.0 + *middle / 2.0;
    }
    *middle
}

/// A random number below `n`. Multiply-shift: the bias is below n / 2^32.
pub(crate) fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    ((u64::from(rng.next_u32()) * n as u64) >> 32) as usize
}

fn bootstrap(value: f64, n: usize, mut statistic: impl FnMut(&[usize]) -> Option<f64>) -> Interval {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut rounds = vec![0; n];
    let mut values: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            for round in &mut rounds {
                *round = below(&mut rng, n);
            }
            statistic(&rounds)
        })
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    let point = |share: f64| values.get((share * values.len() as f64) as usize).copied().unwrap_or(value);
    Interval { value, low: point(0.025).min(value), high: point(0.975).max(value) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Ok(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Ok(2.5));
        assert_eq!(median(&[7.0]), Ok(7.0));
        assert_eq!(mad(&[1.0, 2.0, 3.0, 4.0, 100.0]), Ok(1.0));
    }

    #[test]
    fn degenerate_samples_are_refused_with_a_reason() {
        assert_eq!(median(&[]), Err(StatsError::Empty));
        assert!(matches!(median(&[1.0, f64::NAN]), Err(StatsError::NotFinite { index: 1, .. })));
        assert!(matches!(mad(&[f64::INFINITY]), Err(StatsError::NotFinite { index: 0, .. })));
        assert_eq!(ratio_interval(&[1.0], &[]), Err(StatsError::Unpaired { numerator: 1, denominator: 0 }));
        assert_eq!(ratio_interval(&[1.0], &[0.0]), Err(StatsError::ZeroDenominator));
    }

    #[test]
    fn one_sample_and_equal_samples_have_no_width() {
        for samples in [vec![5.0], vec![5.0; 9]] {
            assert_eq!(median_interval(&samples), Ok(Interval { value: 5.0, low: 5.0, high: 5.0 }));
            assert_eq!(ratio_interval(&samples, &samples), Ok(Interval { value: 1.0, low: 1.0, high: 1.0 }));
        }
    }

    #[test]
    fn pairing_removes_what_both_sides_share() {
        // Each round is slowed down by another factor; the ratio inside a round is always 2.
        let slow: Vec<f64> = (0..31).map(|r| 1.0 + f64::from(r % 7)).collect();
        let double: Vec<f64> = slow.iter().map(|s| 2.0 * s).collect();
        let ratio = ratio_interval(&double, &slow).unwrap();
        assert_eq!((ratio.low, ratio.value, ratio.high), (2.0, 2.0, 2.0));
        assert!(median_interval(&slow).unwrap().high > median_interval(&slow).unwrap().low);
    }

    #[test]
    fn the_interval_covers_the_truth_about_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut uniform = || f64::from(rng.next_u32()) / f64::from(u32::MAX);
        let covered = (0..200).filter(|_| {
            let samples: Vec<f64> = (0..25).map(|_| uniform()).collect();
            let interval = median_interval(&samples).unwrap();
            interval.low <= 0.5 && 0.5 <= interval.high
        });
        assert!(covered.count() >= 180);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn intervals_contain_the_figure_and_lie_within_the_samples(
            samples in prop::collection::vec(0.1f64..1e9, 1..40),
        ) {
            let interval = median_interval(&samples).unwrap();
            let least = samples.iter().copied().fold(f64::MAX, f64::min);
            let most = samples.iter().copied().fold(f64::MIN, f64::max);
            prop_assert!(least <= interval.low && interval.low <= interval.value);
            prop_assert!(interval.value <= interval.high && interval.high <= most);
        }

        #[test]
        fn scaling_the_samples_scales_the_median_and_leaves_the_ratio(
            samples in prop::collection::vec((0.1f64..1e6, 0.1f64..1e6), 1..30),
            exponent in -8i32..8,
        ) {
            // Powers of two, so that scaling is exact.
            let scale = 2f64.powi(exponent);
            let (a, b): (Vec<f64>, Vec<f64>) = samples.into_iter().unzip();
            let scaled = |v: &[f64]| v.iter().map(|x| x * scale).collect::<Vec<_>>();
            let (plain, grown) = (median_interval(&a).unwrap(), median_interval(&scaled(&a)).unwrap());
            prop_assert_eq!(plain.low * scale, grown.low);
            prop_assert_eq!(plain.high * scale, grown.high);
            prop_assert_eq!(ratio_interval(&a, &b), ratio_interval(&scaled(&a), &scaled(&b)));
        }
    }
}
