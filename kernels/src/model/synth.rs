//! Models of any configuration with seeded weights, as GGUF files: real sizes to run where the real weights are not to be had.
//! What a file holds is decided here, piece by piece and the same on every host; who writes it decides where and how fast.

use half::{bf16, f16};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::config::{Attention, Config, Pairs, Scaling, Score};
use super::inventory::{self, Entry, Role};
use super::write::Gguf;
use super::{Dtype, Types};
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q5_0::BlockQ5_0;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::dtype::{Block, encode_row};

#[cfg(test)]
mod tests;
mod vocabulary;

/// Bytes that a tensor's begin is a multiple of.
const ALIGNMENT: u64 = 32;

/// A model that is not written yet.
#[derive(Clone, Debug)]
pub struct Synth {
    /// The file up to the first tensor: metadata, a made-up tokenizer, the table of tensors.
    pub head: Vec<u8>,
    /// The tensors in order. Each is followed by [`Piece::padding`] zeros.
    pub pieces: Vec<Piece>,
    seed: u64,
}

/// A tensor that is not written yet.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Name and sizes.
    pub entry: Entry,
    /// How it is stored.
    pub dtype: Dtype,
    number: u64,
    values: Option<Vec<f32>>,
}

impl Piece {
    /// Weights of a row.
    fn cols(&self) -> usize {
        self.entry.dims[0]
    }

    /// Rows of all its matrices.
    pub fn rows(&self) -> usize {
        self.entry.dims[1..].iter().product()
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        let (weights, bytes) = self.dtype.block().unwrap_or((1, 4));
        self.cols() / weights as usize * bytes as usize
    }

    fn bytes(&self) -> u64 {
        self.rows() as u64 * self.row_bytes() as u64
    }

    /// Zeros between it and the next.
    pub fn padding(&self) -> usize {
        (self.bytes().next_multiple_of(ALIGNMENT) - self.bytes()) as usize
    }
}

impl Synth {
    /// A model of `config` with matrices stored as `dtype`, as [`Entry::stored`] says.
    pub fn new(config: &Config, dtype: Dtype, seed: u64) -> Self {
        Self::of_types(config, &Types::uniform(dtype), seed)
    }

    /// The same in several types.
    pub fn of_types(config: &Config, types: &Types, seed: u64) -> Self {
        let mut gguf = vocabulary::add(metadata(config, types), config);
        let (mut pieces, mut offset) = (Vec::new(), 0);
        for (number, entry) in (0..).zip(inventory::tensors(config)) {
            let dtype = types.stored(&entry);
            let values = (entry.role == Role::Divisors).then(|| divisors(config, entry.dims[0]));
            let dims: Vec<u64> = entry.dims.iter().map(|d| *d as u64).collect();
            gguf = gguf.entry(&entry.name, &dims, dtype.id(), offset);
            let piece = Piece { entry, dtype, number, values };
            offset += piece.bytes() + piece.padding() as u64;
            pieces.push(piece);
        }
        Self { head: gguf.head().bytes, pieces, seed }
    }

    /// Bytes of the whole file.
    pub fn byte_len(&self) -> u64 {
        let pieces = self.pieces.iter().map(|piece| piece.bytes() + piece.padding() as u64);
        self.head.len() as u64 + pieces.sum::<u64>()
    }

    /// One row of a tensor, as stored. Rows do not depend on each other.
    pub fn row(&self, piece: &Piece, row: usize) -> Vec<u8> {
        let cols = piece.cols();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(piece.number);
        rng.set_word_pos(row as u128 * cols as u128);
        let (middle, spread) = match piece.entry.role {
            // As wide as keeps activations about as large as they were; tokens' own vectors are of size 1.
            Role::Matrix | Role::Gate if piece.entry.name == "token_embd.weight" => (0.0, 1.0),
            Role::Matrix | Role::Gate => (0.0, (3.0 / cols as f32).sqrt()),
            Role::Gain => (1.0, 0.1),
            Role::Bias => (0.0, 0.1),
            Role::Divisors => (1.0, 0.0),
        };
        let scale = spread / 2f32.powi(31);
        let values: Vec<f32> = match &piece.values {
            Some(values) => values.clone(),
            None => (0..cols).map(|_| middle + scale * rng.next_u32().cast_signed() as f32).collect(),
        };
        encode(piece.dtype, &values)
    }
}

