//! `C[i, j] = sum over p of A[i, p] W[j, p]` in f64, over the stored f16 and the weights that the blocks stand for.

use half::f16;

use super::{Format, SMALLEST};
use crate::kernel::RowReference;

/// One row of C. Terms count at least what the smallest normal f16 times the activation is: a weight below that is rounded
/// absolutely.
pub fn row<F: Format>(a: &[f16], w: &[F], n: usize) -> RowReference {
    let blocks = a.len() / F::LEN;
    let (mut values, mut magnitudes) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for j in 0..n {
        let weights = w[j * blocks..(j + 1) * blocks].iter().flat_map(F::exact);
        let (mut value, mut magnitude) = (0.0, 0.0);
        for (a, w) in a.iter().zip(weights) {
            let a = f64::from(*a);
            value += a * w;
            magnitude += a.abs() * w.abs().max(SMALLEST);
        }
        values.push(value);
        magnitudes.push(magnitude);
    }
    RowReference { values, magnitudes }
}
