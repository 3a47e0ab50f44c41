//! Statistics of samples: medians, and the 95 % intervals of a median and of a ratio of medians. Deterministic: the same
//! samples give the same interval.
//!
//! A resampled median lies within the samples, and n of them hold the true median between them with a chance of 1 − 2^(1−n)
//! (Conover, Practical Nonparametric Statistics, section 3.2): 75 % for three, 93.75 % for five. So up to five samples get
//! Student's interval of the mean of their logarithms, as the noise of times is more a factor than a sum; and from six on the
//! percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13), which is too narrow while there
//! are few, is widened as Student's interval is over the normal one (Hesterberg 2015, What Teachers Should Know About the
//! Bootstrap, section 5.2).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Resamples of a bootstrap: the 2.5 % and 97.5 % points then have 50 resamples beyond them.
const RESAMPLES: usize = 2000;
/// Seed of the resampling.
const SEED: u64 = 0x7265_7472_6f62;
/// Samples from which on the least and the greatest hold the median in 95 % of cases: only then is there anything to resample.
const ENOUGH: usize = 6;

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
    /// One is not a finite number, or not a positive one where that is needed.
    #[error("sample {index} is {value}")]
    NoTime {
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
    /// One pair, which says nothing of how far others would lie apart.
    #[error("a ratio of one pair has no interval")]
    OnePair,
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

/// The median of positive samples with its 95 % interval; without a width where there is one sample.
pub fn median_interval(samples: &[f64]) -> Result<Interval, StatsError> {
    check_times(samples)?;
    let mut picked = samples.to_vec();
    let value = median_of(&mut picked);
    if samples.len() < ENOUGH {
        return Ok(few(value, samples.iter().copied()));
    }
    Ok(bootstrap(value, samples.len(), |rounds| {
        for (slot, &round) in picked.iter_mut().zip(rounds) {
            *slot = samples[round];
        }
        median_of(&mut picked)
    }))
}

/// The ratio of two medians of positive samples with its 95 % interval. The samples are pairs, one of each per round; whole
/// rounds are resampled, so that what slowed a round down slows both its samples down in every resample.
pub fn ratio_interval(numerator: &[f64], denominator: &[f64]) -> Result<Interval, StatsError> {
    if numerator.len() != denominator.len() {
        return Err(StatsError::Unpaired { numerator: numerator.len(), denominator: denominator.len() });
    }
    check_times(numerator)?;
    check_times(denominator)?;
    if numerator.len() == 1 {
        return Err(StatsError::OnePair);
    }
    let (mut top, mut bottom) = (numerator.to_vec(), denominator.to_vec());
    let value = median_of(&mut top) / median_of(&mut bottom);
    if numerator.len() < ENOUGH {
        return Ok(few(value, numerator.iter().zip(denominator).map(|(above, below)| above / below)));
    }
    Ok(bootstrap(value, numerator.len(), |rounds| {
        for (i, &round) in rounds.iter().enumerate() {
            (top[i], bottom[i]) = (numerator[round], denominator[round]);
        }
        median_of(&mut top) / median_of(&mut bottom)
    }))
}

fn check(samples: &[f64]) -> Result<(), StatsError> {
    checked(samples, |s| s.is_finite())
}

fn check_times(samples: &[f64]) -> Result<(), StatsError> {
    checked(samples, |s| s.is_finite() && s > 0.0)
}

fn checked(samples: &[f64], sound: impl Fn(f64) -> bool) -> Result<(), StatsError> {
    if samples.is_empty() {
        return Err(StatsError::Empty);
    }
    match samples.iter().position(|s| !sound(*s)) {
        Some(index) => Err(StatsError::NoTime { index, value: samples[index] }),
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

/// Student's interval of the mean of the logarithms, and the figure.
fn few(value: f64, samples: impl Iterator<Item = f64>) -> Interval {
    // From the figure: samples in another unit have the same interval in that unit, to the last bit.
    let logs: Vec<f64> = samples.map(|s| (s / value).ln()).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
    let half = if n > 1.0 { student(logs.len() - 1, Level::P95) * (squares / (n - 1.0) / n).sqrt() } else { 0.0 };
    around(value, [mean - half, mean + half])
}

/// An interval from the logarithms of its ends over the figure; the figure is in it.
fn around(value: f64, [low, high]: [f64; 2]) -> Interval {
    let end = |log: f64| (value * log.exp()).clamp(f64::MIN_POSITIVE, f64::MAX);
    Interval { value, low: end(low).min(value), high: end(high).max(value) }
}

/// Any order as likely as any other (Fisher and Yates).
pub(crate) fn shuffle<T>(order: &mut [T], rng: &mut ChaCha8Rng) {
    for i in (1..order.len()).rev() {
        order.swap(i, below(rng, i + 1));
    }
}

fn bootstrap(value: f64, n: usize, mut statistic: impl FnMut(&[usize]) -> f64) -> Interval {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut rounds = vec![0; n];
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for round in &mut rounds {
                *round = below(&mut rng, n);
            }
            statistic(&rounds)
        })
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    let widened = widened(n, Level::P95);
    let point = |share: f64| (values[(share * RESAMPLES as f64) as usize] / value).ln() * widened;
    around(value, [point(0.025), point(0.975)])
}

/// How often an interval holds the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// 95 %.
    P95,
    /// 99 %.
    P99,
}

/// By which factor the percentile bootstrap's interval of so many independent parts, two or more, is widened.
pub(crate) fn widened(parts: usize, level: Level) -> f64 {
    let n = parts as f64;
    (n / (n - 1.0)).sqrt() * student(parts - 1, level) / student(usize::MAX, level)
}

