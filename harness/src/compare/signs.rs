//! What samples show beside their ratio: a level that drifted while they were taken, and times in two modes. Either says
//! that one number does not tell all.

use crate::stats::{median, median_interval};

/// Fewest samples that anything is said of.
const FEWEST: usize = 24;
/// Each mode holds at least this share of the samples: fewer are outliers.
const LEAST_MODE: f64 = 0.1;
/// At most this share of the samples lies in the middle third between two modes.
const VALLEY: f64 = 0.05;

/// Times in two groups with next to nothing between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Modes {
    /// Median of the slower group over that of the faster.
    pub ratio: f64,
    /// Share of the samples in the slower group.
    pub slower: f64,
}

/// By which factor the level changed from the first third of the samples to the last, where both are sure and the change
/// exceeds the threshold.
pub fn drift(samples_ns: &[f64], threshold: f64) -> Option<f64> {
    if samples_ns.len() < FEWEST {
        return None;
    }
    let third = samples_ns.len() / 3;
    let first = median_interval(&samples_ns[..third]).ok()?;
    let last = median_interval(&samples_ns[samples_ns.len() - third..]).ok()?;
    let apart = first.high < last.low || last.high < first.low;
    let ratio = last.value / first.value;
    (apart && ratio.ln().abs() > threshold.ln_1p()).then_some(ratio)
}

/// Two modes further apart than the threshold, where there are. The groups are split where the variance within them is
/// least (Otsu 1979).
pub fn modes(samples_ns: &[f64], threshold: f64) -> Option<Modes> {
    if samples_ns.len() < FEWEST || samples_ns.iter().any(|ns| !ns.is_finite() || *ns <= 0.0) {
        return None;
    }
    let mut logs: Vec<f64> = samples_ns.iter().map(|ns| ns.ln()).collect();
    logs.sort_unstable_by(f64::total_cmp);
    let n = logs.len();
    // Without the slowest samples: one that was interrupted for long would be a group of its own.
    let kept = &logs[..n - (LEAST_MODE * n as f64) as usize / 2];
    let split = otsu(kept);
    let (fast, slow) = logs.split_at(split);
    let least = (LEAST_MODE * n as f64).ceil() as usize;
    if fast.len() < least || slow.len() < least {
        return None;
    }
    let (low, high) = (median(fast).ok()?, median(slow).ok()?);
    let third = (high - low) / 3.0;
    let between = logs.iter().filter(|x| (low + third..=high - third).contains(*x)).count();
    let clear = between as f64 <= VALLEY * n as f64 && high - low > threshold.ln_1p();
    clear.then(|| Modes { ratio: (high - low).exp(), slower: slow.len() as f64 / n as f64 })
}

/// How many of sorted values are in the lower of the two groups with the most variance between them.
fn otsu(sorted: &[f64]) -> usize {
    let (n, total) = (sorted.len() as f64, sorted.iter().sum::<f64>());
    let (mut best, mut most, mut below) = (0, f64::MIN, 0.0);
    for at in 1..sorted.len() {
        below += sorted[at - 1];
        let (count, mean_below) = (at as f64, below / at as f64);
        let mean_above = (total - below) / (n - count);
        let between = count * (n - count) * (mean_above - mean_below).powi(2);
        if between > most {
            (best, most) = (at, between);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn unit(rng: &mut ChaCha8Rng) -> f64 {
        f64::from(rng.next_u32()) / f64::from(u32::MAX)
    }

    /// 100 ns with noise of about 1 %.
    fn steady(rng: &mut ChaCha8Rng) -> f64 {
        100.0 * (0.01 * ((0..12).map(|_| unit(rng)).sum::<f64>() - 6.0)).exp()
    }

    #[test]
    fn steady_and_uniform_and_skewed_samples_show_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut said = [0; 2];
        for _ in 0..50 {
            let steady: Vec<f64> = (0..300).map(|_| steady(&mut rng)).collect();
            let uniform: Vec<f64> = (0..300).map(|_| 100.0 + 10.0 * unit(&mut rng)).collect();
            let skewed: Vec<f64> = (0..300).map(|_| 100.0 - 10.0 * unit(&mut rng).max(1e-9).ln()).collect();
            for samples in [steady, uniform, skewed] {
                said[0] += usize::from(drift(&samples, 0.01).is_some());
                said[1] += usize::from(modes(&samples, 0.01).is_some());
            }
        }
        assert!(said[0] <= 3 && said[1] == 0, "{said:?}");
    }

    #[test]
    fn a_level_that_moves_is_drift_by_as_much() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let samples: Vec<f64> = (0..300).map(|i| steady(&mut rng) * (1.0 + 0.06 * f64::from(i) / 300.0)).collect();
        let found = drift(&samples, 0.01).expect("it drifts");
        assert!((1.03..1.05).contains(&found), "{found}");
        assert_eq!(drift(&samples, 0.10), None);
        assert_eq!(drift(&samples[..FEWEST - 1], 0.01), None);
    }

    #[test]
    fn two_modes_are_found_with_their_distance_and_share() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let samples: Vec<f64> =
            (0..400).map(|_| steady(&mut rng) * if unit(&mut rng) < 0.3 { 1.2 } else { 1.0 }).collect();
        let found = modes(&samples, 0.01).expect("two");
        assert!((1.18..1.22).contains(&found.ratio) && (0.2..0.4).contains(&found.slower), "{found:?}");
    }

    #[test]
    fn a_few_interrupted_samples_are_no_mode_and_hide_none() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut interrupted = |mode: f64| -> Vec<f64> {
            let one = |i: usize| {
                let slow = unit(&mut rng) < 0.5;
                let factor = if i.is_multiple_of(25) {
                    40.0
                } else if slow {
                    mode
                } else {
                    1.0
                };
                steady(&mut rng) * factor
            };
            (0..400).map(one).collect()
        };
        assert_eq!(modes(&interrupted(1.0), 0.01), None);
        assert!(modes(&interrupted(1.3), 0.01).is_some());
    }
}
