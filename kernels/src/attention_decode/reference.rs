//! `o = sum over t of softmax(q · k_t / sqrt(width)) v_t`, in f64.

use super::{Args, Size};
use crate::kernel::RowReference;

/// One head. A score's rounding error is proportional to its own terms, and the exp makes of it a relative error of the
/// token's weight: magnitudes are those of the weighted values, times one plus twice the largest score's terms.
pub fn head(q: &[f32], k: &[f32], v: &[f32], size: &Size, head: usize) -> RowReference {
    let kv_head = head / size.group();
    let row = |cache: &[f32], t: usize| -> Vec<f64> {
        Args::cache(cache, size, kv_head, t)[..size.width].iter().map(|x| f64::from(*x)).collect()
    };
    let scale = 1.0 / (size.width as f64).sqrt();
    let (mut scores, mut terms) = (Vec::new(), 0.0f64);
    for t in 0..size.tokens {
        let products: Vec<f64> = q.iter().zip(row(k, t)).map(|(q, k)| f64::from(*q) * k * scale).collect();
        scores.push(products.iter().sum::<f64>());
        terms = terms.max(products.iter().map(|p| p.abs()).sum());
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - top).exp()).sum();
    let (mut values, mut magnitudes) = (vec![0.0; size.width], vec![0.0; size.width]);
    for (t, score) in scores.iter().enumerate() {
        let p = (score - top).exp() / sum;
        for (c, v) in row(v, t).into_iter().enumerate() {
            values[c] += p * v;
            magnitudes[c] += p * v.abs() * (1.0 + 2.0 * terms);
        }
    }
    RowReference { values, magnitudes }
}
