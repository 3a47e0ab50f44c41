//! Rows of attention of one token: `o[h] = softmax(q[h] K^T / sqrt(width)) V` over a cache of f32.

use kernels::input::{Buffer, Input};
use kernels::kernel::Shape;

use super::{Kind, Row, nmse};

/// Operands of a row.
pub struct Attention {
    pub heads: usize,
    pub kv_heads: usize,
    pub width: usize,
    pub tokens: usize,
    /// Queries, `heads × width`.
    pub q: Buffer<f32>,
    /// Keys, `tokens × kv_heads × width`.
    pub k: Buffer<f32>,
    /// Values, as the keys.
    pub v: Buffer<f32>,
    /// Bytes that copies of the cache reach together, as in our kernel.
    pub rotation_bytes: usize,
}

/// The table's rows.
pub fn rows() -> Vec<Row> {
    let shapes = [("1.5b-t4096", 12, 2), ("8b-t4096", 32, 8)];
    let row = |(name, heads, kv_heads)| {
        let shape = Shape::new(name, heads, 4096, 128).parts(kv_heads);
        Row { kind: Kind::Attention, kernels: &["attention_decode"], shape }
    };
    shapes.into_iter().map(row).collect()
}

impl Attention {
    /// Numbers like those that our kernel gets.
    pub fn new(shape: &Shape, rotation_bytes: usize) -> Self {
        let (heads, kv_heads, width, tokens) = (shape.m, shape.parts, shape.k, shape.n);
        let input = Input::typical(1);
        let tame = |stream, len| {
            let mut values = input.values(stream, len, 1.0);
            values.as_mut_slice().iter_mut().for_each(|v| *v = v.clamp(-2.0, 2.0));
            values
        };
        let cached = tokens * kv_heads * width;
        let (k, v) = (tame(0, cached), input.values(2, cached, 1.0));
        Self { heads, kv_heads, width, tokens, q: tame(1, heads * width), k, v, rotation_bytes }
    }

    /// What scores are multiplied by.
    pub fn scale(&self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// Copies of a cache of so many bytes to rotate through; ours has so many of keys and of values each.
    pub fn copies(&self, bytes: usize) -> usize {
        self.rotation_bytes.div_ceil(bytes).max(1)
    }

    /// A cache in the order `kv_heads × tokens × width`.
    pub fn by_head(&self, cache: &Buffer<f32>) -> Vec<f32> {
        let Self { kv_heads, width, tokens, .. } = *self;
        let row = |h: usize, t: usize| &cache.as_slice()[(t * kv_heads + h) * width..][..width];
        (0..kv_heads).flat_map(|h| (0..tokens).flat_map(move |t| row(h, t)).copied()).collect()
    }

    /// Error of an output `heads × width`.
    pub fn nmse(&self, output: &[f32]) -> f64 {
        let truth: Vec<f64> = (0..self.heads).flat_map(|h| self.head(h)).collect();
        nmse(output.iter().copied(), truth.into_iter())
    }

    fn head(&self, head: usize) -> Vec<f64> {
        let Self { heads, kv_heads, width, tokens, .. } = *self;
        let at = |t: usize| (t * kv_heads + head * kv_heads / heads) * width;
        let q = &self.q.as_slice()[head * width..][..width];
        let score = |t: usize| {
            let dot: f64 = q.iter().zip(&self.k.as_slice()[at(t)..]).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
            dot / (width as f64).sqrt()
        };
        let scores: Vec<f64> = (0..tokens).map(score).collect();
        let largest = scores.iter().copied().fold(f64::MIN, f64::max);
        let exps: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
        let sum: f64 = exps.iter().sum();
        let mut out = vec![0.0; width];
        for (t, e) in exps.iter().enumerate() {
            out.iter_mut().zip(&self.v.as_slice()[at(t)..]).for_each(|(o, v)| *o += e / sum * f64::from(*v));
        }
        out
    }
}
