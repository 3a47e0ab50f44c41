//! What is computed: one token through the layers of a small model, stories260K (karpathy/llama2.c) say, quantized with
//! shifts for scales, so that machines without floating point can do all of it. Weights are seeded bytes.
//!
//! Activations are bytes; the residual stream and the sums of products are 32-bit numbers. A norm's weights and results are
//! in 32nds, what goes into an exponential in 16ths, a turn's cosines in 64ths. The shifts keep bytes at about a third of
//! their range, and what leaves it is kept at 127.

use kernels::input::Input;
use kernels::model::config::{Attention, Config};

use crate::plan::SMALL_MODEL;

/// Most values of a vector: what the programs between the kernels have room for.
pub const MOST: usize = 255;

/// Sizes of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// First part of its shapes' names.
    pub name: String,
    /// Width of the residual stream.
    pub dim: usize,
    /// Width inside a layer's feed-forward part.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Width of a head.
    pub head: usize,
    /// Tokens that there are.
    pub vocab: usize,
}

impl Sizes {
    /// Those of a model.
    ///
    /// # Errors
    /// What the machines' programs do not do.
    pub fn of(config: &Config) -> Result<Self, String> {
        let Attention::Grouped { heads, kv_heads, width: head, biases: false } = config.attention else {
            return Err("programs here are for heads in groups without biases".into());
        };
        if config.experts.is_some() || !config.tied_head {
            return Err("programs here are for layers without experts and a head that is the embedding".into());
        }
        let widest = config.hidden.max(config.ffn);
        if widest > MOST || head * heads != config.hidden {
            return Err(format!(
                "vectors of {widest} values in {heads} heads of {head}: programs here hold at most {MOST} values, heads that \
                 make up the residual stream"
            ));
        }
        let (name, dim, hidden) = (config.name.clone(), config.hidden, config.ffn);
        Ok(Self { name, dim, hidden, layers: config.layers, heads, kv_heads, head, vocab: config.vocab })
    }

    /// The plain model of the tour (karpathy/llama2.c).
    pub fn stories260k() -> Self {
        let name = SMALL_MODEL.trim_end_matches('/').to_owned();
        Self { name, dim: 64, hidden: 172, layers: 5, heads: 8, kv_heads: 4, head: 8, vocab: 512 }
    }
}

/// Shift of an embedding to the residual stream, upwards.
pub const EMBED: u32 = 6;
/// Shift of the residual stream to a norm's bytes; this and those below are downwards.
pub const RESIDUAL: u8 = 8;
/// Of queries, keys, values and what goes into a feed-forward part.
pub const PROJECTED: u8 = 9;
/// Of scores: sums over wider heads are larger, and exponentials of twice as much leave nothing but the largest.
pub const fn score_shift(head: usize) -> u8 {
    if head <= 8 { 8 } else { 9 }
}

/// Of a softmax's shares and of the mean of values: among many tokens no share is near one, and small ones count.
pub const fn share_shifts(tokens: usize) -> (u8, u8) {
    if tokens < 128 { (8, 6) } else { (7, 7) }
}

/// Of what attention adds to the residual stream.
pub const ATTENDED: u8 = 2;
/// Of what a feed-forward part adds to it.
pub const FED: u8 = 2;

/// What the weights of a ternary model are multiples of.
pub const TRIT: i8 = 64;

/// `n` rows of `k` weights.
#[derive(Clone)]
pub struct Matrix {
    /// Rows.
    pub n: usize,
    /// Columns.
    pub k: usize,
    /// The weights, row after row.
    pub w: Vec<i8>,
}

impl Matrix {
    /// The rows of a part.
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Matrix {
        Matrix { n: rows.len(), k: self.k, w: self.w[rows.start * self.k..rows.end * self.k].to_vec() }
    }
}

/// Weights of a layer and what it remembers of the tokens before.
pub struct Layer {
    /// Before attention and before the feed-forward part.
    pub norms: [Vec<i8>; 2],
    /// Queries.
    pub q: Matrix,
    /// Keys.
    pub k: Matrix,
    /// Values.
    pub v: Matrix,
    /// Out of attention.
    pub o: Matrix,
    /// Into the feed-forward part, through silu.
    pub gate: Matrix,
    /// Into it as it is.
    pub up: Matrix,
    /// Out of it.
    pub down: Matrix,
    /// Of each head of keys and values, a row of [`Sizes::head`] bytes for each token before.
    pub keys: Vec<Vec<i8>>,
    /// The same of values.
    pub values: Vec<Vec<i8>>,
}

