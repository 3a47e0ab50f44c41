//! What is computed: one token through the layers of a model of stories260K's sizes (karpathy/llama2.c), quantized with
//! shifts for scales, so that machines without floating point can do all of it. Weights are seeded bytes.
//!
//! Activations are bytes; the residual stream and the sums of products are 32-bit numbers. A norm's weights and results are
//! in 32nds, what goes into an exponential in 16ths, a turn's cosines in 64ths. The shifts keep bytes at about a third of
//! their range, and what leaves it is kept at 127.

use kernels::input::Input;

/// Width of the residual stream.
pub const DIM: usize = 64;
/// Width inside a layer's feed-forward part.
pub const HIDDEN: usize = 172;
/// Layers.
pub const LAYERS: usize = 5;
/// Heads of queries.
pub const HEADS: usize = 8;
/// Heads of keys and values.
pub const KV_HEADS: usize = 4;
/// Width of a head.
pub const HEAD: usize = 8;
/// Tokens that there are.
pub const VOCAB: usize = 512;

/// Shift of an embedding to the residual stream, upwards.
pub const EMBED: u32 = 6;
/// Shift of the residual stream to a norm's bytes; this and those below are downwards.
pub const RESIDUAL: u8 = 8;
/// Of queries, keys, values and what goes into a feed-forward part.
pub const PROJECTED: u8 = 9;
/// Of scores.
pub const SCORE: u8 = 7;
/// Of a softmax's shares and of the mean of values: among many tokens no share is near one, and small ones count.
pub const fn share_shifts(tokens: usize) -> (u8, u8) {
    if tokens < 128 { (8, 6) } else { (7, 7) }
}

/// Of what attention adds to the residual stream.
pub const ATTENDED: u8 = 2;
/// Of what a feed-forward part adds to it.
pub const FED: u8 = 2;

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
    /// Of each head of keys and values, a row of [`HEAD`] bytes for each token before.
    pub keys: Vec<Vec<i8>>,
    /// The same of values.
    pub values: Vec<Vec<i8>>,
}

/// The model at a position.
pub struct Model {
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
    pub fn seeded(seed: u64, position: usize) -> Self {
        let input = Input::typical(seed);
        let mut stream = 0;
        let mut bytes = |len: usize, scale: f32, mean: f32| -> Vec<i8> {
            stream += 1;
            let values = input.values(stream, len, scale);
            values.as_slice().iter().map(|v| (v.round() + mean).clamp(-127.0, 127.0) as i8).collect()
        };
        let mut layers = Vec::new();
        for _ in 0..LAYERS {
            let norms = [bytes(DIM, 4.0, 32.0), bytes(DIM, 4.0, 32.0)];
            let mut matrix = |n: usize, k: usize| Matrix { n, k, w: bytes(n * k, 127.0, 0.0) };
            let [q, o] = [matrix(DIM, DIM), matrix(DIM, DIM)];
            let [k, v] = [matrix(KV_HEADS * HEAD, DIM), matrix(KV_HEADS * HEAD, DIM)];
            let [gate, up] = [matrix(HIDDEN, DIM), matrix(HIDDEN, DIM)];
            let down = matrix(DIM, HIDDEN);
            let mut cache = || (0..KV_HEADS).map(|_| bytes(position * HEAD, 60.0, 0.0)).collect();
            let (keys, values) = (cache(), cache());
            layers.push(Layer { norms, q, k, v, o, gate, up, down, keys, values });
        }
        let embedding = Matrix { n: VOCAB, k: DIM, w: bytes(VOCAB * DIM, 127.0, 0.0) };
        let token = embedding.rows(seed as usize % VOCAB..seed as usize % VOCAB + 1).w;
        Self { position, token, layers, norm: bytes(DIM, 4.0, 32.0), embedding }
    }

    /// Bytes of the matrices.
    pub fn weight_bytes(&self) -> usize {
        let layer =
            |l: &Layer| [&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down].map(|m| m.w.len()).iter().sum::<usize>();
        self.embedding.w.len() + self.layers.iter().map(layer).sum::<usize>()
    }

    /// Bytes of the keys and values, this token's among them.
    pub fn cache_bytes(&self) -> usize {
        LAYERS * 2 * KV_HEADS * HEAD * (self.position + 1)
    }

    /// Arithmetic operations, two for each weight of the matrices and four for each byte of the cache that a head meets.
    pub fn operations(&self) -> u64 {
        2 * (self.weight_bytes() + self.cache_bytes() * HEADS / KV_HEADS) as u64
    }

    /// Cosine and sine of each pair of a head at this position, in radians' angles.
    pub fn angles(&self) -> [f64; HEAD / 2] {
        std::array::from_fn(|i| self.position as f64 * 10_000_f64.powf(-(2.0 * i as f64) / HEAD as f64))
    }

    /// The same in 64ths.
    pub fn turn(&self) -> Vec<i8> {
        self.angles().iter().flat_map(|a| [a.cos(), a.sin()]).map(|x| (64.0 * x).round() as i8).collect()
    }
}

/// `16 silu(x / 16)` of every byte, by its bits.
pub fn silu() -> Vec<i8> {
    let of = |x: f64| x / (1.0 + (-x / 16.0).exp());
    (0..=255_u8).map(|byte| of(f64::from(byte as i8)).round() as i8).collect()
}