/// The point of Student's distribution that leaves half of what a level leaves out beyond it (any table of it), between the
/// table's entries by the reciprocal of the degrees of freedom.
fn student(freedom: usize, level: Level) -> f64 {
    const POINTS: [(f64, [f64; 2]); 16] = [
        (1.0, [12.706, 63.657]),
        (2.0, [4.303, 9.925]),
        (3.0, [3.182, 5.841]),
        (4.0, [2.776, 4.604]),
        (5.0, [2.571, 4.032]),
        (6.0, [2.447, 3.707]),
        (7.0, [2.365, 3.499]),
        (8.0, [2.306, 3.355]),
        (9.0, [2.262, 3.250]),
        (10.0, [2.228, 3.169]),
        (12.0, [2.179, 3.055]),
        (15.0, [2.131, 2.947]),
        (20.0, [2.086, 2.845]),
        (30.0, [2.042, 2.750]),
        (60.0, [2.000, 2.660]),
        (f64::INFINITY, [1.960, 2.576]),
    ];
    let point = |at: usize| POINTS[at].1[level as usize];
    let freedom = if freedom == usize::MAX { f64::INFINITY } else { freedom.max(1) as f64 };
    let after = POINTS.iter().position(|(n, _)| *n >= freedom).unwrap_or(POINTS.len() - 1);
    let (n1, t1) = (POINTS[after].0, point(after));
    if n1 == freedom {
        return t1;
    }
    let (n0, t0) = (POINTS[after - 1].0, point(after - 1));
    t1 + (t0 - t1) * (1.0 / freedom - 1.0 / n1) / (1.0 / n0 - 1.0 / n1)
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
        assert!(matches!(median(&[1.0, f64::NAN]), Err(StatsError::NoTime { index: 1, .. })));
        assert!(matches!(mad(&[f64::INFINITY]), Err(StatsError::NoTime { index: 0, .. })));
        assert_eq!(median(&[-1.0, 0.0, 1.0]), Ok(0.0));
        assert!(matches!(median_interval(&[1.0, 0.0]), Err(StatsError::NoTime { index: 1, .. })));
        assert_eq!(ratio_interval(&[1.0], &[]), Err(StatsError::Unpaired { numerator: 1, denominator: 0 }));
        assert!(matches!(ratio_interval(&[1.0], &[0.0]), Err(StatsError::NoTime { .. })));
        assert_eq!(ratio_interval(&[1.0], &[2.0]), Err(StatsError::OnePair));
    }

    #[test]
    fn one_sample_and_equal_samples_have_no_width() {
        for n in [1, 3, 9] {
            let samples = vec![5.0; n];
            assert_eq!(median_interval(&samples), Ok(Interval { value: 5.0, low: 5.0, high: 5.0 }));
            let one = Interval { value: 1.0, low: 1.0, high: 1.0 };
            assert!(n == 1 || ratio_interval(&samples, &samples) == Ok(one));
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

    /// A factor of median 1: the sum of twelve uniform numbers is all but normal.
    fn noise(rng: &mut ChaCha8Rng) -> f64 {
        let sum: f64 = (0..12).map(|_| f64::from(rng.next_u32()) / f64::from(u32::MAX)).sum();
        (0.2 * (sum - 6.0)).exp()
    }

    #[test]
    fn the_interval_covers_the_truth_as_often_as_it_says() {
        const TRIALS: usize = 1000;
        let holds = |interval: Interval, truth: f64| interval.low <= truth && truth <= interval.high;
        for n in [2, 3, 4, 5, 6, 8, 25] {
            let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
            let (mut medians, mut ratios) = (0, 0);
            for _ in 0..TRIALS {
                let (mut above, mut below) = (Vec::new(), Vec::new());
                for _ in 0..n {
                    // What slows a round down slows both.
                    let round = noise(&mut rng);
                    above.push(3.0 * round * noise(&mut rng));
                    below.push(round * noise(&mut rng));
                }
                medians += usize::from(holds(median_interval(&below).unwrap(), 1.0));
                ratios += usize::from(holds(ratio_interval(&above, &below).unwrap(), 3.0));
            }
            for covered in [medians, ratios] {
                // More than 99 % would be an interval of something else.
                let most = if n < 6 { 980 } else { 990 };
                assert!((930..=most).contains(&covered), "{medians} and {ratios} of {TRIALS} with {n} samples");
            }
        }
    }

    #[test]
    fn every_order_is_as_likely_as_any_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut orders = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut order = [0, 1, 2];
            shuffle(&mut order, &mut rng);
            *orders.entry(order).or_insert(0) += 1;
        }
        assert!(orders.len() == 6 && orders.values().all(|n| (900..1100).contains(n)), "{orders:?}");
    }

    #[test]
    fn the_points_of_student_fall_with_freedom() {
        for (level, at_11, at_100) in [(Level::P95, 2.201, 1.984), (Level::P99, 3.106, 2.626)] {
            let points: Vec<f64> = (1..200).map(|freedom| student(freedom, level)).collect();
            assert!(points.windows(2).all(|p| p[0] > p[1]));
            assert!((student(11, level) - at_11).abs() < 0.01 && (student(100, level) - at_100).abs() < 0.01);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn intervals_contain_the_figure_and_are_positive_and_finite(
            samples in prop::collection::vec(0.1f64..1e9, 1..40),
        ) {
            let interval = median_interval(&samples).unwrap();
            prop_assert!(0.0 < interval.low && interval.low <= interval.value);
            prop_assert!(interval.value <= interval.high && interval.high.is_finite());
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
