//! `y[c] = x[c] w[c] / sqrt(mean(x^2))`, in f64, kept to a byte.

use super::LARGEST;
use crate::kernel::RowReference;

/// One row of bytes; each counts as a part of the range of a byte, which is what its error is compared with.
pub fn row(x: &[i8], w: &[i8]) -> RowReference {
    let squares: f64 = x.iter().map(|&x| f64::from(x).powi(2)).sum();
    let rms = (squares / x.len() as f64).sqrt();
    let value = |(&x, &w): (&i8, &i8)| {
        let y = if squares == 0.0 { 0.0 } else { f64::from(x) * f64::from(w) / rms };
        y.clamp(-f64::from(LARGEST), f64::from(LARGEST))
    };
    RowReference { values: x.iter().zip(w).map(value).collect(), magnitudes: vec![LARGEST.into(); x.len()] }
}
