//! `o = sum over t of softmax(q · k_t / sqrt(width)) v_t`, in f64.

use super::Size;
use crate::gemv::Element;
use crate::kernel::RowReference;

/// One head over a cache in the order of tokens.
pub fn head<E: Element>(q: &[f32], k: &[E], v: &[E], size: &Size, head: usize) -> RowReference {
    let kv_head = head / size.group();
    let row = |cache: &[E], t: usize| size.cache(cache, kv_head, t)[..size.width].iter().map(|x| x.decode()).collect();
    let q: Vec<f64> = q.iter().map(|x| f64::from(*x)).collect();
    attend(&q, size.tokens, |t| row(k, t), |t| row(v, t))
}

/// One query before `tokens` keys, as wide as it, and values. A score's rounding error is proportional to its own terms, and the exp makes
/// of it a relative error of the token's weight: magnitudes are those of the weighted values, times one plus twice the
/// largest score's terms.
pub fn attend(
    q: &[f64],
    tokens: usize,
    key: impl Fn(usize) -> Vec<f64>,
    value: impl Fn(usize) -> Vec<f64>,
) -> RowReference {
    let scale = 1.0 / (q.len() as f64).sqrt();
    let (mut scores, mut terms) = (Vec::new(), 0.0f64);
    for t in 0..tokens {
        let products: Vec<f64> = q.iter().zip(key(t)).map(|(q, k)| q * k * scale).collect();
        scores.push(products.iter().sum::<f64>());
        terms = terms.max(products.iter().map(|p| p.abs()).sum());
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - top).exp()).sum();
    let width = value(0).len();
    let (mut values, mut magnitudes) = (vec![0.0; width], vec![0.0; width]);
    for (t, score) in scores.iter().enumerate() {
        let p = (score - top).exp() / sum;
        for (c, v) in value(t).into_iter().enumerate() {
            values[c] += p * v;
            magnitudes[c] += p * v.abs() * (1.0 + 2.0 * terms);
        }
    }
    RowReference { values, magnitudes }
}