/// The model at a position.
pub struct Model {
    /// Its sizes.
    pub sizes: Sizes,
    /// Tokens before this one.
    pub position: usize,
    /// The embedding of this token.
    pub token: Vec<i8>,
    /// Layers.
    pub layers: Vec<Layer>,
    /// The last norm.
    pub norm: Vec<i8>,
    /// The embeddings, which are the last product's weights too.
    pub embedding: Matrix,
}

impl Model {
    /// Seeded, with so many seeded tokens before this one.
    pub fn seeded(sizes: &Sizes, seed: u64, position: usize) -> Self {
        Self::with(sizes, seed, position, |w| w)
    }

    /// The same with weights of the matrices that are -[`TRIT`], 0 or [`TRIT`]: zero where they are less than about half of
    /// the mean magnitude, as BitNet b1.58 rounds them (arXiv 2402.17764, equation 1).
    pub fn ternary(sizes: &Sizes, seed: u64, position: usize) -> Self {
        Self::with(sizes, seed, position, |w| if w.unsigned_abs() < 32 { 0 } else { TRIT * w.signum() })
    }

    fn with(sizes: &Sizes, seed: u64, position: usize, round: impl Fn(i8) -> i8) -> Self {
        let &Sizes { dim, hidden, heads, kv_heads, head, vocab, .. } = sizes;
        let input = Input::typical(seed);
        let mut stream = 0;
        let mut bytes = |len: usize, scale: f32, mean: f32| -> Vec<i8> {
            stream += 1;
            let values = input.values(stream, len, scale);
            values.as_slice().iter().map(|v| (v.round() + mean).clamp(-127.0, 127.0) as i8).collect()
        };
        let matrix = |n: usize, k: usize, w: Vec<i8>| Matrix { n, k, w: w.into_iter().map(&round).collect() };
        let mut layers = Vec::new();
        for _ in 0..sizes.layers {
            let norms = [bytes(dim, 4.0, 32.0), bytes(dim, 4.0, 32.0)];
            let mut matrix = |n: usize, k: usize| matrix(n, k, bytes(n * k, 127.0, 0.0));
            let [q, o] = [matrix(heads * head, dim), matrix(dim, heads * head)];
            let [k, v] = [matrix(kv_heads * head, dim), matrix(kv_heads * head, dim)];
            let [gate, up] = [matrix(hidden, dim), matrix(hidden, dim)];
            let down = matrix(dim, hidden);
            let mut cache = || (0..kv_heads).map(|_| bytes(position * head, 60.0, 0.0)).collect();
            let (keys, values) = (cache(), cache());
            layers.push(Layer { norms, q, k, v, o, gate, up, down, keys, values });
        }
        let embedding = matrix(vocab, dim, bytes(vocab * dim, 127.0, 0.0));
        let token = embedding.rows(seed as usize % vocab..seed as usize % vocab + 1).w;
        let norm = bytes(dim, 4.0, 32.0);
        Self { sizes: sizes.clone(), position, token, layers, norm, embedding }
    }

    /// The matrices in the order of their use.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let of_layers = self.layers.iter().flat_map(|l| [&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down]);
        of_layers.chain([&self.embedding])
    }

    /// Bytes of the matrices.
    pub fn weight_bytes(&self) -> usize {
        self.matrices().map(|m| m.w.len()).sum()
    }

    /// Bytes of the keys and values, this token's among them.
    pub fn cache_bytes(&self) -> usize {
        self.sizes.layers * 2 * self.sizes.kv_heads * self.sizes.head * (self.position + 1)
    }

    /// Arithmetic operations, two for each weight of the matrices and four for each byte of the cache that a head meets.
    pub fn operations(&self) -> u64 {
        2 * (self.weight_bytes() + self.cache_bytes() * self.sizes.heads / self.sizes.kv_heads) as u64
    }

    /// The angle of each pair of a head at this position.
    pub fn angles(&self) -> Vec<f64> {
        let head = self.sizes.head;
        (0..head / 2).map(|i| self.position as f64 * 10_000_f64.powf(-(2.0 * i as f64) / head as f64)).collect()
    }

    /// Cosines and sines of these in 64ths, head after head.
    pub fn turn(&self) -> Vec<i8> {
        let of_head = self.angles().into_iter().flat_map(|a| [a.cos(), a.sin()]).map(|x| (64.0 * x).round() as i8);
        of_head.collect::<Vec<_>>().repeat(self.sizes.heads)
    }
}

/// `16 silu(x / 16)` of every byte, by its bits.
pub fn silu() -> Vec<i8> {
    let of = |x: f64| x / (1.0 + (-x / 16.0).exp());
    (0..=255_u8).map(|byte| of(f64::from(byte as i8)).round() as i8).collect()
}
