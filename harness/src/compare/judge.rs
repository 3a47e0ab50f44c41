//! The interval of a ratio from interleaved samples. A block samples everyone once, in random order, and once more in the
//! order reversed: whatever drifts linearly falls on all alike. Its figure is the logarithm of a ratio; a run's figure is the
//! median of its blocks, which what hit few of them does not move; the result's is the mean of the runs, each in processes of
//! its own, since where code and operands come to lie makes a difference that no number of blocks in one process shows.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::stats::{Interval, Level, StatsError, below, median, median_of, widened};

/// Two samples of every candidate, ns: at equal distances from the middle of the block.
pub type Block = Vec<[f64; 2]>;

/// Resamples of a bootstrap: 5 lie beyond either end of the interval.
const RESAMPLES: usize = 1000;
/// Seed of the resampling: the same samples give the same interval.
const SEED: u64 = 0x636d_7061_7265;
/// Share of the resamples beyond either end: the intervals hold 99 %.
const TAIL: f64 = 0.005;
/// Fewest independent stretches of a series that are resampled.
const STRETCHES: usize = 8;

/// The logarithms of other over base, a figure per block.
pub fn log_ratios(run: &[Block], base: usize, other: usize) -> Vec<f64> {
    let figure = |block: &Block| {
        let [b, o] = [block[base], block[other]];
        (o[0].ln() + o[1].ln() - b[0].ln() - b[1].ln()) / 2.0
    };
    run.iter().map(figure).collect()
}

/// Time over the base's time with its 99 % interval, from the log ratios of the blocks of each run: the wider, at each end,
/// of two bootstraps. In one the stretches of blocks in each run are resampled (circular block bootstrap: Politis and Romano
/// 1992), stretches so long that what hits neighbouring blocks stays together; in the other the runs.
///
/// # Errors
/// Where a run is empty or a figure is not finite.
pub fn ratio(runs: &[Vec<f64>]) -> Result<Interval, StatsError> {
    let medians: Vec<f64> = runs.iter().map(|run| median(run)).collect::<Result<_, _>>()?;
    if medians.is_empty() {
        return Err(StatsError::Empty);
    }
    let value = mean(&medians);
    let within = within(runs, value);
    let interval = match among(&medians, value) {
        Some(among) => [within[0].min(among[0]), within[1].max(among[1])],
        None => within,
    };
    Ok(Interval { value: value.exp(), low: interval[0].exp(), high: interval[1].exp() })
}

/// Median over median with its 99 % interval, of two that were not sampled together, in logarithms: wider than a paired one,
/// and blind to what changed between the two.
///
/// # Errors
/// Where one is empty or a figure is not finite.
pub fn unpaired_ratio(base_logs: &[f64], other_logs: &[f64]) -> Result<Interval, StatsError> {
    let value = median(other_logs)? - median(base_logs)?;
    let lengths = [stretch(base_logs), stretch(other_logs)];
    let stretches = (base_logs.len() / lengths[0]).min(other_logs.len() / lengths[1]);
    let mut picked = Vec::new();
    let [low, high] = percentiles(value, stretches, |rng| {
        let other = resampled_median(other_logs, lengths[1], &mut picked, rng);
        other - resampled_median(base_logs, lengths[0], &mut picked, rng)
    });
    Ok(Interval { value: value.exp(), low: low.exp(), high: high.exp() })
}

/// The ends of the interval from the blocks of each run.
fn within(runs: &[Vec<f64>], value: f64) -> [f64; 2] {
    let lengths: Vec<usize> = runs.iter().map(|run| stretch(run)).collect();
    let mut picked = Vec::new();
    let stretches = runs.iter().zip(&lengths).map(|(run, length)| run.len() / length).sum();
    percentiles(value, stretches, |rng| {
        let of_run = |(run, length): (&Vec<f64>, &usize)| resampled_median(run, *length, &mut picked, rng);
        runs.iter().zip(&lengths).map(of_run).sum::<f64>() / runs.len() as f64
    })
}

/// The median of as many figures, in stretches from random places of the series closed to a circle.
fn resampled_median(series: &[f64], length: usize, picked: &mut Vec<f64>, rng: &mut ChaCha8Rng) -> f64 {
    picked.clear();
    while picked.len() < series.len() {
        let start = below(rng, series.len());
        let left = series.len() - picked.len();
        picked.extend((start..start + length.min(left)).map(|i| series[i % series.len()]));
    }
    median_of(picked)
}

/// The ends of the interval from the differences between runs; none of a single run.
fn among(medians: &[f64], value: f64) -> Option<[f64; 2]> {
    let n = medians.len();
    (n > 1).then(|| percentiles(value, n, |rng| (0..n).map(|_| medians[below(rng, n)]).sum::<f64>() / n as f64))
}

