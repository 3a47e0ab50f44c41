//! The step as a sequence of operations, for whoever does them, and what each must give.

use super::model::*;

/// Where a product's weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// With the model, which may be in the machine's store.
    Model,
    /// In the cache of keys and values.
    Cache,
}

/// What a step consists of. Bytes are in -127..=127.
pub trait Operations {
    /// Why one cannot be done.
    type Error;
    /// `w x`.
    fn product(&mut self, place: Place, w: &Matrix, x: &[i8]) -> Result<Vec<i32>, Self::Error>;
    /// RMSNorm of a row.
    fn norm(&mut self, x: &[i8], w: &[i8]) -> Result<Vec<i8>, Self::Error>;
    /// Softmax of rows of `n`, to 2^15.
    fn softmax(&mut self, x: &[i8], n: usize) -> Result<Vec<i32>, Self::Error>;
    /// See [`narrow`].
    fn narrow(&mut self, sums: &[i32], shift: u8) -> Result<Vec<i8>, Self::Error>;
    /// See [`add`].
    fn add(&mut self, residual: &[i32], sums: &[i32], shift: u8) -> Result<Vec<i32>, Self::Error>;
    /// See [`rope`].
    fn rope(&mut self, x: &[i8], turn: &[i8]) -> Result<Vec<i8>, Self::Error>;
    /// See [`swiglu`].
    fn swiglu(&mut self, gate: &[i8], up: &[i8], silu: &[i8]) -> Result<Vec<i8>, Self::Error>;
}

/// One token: the last product's sums.
pub fn step<O: Operations>(m: &Model, o: &mut O) -> Result<Vec<i32>, O::Error> {
    let mut residual: Vec<i32> = m.token.iter().map(|x| i32::from(*x) << EMBED).collect();
    let (turn, silu) = (m.turn(), silu());
    for l in &m.layers {
        let x = o.narrow(&residual, RESIDUAL)?;
        let x = o.norm(&x, &l.norms[0])?;
        let [mut q, mut k, mut v] = [const { Vec::new() }; 3];
        for (w, y) in [(&l.q, &mut q), (&l.k, &mut k), (&l.v, &mut v)] {
            let sums = o.product(Place::Model, w, &x)?;
            *y = o.narrow(&sums, PROJECTED)?;
        }
        let (q, k) = (o.rope(&q, &turn)?, o.rope(&k, &turn)?);
        let attended = attention(&m.sizes, l, o, &q, &k, &v)?;
        let sums = o.product(Place::Model, &l.o, &attended)?;
        residual = o.add(&residual, &sums, ATTENDED)?;
        let x = o.narrow(&residual, RESIDUAL)?;
        let x = o.norm(&x, &l.norms[1])?;
        let [mut gate, mut up] = [const { Vec::new() }; 2];
        for (w, y) in [(&l.gate, &mut gate), (&l.up, &mut up)] {
            let sums = o.product(Place::Model, w, &x)?;
            *y = o.narrow(&sums, PROJECTED)?;
        }
        let hidden = o.swiglu(&gate, &up, &silu)?;
        let sums = o.product(Place::Model, &l.down, &hidden)?;
        residual = o.add(&residual, &sums, FED)?;
    }
    let x = o.narrow(&residual, RESIDUAL)?;
    let x = o.norm(&x, &m.norm)?;
    o.product(Place::Model, &m.embedding, &x)
}

fn attention<O: Operations>(
    s: &Sizes,
    l: &Layer,
    o: &mut O,
    q: &[i8],
    k: &[i8],
    v: &[i8],
) -> Result<Vec<i8>, O::Error> {
    let with = |cache: &[i8], now: &[i8], kv: usize| [cache, &now[kv * s.head..][..s.head]].concat();
    let mut scores = Vec::new();
    for (h, q) in q.chunks(s.head).enumerate() {
        let kv = h / (s.heads / s.kv_heads);
        let w = with(&l.keys[kv], k, kv);
        let sums = o.product(Place::Cache, &Matrix { n: w.len() / s.head, k: s.head, w }, q)?;
        scores.extend(o.narrow(&sums, score_shift(s.head))?);
    }
    let tokens = scores.len() / s.heads;
    let shares = o.softmax(&scores, tokens)?;
    let (share, mean) = share_shifts(tokens);
    let mut attended = Vec::new();
    for (h, shares) in shares.chunks(tokens).enumerate() {
        let kv = h / (s.heads / s.kv_heads);
        let rows = with(&l.values[kv], v, kv);
        // Values are kept a dimension after the other, so that a mean is a product.
        let w = (0..s.head * tokens).map(|i| rows[i % tokens * s.head + i / tokens]).collect();
        let shares = o.narrow(shares, share)?;
        let sums = o.product(Place::Cache, &Matrix { n: s.head, k: tokens, w }, &shares)?;
        attended.extend(o.narrow(&sums, mean)?);
    }
    Ok(attended)
}

/// `x / 2^shift`, to the nearest, halves upwards.
fn shifted(x: i32, shift: u8) -> i32 {
    (x + (1 << shift >> 1)) >> shift
}

fn byte(x: i32) -> i8 {
    x.clamp(-127, 127) as i8
}

/// `w x`, exact.
pub fn product(w: &Matrix, x: &[i8]) -> Vec<i32> {
    let dot = |row: &[i8]| row.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum();
    w.w.chunks(w.k).map(dot).collect()
}

/// Sums as bytes.
pub fn narrow(sums: &[i32], shift: u8) -> Vec<i8> {
    sums.iter().map(|x| byte(shifted(*x, shift))).collect()
}

/// The residual stream with more on top.
pub fn add(residual: &[i32], sums: &[i32], shift: u8) -> Vec<i32> {
    residual.iter().zip(sums).map(|(r, x)| r + shifted(*x, shift)).collect()
}

/// Pairs of neighbours turned by cosines and sines in 64ths, as many as pairs or more.
pub fn rope(x: &[i8], turn: &[i8]) -> Vec<i8> {
    let wide = |x: i8| i32::from(x);
    let pair = |(i, x): (usize, &[i8])| {
        let ([a, b], [cos, sin]) = ([wide(x[0]), wide(x[1])], [wide(turn[2 * i]), wide(turn[2 * i + 1])]);
        [byte(shifted(a * cos - b * sin, 6)), byte(shifted(a * sin + b * cos, 6))]
    };
    x.chunks_exact(2).enumerate().flat_map(pair).collect()
}

/// `silu(gate) up / 64`, by table.
pub fn swiglu(gate: &[i8], up: &[i8], silu: &[i8]) -> Vec<i8> {
    let of = |(g, u): (&i8, &i8)| byte(shifted(i32::from(silu[usize::from(*g as u8)]) * i32::from(*u), 6));
    gate.iter().zip(up).map(of).collect()
}
