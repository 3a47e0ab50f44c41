//! `exp(x - max x) / sum exp(x - max x)`, in f64.

use crate::kernel::RowReference;

/// Probabilities of one row, and what their rounding errors are proportional to.
///
/// The magnitude of an output is the output, with two things added that no f32 code can avoid. Rounding `x - max` to f32
/// changes `exp` by the relative error `|x - max| 2^-24`: beyond `|x - max| = 32` that would use up the tolerance alone,
/// so the magnitude grows with it. Exponentials below 2^-126 may become zero: an absolute error, allowed by the constant.
pub fn row(x: &[f32]) -> RowReference {
    let top = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let below = |v: f32| f64::from(v) - f64::from(top);
    let sum: f64 = x.iter().map(|&v| below(v).exp()).sum();
    let values: Vec<f64> = x.iter().map(|&v| below(v).exp() / sum).collect();
    let flushed = f64::from(f32::MIN_POSITIVE) / super::BACKWARD;
    let magnitudes = values.iter().zip(x).map(|(p, &v)| magnitude(*p, -below(v)) + flushed).collect();
    RowReference { values, magnitudes }
}

/// `p (1 + distance / 32)`, and 0 for a masked value.
fn magnitude(p: f64, distance: f64) -> f64 {
    if p == 0.0 { 0.0 } else { p * (1.0 + distance / 32.0) }
}
