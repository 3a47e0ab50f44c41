//! The largest of `sum over c of w[r, c] x[c]` over rows r, the first of equal ones, in f64.

use super::HeadElement;
use crate::kernel::RowReference;

/// The row, which must be exact, and its logit with the sum of its absolute terms.
pub fn largest<E: HeadElement>(w: &[E], rows: usize, x: &[f32]) -> RowReference {
    let terms = |r: usize| w[r * x.len()..(r + 1) * x.len()].iter().zip(x).map(|(w, x)| w.decode() * f64::from(*x));
    let (mut row, mut logit) = (0, f64::NEG_INFINITY);
    for r in 0..rows {
        let sum: f64 = terms(r).sum();
        if sum > logit {
            (row, logit) = (r, sum);
        }
    }
    RowReference { values: vec![row as f64, logit], magnitudes: vec![0.0, terms(row).map(f64::abs).sum()] }
}
