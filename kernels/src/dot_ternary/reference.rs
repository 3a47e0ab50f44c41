//! `y[r] = sum over c of w[r, c] x[c]`, in f64: small integers, so exact.

use crate::kernel::RowReference;

/// One output; it lies well within the integers that an f32 holds.
pub fn row(w: &[i8], x: &[i8]) -> RowReference {
    let terms = w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x));
    RowReference { magnitudes: vec![terms.clone().map(f64::abs).sum()], values: vec![terms.sum()] }
}
