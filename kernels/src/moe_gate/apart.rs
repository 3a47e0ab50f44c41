//! Keeps inputs away from near ties. Two experts, or groups, nearer than the rounding of their scores would be chosen by
//! rounding; there is no tolerance for a wrong index, so no such input is made: biases are raised until all are apart.

use super::Size;
use super::reference::{best_first, groups, scores};

/// Least distance: what sigmoids and the addition of biases round.
const ROUNDING: f64 = 1e-5;
/// Rounds after which every shape tried was long done.
const MOST_ROUNDS: usize = 1000;

/// Raises biases until every two experts, and every two groups, are further apart than any variant rounds.
///
/// Products of `k` terms round by less than `8 sqrt(k) 2^-24` of their absolute terms but for one in 10^13 (Higham and
/// Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41, 2019), and the sigmoid's slope
/// is at most a quarter.
pub fn keep_apart(size: &Size, w: &[f32], x: &[f32], bias: &mut [f32]) {
    let scores = scores(size, w, x);
    let largest = scores.iter().map(|s| s.1).fold(0.0, f64::max);
    let product = 8.0 * (size.width as f64).sqrt() * 2f64.powi(-24) * largest;
    let gap = ROUNDING + 2.0 * product / 4.0;
    let biased = |bias: &[f32]| -> Vec<f64> { scores.iter().zip(bias).map(|(s, b)| s.0 + f64::from(*b)).collect() };
    for _ in 0..MOST_ROUNDS {
        let mut moved = false;
        let now = biased(bias);
        let mut below = f64::NEG_INFINITY;
        for e in best_first(&now).into_iter().rev() {
            let least = below + gap;
            if now[e] < least {
                bias[e] += (least + gap / 2.0 - now[e]) as f32;
                moved = true;
            }
            below = scores[e].0 + f64::from(bias[e]);
        }
        let now = biased(bias);
        let sums = groups(size, &now);
        let mut below = f64::NEG_INFINITY;
        for g in best_first(&sums).into_iter().rev().filter(|_| size.groups > 1) {
            let least = below + 2.0 * gap;
            below = sums[g].max(least);
            if sums[g] < least {
                let first = g * size.group();
                let best = first + best_first(&now[first..first + size.group()])[0];
                bias[best] += (least + gap - sums[g]) as f32;
                below += gap;
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}
