//! `y[r] = sum over blocks and weights of w (xd xq)`, in f64, over the stored quants and scales.

use super::Packed;
use crate::kernel::RowReference;

/// One output, and the sum of its terms' magnitudes. A format with minimums takes one rounded sum from another, so there a
/// weight's magnitude is that of its largest possible neighbour: the largest of its block.
pub fn row<F: Packed>(w: &[F], quants: &[i8], scales: &[f32]) -> RowReference {
    let (mut value, mut magnitude) = (0.0, 0.0);
    for ((block, x), d) in w.iter().zip(quants.chunks_exact(F::LEN)).zip(scales) {
        let weights = block.exact();
        let least = if F::MINIMUMS { weights.iter().fold(0.0f64, |m, w| m.max(w.abs())) } else { 0.0 };
        for (w, x) in weights.iter().zip(x) {
            let activation = f64::from(*d) * f64::from(*x);
            value += w * activation;
            magnitude += w.abs().max(least) * activation.abs();
        }
    }
    RowReference { values: vec![value], magnitudes: vec![magnitude] }
}
