//! `y[r] = sum over c of w[r, c] x[c]`, in f64.

use super::Element;
use crate::kernel::RowReference;

/// One output and the sum of its absolute terms.
pub fn row<E: Element>(w: &[E], x: &[f32]) -> RowReference {
    let mut value = 0.0;
    let mut magnitude = 0.0;
    for (&w, &x) in w.iter().zip(x) {
        let term = w.decode() * f64::from(x);
        value += term;
        magnitude += term.abs();
    }
    RowReference { values: vec![value], magnitudes: vec![magnitude] }
}