fn encode(dtype: Dtype, values: &[f32]) -> Vec<u8> {
    fn blocks<B: Block>(values: &[f32]) -> Vec<u8> {
        bytemuck::cast_slice(&encode_row::<B>(values)).to_vec()
    }
    match dtype {
        Dtype::F16 => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        Dtype::Bf16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        Dtype::Q8_0 => blocks::<BlockQ8_0>(values),
        Dtype::Q4_0 => blocks::<BlockQ4_0>(values),
        Dtype::Q4K => blocks::<BlockQ4K>(values),
        Dtype::Q5_0 => blocks::<BlockQ5_0>(values),
        Dtype::Q6K => blocks::<BlockQ6K>(values),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

/// The hyperparameters under GGUF's keys: what [`Config::from_file`] reads.
fn metadata(config: &Config, types: &Types) -> Gguf {
    let arch = match (&config.attention, config.rope.pairs) {
        (Attention::Latent { .. }, _) => "deepseek2",
        (_, Pairs::Halves) => "qwen2",
        (_, Pairs::Interleaved) => "llama",
    };
    let key = |name: &str| format!("{arch}.{name}");
    let mut sizes = vec![
        ("block_count", config.layers),
        ("context_length", config.context),
        ("embedding_length", config.hidden),
        ("feed_forward_length", config.ffn),
        ("vocab_size", config.vocab),
        ("attention.head_count", config.attention.heads()),
    ];
    match config.attention {
        Attention::Grouped { kv_heads, width, .. } => sizes.extend([
            ("attention.head_count_kv", kv_heads),
            ("attention.key_length", width),
            ("attention.value_length", width),
            ("rope.dimension_count", width),
        ]),
        Attention::Latent { heads, query_rank, latent, nope, rope, value } => {
            sizes.extend([
                ("attention.head_count_kv", heads),
                ("attention.kv_lora_rank", latent),
                ("attention.key_length", nope + rope),
                ("attention.value_length", value),
                ("rope.dimension_count", rope),
            ]);
            sizes.extend(query_rank.map(|rank| ("attention.q_lora_rank", rank)));
        }
    }
    if let Some(e) = &config.experts {
        sizes.extend([
            ("leading_dense_block_count", e.dense_layers),
            ("expert_count", e.routed),
            ("expert_shared_count", e.shared),
            ("expert_used_count", e.active),
            ("expert_feed_forward_length", e.width),
            ("expert_gating_func", if e.score == Score::Sigmoid { 2 } else { 1 }),
        ]);
        if e.groups > 1 {
            sizes.extend([("expert_group_count", e.groups), ("expert_group_used_count", e.groups_kept)]);
        }
    }
    let mut gguf = Gguf::new(3)
        .text("general.architecture", arch)
        .text("general.name", &format!("{} with seeded weights, {types}", config.name))
        .f32(&key("attention.layer_norm_rms_epsilon"), config.norm_eps)
        .f32(&key("rope.freq_base"), config.rope.theta as f32);
    for (name, size) in sizes {
        gguf = gguf.u32(&key(name), size as u32);
    }
    if let Some(e) = &config.experts {
        gguf = gguf.f32(&key("expert_weights_scale"), e.scale).flag(&key("expert_weights_norm"), e.normalized);
    }
    match config.rope.scaling {
        Scaling::None | Scaling::Llama3 { .. } | Scaling::Divisors(_) => gguf,
        Scaling::Yarn { factor, trained, beta_fast, beta_slow, mscale } => gguf
            .text(&key("rope.scaling.type"), "yarn")
            .f32(&key("rope.scaling.factor"), factor as f32)
            .u32(&key("rope.scaling.original_context_length"), trained as u32)
            .f32(&key("rope.scaling.yarn_beta_fast"), beta_fast as f32)
            .f32(&key("rope.scaling.yarn_beta_slow"), beta_slow as f32)
            .f32(&key("rope.scaling.yarn_log_multiplier"), (0.1 * mscale) as f32),
    }
}

/// What the frequency of each pair is divided by.
fn divisors(config: &Config, pairs: usize) -> Vec<f32> {
    (0..pairs).map(|pair| config.rope.divisor(pair, pairs) as f32).collect()
}
