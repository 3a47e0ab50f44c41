//! `o = sum over t of softmax(q · [W_k c_t, p_t]) W_v c_t`, in f64, from the latents, or from cached keys and values.

use super::{Cached, Data, Size};
use crate::attention_decode::reference::attend;
use crate::kernel::RowReference;

/// `matrix[d] · c` for each of its rows, and the same of magnitudes.
pub fn product(matrix: &[f32], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let row = |row: &[f32]| {
        let terms = row.iter().zip(c).map(|(w, c)| f64::from(*w) * c);
        terms.fold((0.0, 0.0), |(sum, size): (f64, f64), term| (sum + term, size + term.abs()))
    };
    matrix.chunks_exact(c.len()).map(row).unzip()
}

/// One head, from all queries and matrices and a cache whose row `t` is the latent and then the part of the key with the
/// position in it. As for plain attention, a score's error is a relative error of its token's weight: see there.
pub fn head(
    size: &Size,
    q: &[f32],
    (to_key, to_value): (&[f32], &[f32]),
    head: usize,
    row: impl Fn(usize) -> Vec<f64>,
) -> RowReference {
    let (plain, key, latent) = (size.plain, size.key(), size.latent);
    let q: Vec<f64> = q[head * key..(head + 1) * key].iter().map(|x| f64::from(*x)).collect();
    let of_head = head * plain * latent..(head + 1) * plain * latent;
    let (to_key, to_value) = (&to_key[of_head.clone()], &to_value[of_head]);
    let (scale, mut scores, mut terms) = (1.0 / (key as f64).sqrt(), Vec::new(), 0.0f64);
    for t in 0..size.tokens {
        let row = row(t);
        let (mut k, mut sizes) = product(to_key, &row[..latent]);
        k.extend(&row[latent..]);
        sizes.extend(row[latent..].iter().map(|x| x.abs()));
        scores.push(q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>() * scale);
        terms = terms.max(q.iter().zip(sizes).map(|(q, k)| q.abs() * k).sum::<f64>() * scale);
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - top).exp()).sum();
    let (mut values, mut magnitudes) = (vec![0.0; plain], vec![0.0; plain]);
    for (t, score) in scores.into_iter().enumerate() {
        let weight = (score - top).exp() / sum;
        let (v, sizes) = product(to_value, &row(t)[..latent]);
        for i in 0..plain {
            values[i] += weight * v[i];
            magnitudes[i] += weight * sizes[i] * (1.0 + 2.0 * terms);
        }
    }
    RowReference { values, magnitudes }
}

/// One head, from its keys and values as they are cached.
pub fn expanded<E: Cached>(d: &Data<E>, head: usize) -> RowReference {
    let (tokens, key, value) = (d.size.tokens, d.size.key(), d.size.value);
    let values = |row: &[E]| row.iter().map(|x| x.decode()).collect();
    let row = |cache: &[E], width: usize, t: usize| values(&cache[(head * tokens + t) * width..][..width]);
    let q: Vec<f64> = d.q.as_slice()[head * key..(head + 1) * key].iter().map(|x| f64::from(*x)).collect();
    attend(&q, tokens, |t| row(d.keys.as_slice(), key, t), |t| row(d.values.as_slice(), value, t))
}
