//! `C[i, j] = sum over blocks b of sa[i, b] sb[j / 128, b] (a[i, b] · w[j, b])`, in f64, over the stored codes and scales.

use super::BLOCK;
use crate::dtype::e4m3;
use crate::kernel::RowReference;

/// One row of C, and the sums of its terms' magnitudes.
pub fn row((a, a_scales): (&[u8], &[f32]), (w, w_scales): (&[u8], &[f32]), n: usize) -> RowReference {
    let value: [f64; 256] = std::array::from_fn(|code| f64::from(e4m3::decode(code as u8)));
    let (k, blocks) = (a.len(), a_scales.len());
    let (mut values, mut magnitudes) = (vec![0.0; n], vec![0.0; n]);
    for j in 0..n {
        for b in 0..blocks {
            let scale = f64::from(a_scales[b]) * f64::from(w_scales[j / BLOCK * blocks + b]);
            for p in b * BLOCK..(b + 1) * BLOCK {
                let term = scale * value[usize::from(a[p])] * value[usize::from(w[j * k + p])];
                values[j] += term;
                magnitudes[j] += term.abs();
            }
        }
    }
    RowReference { values, magnitudes }
}
