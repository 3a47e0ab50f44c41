//! `y[c] = 2^15 exp((x[c] - max x) / 16) / sum of the same`, in f64.

use super::{ONE, STEPS};
use crate::kernel::RowReference;

/// One row of shares; each counts as a part of the whole, which is what its error is compared with.
pub fn row(x: &[i8]) -> RowReference {
    let top = x.iter().copied().max().unwrap_or(0);
    let e: Vec<f64> = x.iter().map(|&x| ((f64::from(x) - f64::from(top)) / f64::from(STEPS)).exp()).collect();
    let sum: f64 = e.iter().sum();
    RowReference { values: e.iter().map(|e| f64::from(ONE) * e / sum).collect(), magnitudes: vec![ONE.into(); x.len()] }
}
