//! `y[r] = sum over blocks and weights of d (code - 1) (xd xq)`, in f64, over the stored codes, quants and scales.

use crate::dtype::tq2_0::{BLOCK_LEN, BlockTq2_0};
use crate::kernel::RowReference;

/// One output, and the sum of its terms' magnitudes.
pub fn row(w: &[BlockTq2_0], quants: &[i8], scales: &[f32]) -> RowReference {
    let (mut value, mut magnitude) = (0.0, 0.0);
    for ((block, x), xd) in w.iter().zip(quants.chunks_exact(BLOCK_LEN)).zip(scales) {
        let scale = f64::from(block.d) * f64::from(*xd);
        for (code, q) in block.codes().into_iter().zip(x) {
            let term = scale * (f64::from(code) - 1.0) * f64::from(*q);
            value += term;
            magnitude += term.abs();
        }
    }
    RowReference { values: vec![value], magnitudes: vec![magnitude] }
}
