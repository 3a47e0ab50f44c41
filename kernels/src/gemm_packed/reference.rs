//! `C[i, r] = sum over blocks and weights of w (xd xq)`, in f64, over the stored quants and scales.

use super::Format;
use crate::gemv_packed::reference;
use crate::kernel::RowReference;

/// One row of C: a GEMV's f64 reference for each row of weights.
pub fn row<F: Format>(w: &[F], n: usize, quants: &[i8], scales: &[f32]) -> RowReference {
    let (mut values, mut magnitudes) = (Vec::new(), Vec::new());
    for r in 0..n {
        let one = reference::row(&w[r * scales.len()..(r + 1) * scales.len()], quants, scales);
        values.extend(one.values);
        magnitudes.extend(one.magnitudes);
    }
    RowReference { values, magnitudes }
}
