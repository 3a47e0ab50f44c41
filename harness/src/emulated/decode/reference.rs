//! The step in f64: the same weights and scales, nothing rounded and nothing kept to a byte.

use super::model::*;

fn product(m: &Matrix, x: &[f64], shift: u8) -> Vec<f64> {
    let dot = |row: &[i8]| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
    m.w.chunks(m.k).map(|row| dot(row) / f64::from(1_u32 << shift)).collect()
}

fn norm(x: &[f64], w: &[i8]) -> Vec<f64> {
    let rms = (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
    x.iter().zip(w).map(|(x, w)| x * f64::from(*w) / rms).collect()
}

fn turned(x: &[f64], angles: &[f64]) -> Vec<f64> {
    let pair = |(i, p): (usize, &[f64])| {
        let (sin, cos) = angles[i % angles.len()].sin_cos();
        [p[0] * cos - p[1] * sin, p[0] * sin + p[1] * cos]
    };
    x.chunks(2).enumerate().flat_map(pair).collect()
}

fn attention(s: &Sizes, l: &Layer, q: &[f64], k: &[f64], v: &[f64]) -> Vec<f64> {
    let with = |cache: &[i8], now: &[f64]| -> Vec<f64> {
        cache.iter().map(|x| f64::from(*x)).chain(now.iter().copied()).collect()
    };
    let mut out = Vec::new();
    for (h, q) in q.chunks(s.head).enumerate() {
        let kv = h / (s.heads / s.kv_heads);
        let [keys, values] =
            [(&l.keys[kv], k), (&l.values[kv], v)].map(|(c, now)| with(c, &now[kv * s.head..][..s.head]));
        let score =
            |key: &[f64]| key.iter().zip(q).map(|(k, q)| k * q).sum::<f64>() / f64::from(1_u32 << score_shift(s.head));
        let exps: Vec<f64> = keys.chunks(s.head).map(|key| (score(key) / 16.0).exp()).collect();
        let sum: f64 = exps.iter().sum();
        // A share of one is 2^15 before its shift.
        let (share, mean) = share_shifts(exps.len());
        let scale = f64::from(1_u32 << 15 >> share >> mean);
        out.extend(
            (0..s.head).map(|i| values.chunks(s.head).zip(&exps).map(|(v, e)| v[i] * e).sum::<f64>() / sum * scale),
        );
    }
    out
}

/// The last product's sums.
pub fn logits(m: &Model) -> Vec<f64> {
    let mut residual: Vec<f64> = m.token.iter().map(|x| f64::from(i32::from(*x) << EMBED)).collect();
    let add = |residual: &mut Vec<f64>, more: Vec<f64>| residual.iter_mut().zip(more).for_each(|(r, x)| *r += x);
    let angles = m.angles();
    for l in &m.layers {
        let x = norm(&residual, &l.norms[0]);
        let [q, k, v] = [&l.q, &l.k, &l.v].map(|w| product(w, &x, PROJECTED));
        let attended = attention(&m.sizes, l, &turned(&q, &angles), &turned(&k, &angles), &v);
        add(&mut residual, product(&l.o, &attended, ATTENDED));
        let x = norm(&residual, &l.norms[1]);
        let [gate, up] = [&l.gate, &l.up].map(|w| product(w, &x, PROJECTED));
        let silu = |g: f64| g / (1.0 + (-g / 16.0).exp());
        let hidden: Vec<f64> = gate.iter().zip(&up).map(|(g, u)| silu(*g) * u / 64.0).collect();
        add(&mut residual, product(&l.down, &hidden, FED));
    }
    product(&m.embedding, &norm(&residual, &m.norm), 0)
}
