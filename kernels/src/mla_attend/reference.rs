//! `o = sum over t of softmax(q · [c_t, p_t] / sqrt(key)) c_t`, in f64, from the stored f16.

use half::f16;

use crate::kernel::RowReference;
use crate::mla_decode::Size;

/// One head over its sequence's rows: the latent `c_t`, then what carries the position `p_t`. The scale is that of the keys
/// which latents stand for. As for plain attention, a score's error is a relative error of its token's weight: see there.
pub fn head(size: &Size, q: &[f16], latents: &[f16]) -> RowReference {
    let scale = 1.0 / (size.key() as f64).sqrt();
    let (mut scores, mut terms) = (Vec::new(), 0.0f64);
    for row in latents.chunks_exact(size.row()) {
        let products = q.iter().zip(row).map(|(q, c)| f64::from(*q) * f64::from(*c) * scale);
        scores.push(products.clone().sum::<f64>());
        terms = terms.max(products.map(f64::abs).sum());
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - top).exp()).sum();
    let (mut values, mut magnitudes) = (vec![0.0; size.latent], vec![0.0; size.latent]);
    for (row, score) in latents.chunks_exact(size.row()).zip(scores) {
        let weight = (score - top).exp() / sum;
        for (i, c) in row[..size.latent].iter().enumerate() {
            values[i] += weight * f64::from(*c);
            magnitudes[i] += weight * f64::from(*c).abs() * (1.0 + 2.0 * terms);
        }
    }
    RowReference { values, magnitudes }
}
