//! `c[i, j] = sum over p of a[i, p] b[p, j]`, in f64.

use super::Factor;
use crate::kernel::RowReference;

/// One row of C and the sums of its absolute terms: `a` is that row of A, `b` is all of B with `n` columns.
pub fn row<E: Factor>(a: &[E], b: &[E], n: usize) -> RowReference {
    let mut values = vec![0.0; n];
    let mut magnitudes = vec![0.0; n];
    for (p, &a) in a.iter().enumerate() {
        for j in 0..n {
            let term = a.decode() * b[p * n + j].decode();
            values[j] += term;
            magnitudes[j] += term.abs();
        }
    }
    RowReference { values, magnitudes }
}
