//! `o = sum over t of softmax(q · [W_k c_t, p_t]) W_v c_t`, in f64, from the latents.

use super::{Data, Size};
use crate::kernel::RowReference;

/// `matrix[d] · c` for each of its rows, and the same of magnitudes.
pub fn product(matrix: &[f32], c: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let row = |row: &[f32]| {
        let terms = row.iter().zip(c).map(|(w, c)| f64::from(*w) * f64::from(*c));
        terms.fold((0.0, 0.0), |(sum, size): (f64, f64), term| (sum + term, size + term.abs()))
    };
    matrix.chunks_exact(c.len()).map(row).unzip()
}

/// One head. As for plain attention, a score's error is a relative error of its token's weight: see there.
pub fn head(d: &Data, head: usize) -> RowReference {
    let Size { latent, .. } = d.size;
    let (plain, key) = (d.size.plain(), d.size.key());
    let q: Vec<f64> = d.q.as_slice()[head * key..(head + 1) * key].iter().map(|x| f64::from(*x)).collect();
    let of_head = head * plain * latent..(head + 1) * plain * latent;
    let (to_key, to_value) = (&d.to_key.as_slice()[of_head.clone()], &d.to_value.as_slice()[of_head]);
    let scale = 1.0 / (key as f64).sqrt();
    let (mut scores, mut terms) = (Vec::new(), 0.0f64);
    for row in d.latents.as_slice().chunks_exact(d.size.row()) {
        let (c, p) = row.split_at(latent);
        let (mut k, mut size) = product(to_key, c);
        k.extend(p.iter().map(|x| f64::from(*x)));
        size.extend(p.iter().map(|x| f64::from(x.abs())));
        scores.push(q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>() * scale);
        terms = terms.max(q.iter().zip(size).map(|(q, k)| q.abs() * k).sum::<f64>() * scale);
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - top).exp()).sum();
    let (mut values, mut magnitudes) = (vec![0.0; plain], vec![0.0; plain]);
    for (row, score) in d.latents.as_slice().chunks_exact(d.size.row()).zip(scores) {
        let weight = (score - top).exp() / sum;
        let (v, size) = product(to_value, &row[..latent]);
        for i in 0..plain {
            values[i] += weight * v[i];
            magnitudes[i] += weight * size[i] * (1.0 + 2.0 * terms);
        }
    }
    RowReference { values, magnitudes }
}
