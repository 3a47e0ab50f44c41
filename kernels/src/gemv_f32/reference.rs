//! `y[r] = sum over c of w[r, c] x[c]`, in f64.

use crate::kernel::RowReference;

/// One output and the sum of its absolute terms.
pub fn row(w: &[f32], x: &[f32]) -> RowReference {
    let mut value = 0.0;
    let mut magnitude = 0.0;
    for (&w, &x) in w.iter().zip(x) {
        let term = f64::from(w) * f64::from(x);
        value += term;
        magnitude += term.abs();
    }
    RowReference { values: vec![value], magnitudes: vec![magnitude] }
}