/// The percentile interval of a resampled figure, widened for so few independent parts.
fn percentiles(value: f64, parts: usize, mut resample: impl FnMut(&mut ChaCha8Rng) -> f64) -> [f64; 2] {
    if parts < 2 {
        return [f64::NEG_INFINITY, f64::INFINITY];
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut values: Vec<f64> = (0..RESAMPLES).map(|_| resample(&mut rng)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let rank = (TAIL * RESAMPLES as f64) as usize;
    let widened = widened(parts, Level::P99);
    let end = |at: f64| value + (at - value) * widened;
    [end(values[rank].min(value)), end(values[RESAMPLES - 1 - rank].max(value))]
}

/// How many neighbouring blocks are resampled together: twice the correlation time of the signs of the deviations from
/// the median, since it is these that move a median. At most so many that [`STRETCHES`] are left.
fn stretch(run: &[f64]) -> usize {
    let most = run.len() / STRETCHES;
    if most < 2 {
        return 1;
    }
    let centre = median_of(&mut run.to_vec());
    let signs: Vec<f64> = run.iter().map(|x| if *x > centre { 1.0 } else { -1.0 }).collect();
    let n = signs.len();
    // Sokal's window: summed until five correlation times are covered (Monte Carlo Methods in Statistical Mechanics, 1996).
    let (mut time, mut lag) = (1.0, 0);
    while lag < most && (lag as f64) < 5.0 * time {
        lag += 1;
        time += 2.0 * (0..n - lag).map(|i| signs[i] * signs[i + lag]).sum::<f64>() / n as f64;
    }
    ((2.0 * time).ceil().max(1.0) as usize).min(most)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::rand_core::Rng;

    use super::*;

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| f64::from(rng.next_u32()) / f64::from(u32::MAX)).sum::<f64>() - 6.0
    }

    #[test]
    fn linear_drift_cancels_in_every_block() {
        // Times 100, 101, 102, ... in the order of sampling: 0 1 2 2 1 0.
        let block = vec![[100.0, 105.0], [101.0, 104.0], [102.0, 103.0]];
        for other in [1, 2] {
            assert!(log_ratios(std::slice::from_ref(&block), 0, other)[0].abs() < 1e-3);
        }
    }

    #[test]
    fn one_block_says_nothing_and_equal_blocks_have_no_width() {
        let alone = ratio(&[vec![0.1]]).unwrap();
        assert!(alone.low == 0.0 && alone.high == f64::INFINITY && (alone.value - 0.1f64.exp()).abs() < 1e-12);
        let equal = ratio(&[vec![0.1; 40], vec![0.1; 9]]).unwrap();
        assert!((equal.high - equal.low).abs() < 1e-12, "{equal:?}");
        assert!(ratio(&[]).is_err() && ratio(&[vec![]]).is_err() && ratio(&[vec![f64::NAN]]).is_err());
    }

    #[test]
    fn runs_that_disagree_widen_the_interval_beyond_what_their_blocks_say() {
        let run = |at: f64| (0..100).map(|i| at + 1e-4 * f64::from(i % 10)).collect::<Vec<f64>>();
        let agreeing = ratio(&[run(0.0), run(0.0), run(0.0), run(0.0)]).unwrap();
        let apart = ratio(&[run(-0.02), run(0.02), run(-0.01), run(0.01)]).unwrap();
        assert!(agreeing.high - agreeing.low < 2e-3, "{agreeing:?}");
        assert!(apart.low < 0.98 && apart.high > 1.02, "{apart:?}");
    }

    #[test]
    fn neighbours_that_move_together_are_resampled_together() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let white: Vec<f64> = (0..2000).map(|_| normal(&mut rng)).collect();
        let mut level = 0.0;
        let slow: Vec<f64> = (0..2000)
            .map(|_| {
                level = 0.98 * level + normal(&mut rng);
                level
            })
            .collect();
        assert!(stretch(&white) <= 4, "{}", stretch(&white));
        assert!(stretch(&slow) >= 30, "{}", stretch(&slow));
        assert_eq!(stretch(&[1.0, 2.0, 3.0]), 1);
    }

    #[test]
    fn intervals_of_few_hold_the_truth_as_often_as_they_say() {
        // Four blocks of one run; six runs of one block: where a plain percentile bootstrap misses every tenth time.
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for (runs, blocks) in [(1, 4), (6, 1), (3, 3), (8, 20)] {
            let missed = (0..400)
                .filter(|_| {
                    let samples: Vec<Vec<f64>> =
                        (0..runs).map(|_| (0..blocks).map(|_| normal(&mut rng)).collect()).collect();
                    let interval = ratio(&samples).unwrap();
                    interval.low > 1.0 || interval.high < 1.0
                })
                .count();
            assert!(missed <= 12, "{missed} of 400 with {runs} runs of {blocks}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn exchanging_the_two_turns_the_interval_over(
            samples in prop::collection::vec(prop::collection::vec(-0.5f64..0.5, 2..12), 1..6),
        ) {
            let turned: Vec<Vec<f64>> = samples.iter().map(|run| run.iter().map(|x| -x).collect()).collect();
            let (one, other) = (ratio(&samples).unwrap(), ratio(&turned).unwrap());
            // The ranks at both ends are the same, counted from either side.
            prop_assert!((one.value * other.value - 1.0).abs() < 1e-9);
            prop_assert!((one.low * other.high - 1.0).abs() < 1e-6 && (one.high * other.low - 1.0).abs() < 1e-6);
            prop_assert!(one.low <= one.value && one.value <= one.high);
        }

        #[test]
        fn a_slower_other_moves_the_interval_by_as_much(
            samples in prop::collection::vec(prop::collection::vec(-0.1f64..0.1, 2..12), 1..6),
            by in -1.0f64..1.0,
        ) {
            let moved: Vec<Vec<f64>> = samples.iter().map(|run| run.iter().map(|x| x + by).collect()).collect();
            let (one, other) = (ratio(&samples).unwrap(), ratio(&moved).unwrap());
            prop_assert!((other.low / one.low / by.exp() - 1.0).abs() < 1e-6);
            prop_assert!((other.high / one.high / by.exp() - 1.0).abs() < 1e-6);
        }
    }
}
