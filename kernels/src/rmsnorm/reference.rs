//! `h = h + delta`, `y = h / sqrt(mean(h^2) + eps) * w`, in f64.

use crate::kernel::RowReference;

/// One row of `y`, then the same row of `h + delta`; both checked relative to the value itself.
pub fn row(h: &[f32], delta: &[f32], w: &[f32]) -> RowReference {
    let sums: Vec<f64> = h.iter().zip(delta).map(|(&h, &d)| f64::from(h) + f64::from(d)).collect();
    let mean = sums.iter().map(|h| h * h).sum::<f64>() / sums.len() as f64;
    let rms = (mean + f64::from(super::EPSILON)).sqrt();
    let mut values: Vec<f64> = sums.iter().zip(w).map(|(h, &w)| h / rms * f64::from(w)).collect();
    let mut magnitudes: Vec<f64> = values.iter().map(|y| y.abs()).collect();
    magnitudes.extend(sums.iter().map(|h| h.abs()));
    values.extend(sums);
    RowReference { values, magnitudes }
}
