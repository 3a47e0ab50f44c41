//! `y[r] = sum over blocks and values of (d q) (xd xq)`, in f64, over the stored quants and scales.

use super::BLOCK_LEN;
use crate::dtype::q8_0::BlockQ8_0;
use crate::kernel::RowReference;

/// One output and the sum of its absolute terms.
pub fn row(w: &[BlockQ8_0], xq: &[i8], xd: &[f32]) -> RowReference {
    let mut value = 0.0;
    let mut magnitude = 0.0;
    for (b, block) in w.iter().enumerate() {
        let scale = block.d.to_f64() * f64::from(xd[b]);
        for (c, &q) in block.qs.iter().enumerate() {
            let term = scale * f64::from(q) * f64::from(xq[b * BLOCK_LEN + c]);
            value += term;
            magnitude += term.abs();
        }
    }
    RowReference { values: vec![value], magnitudes: vec![magnitude] }
}
