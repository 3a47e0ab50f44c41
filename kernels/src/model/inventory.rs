//! The tensors of a model, by GGUF's names and in its order: what a file must hold, and what a synthetic one is made of.

use super::Dtype;
use super::config::{Attention, Config, Scaling, Score};

/// One tensor that a model of a [`Config`] has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name in GGUF style.
    pub name: String,
    /// Sizes, that of a row first, as GGUF has them. A vector has one.
    pub dims: Vec<usize>,
    /// What it is for, which decides how it may be stored.
    pub role: Role,
}

/// What a tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A matrix, or one of each expert: stored in any type.
    Matrix,
    /// The gate's matrix, always f32: its choice is sensitive.
    Gate,
    /// Gains of a norm, around 1; f32.
    Gain,
    /// Added, around 0; f32.
    Bias,
    /// Divisors of RoPE's frequencies; f32.
    Divisors,
}

impl Entry {
    fn new(name: impl Into<String>, dims: &[usize], role: Role) -> Self {
        Self { name: name.into(), dims: dims.to_vec(), role }
    }

    /// Weights in it.
    pub fn weights(&self) -> u64 {
        self.dims.iter().map(|d| *d as u64).product()
    }

    /// How it is stored where matrices are to be in `dtype`: see [`Dtype::of_rows`].
    pub fn stored(&self, dtype: Dtype) -> Dtype {
        if self.role == Role::Matrix { dtype.of_rows(self.dims[0]) } else { Dtype::F32 }
    }

    /// Its bytes in `dtype`.
    pub fn bytes(&self, dtype: Dtype) -> u64 {
        let (weights, bytes) = dtype.block().unwrap_or((1, 4));
        self.weights() / weights * bytes
    }
}

/// All tensors, the layers in order. Latent attention's keys and values are one matrix (`attn_kv_b`); files made since 2025
/// have it split, see [`split_latent`].
pub fn tensors(config: &Config) -> impl Iterator<Item = Entry> + '_ {
    let Config { hidden, vocab, .. } = *config;
    let ends = [
        Some(Entry::new("token_embd.weight", &[hidden, vocab], Role::Matrix)),
        Some(Entry::new("output_norm.weight", &[hidden], Role::Gain)),
        (!config.tied_head).then(|| Entry::new("output.weight", &[hidden, vocab], Role::Matrix)),
        divisors(config),
    ];
    ends.into_iter().flatten().chain((0..config.layers).flat_map(|layer| of_layer(config, layer)))
}

fn divisors(config: &Config) -> Option<Entry> {
    let pairs = match (&config.rope.scaling, &config.attention) {
        (Scaling::Divisors(divisors), _) => divisors.len(),
        (Scaling::Llama3 { .. }, Attention::Grouped { width, .. }) => width / 2,
        _ => return None,
    };
    Some(Entry::new("rope_freqs.weight", &[pairs], Role::Divisors))
}

/// Those of one layer.
pub fn of_layer(config: &Config, layer: usize) -> Vec<Entry> {
    let (h, mut list) = (config.hidden, Vec::new());
    let mut add = |name: &str, dims: &[usize], role| list.push(Entry::new(format!("blk.{layer}.{name}"), dims, role));
    add("attn_norm.weight", &[h], Role::Gain);
    match config.attention {
        Attention::Grouped { heads, kv_heads, width, biases } => {
            for (name, n) in [("attn_q", heads), ("attn_k", kv_heads), ("attn_v", kv_heads)] {
                add(&format!("{name}.weight"), &[h, n * width], Role::Matrix);
                if biases {
                    add(&format!("{name}.bias"), &[n * width], Role::Bias);
                }
            }
            add("attn_output.weight", &[heads * width, h], Role::Matrix);
        }
        Attention::Latent { heads, query_rank, latent, nope, rope, value } => {
            match query_rank {
                None => add("attn_q.weight", &[h, heads * (nope + rope)], Role::Matrix),
                Some(rank) => {
                    add("attn_q_a.weight", &[h, rank], Role::Matrix);
                    add("attn_q_a_norm.weight", &[rank], Role::Gain);
                    add("attn_q_b.weight", &[rank, heads * (nope + rope)], Role::Matrix);
                }
            }
            add("attn_kv_a_mqa.weight", &[h, latent + rope], Role::Matrix);
            add("attn_kv_a_norm.weight", &[latent], Role::Gain);
            add("attn_kv_b.weight", &[latent, heads * (nope + value)], Role::Matrix);
            add("attn_output.weight", &[heads * value, h], Role::Matrix);
        }
    }
    add("ffn_norm.weight", &[h], Role::Gain);
    let mut ffn = |suffix: &str, width: usize| {
        for (name, dims) in [("ffn_gate", [h, width]), ("ffn_up", [h, width]), ("ffn_down", [width, h])] {
            add(&format!("{name}{suffix}.weight"), &dims, Role::Matrix);
        }
    };
    let Some(experts) = config.experts_of(layer) else {
        ffn("", config.ffn);
        return list;
    };
    if experts.shared > 0 {
        ffn("_shexp", experts.shared * experts.width);
    }
    add("ffn_gate_inp.weight", &[h, experts.routed], Role::Gate);
    if experts.score == Score::Sigmoid {
        add("exp_probs_b.bias", &[experts.routed], Role::Bias);
    }
    let width = experts.width;
    for (name, dims) in [("gate", [h, width]), ("up", [h, width]), ("down", [width, h])] {
        add(&format!("ffn_{name}_exps.weight"), &[dims[0], dims[1], experts.routed], Role::Matrix);
    }
    list
}

/// What stands for `attn_kv_b` where it is split: the keys' part of each head transposed, and the values' part.
pub fn split_latent(config: &Config, layer: usize) -> Option<[Entry; 2]> {
    let Attention::Latent { heads, latent, nope, value, .. } = config.attention else { return None };
    Some([
        Entry::new(format!("blk.{layer}.attn_k_b.weight"), &[nope, latent, heads], Role::Matrix),
        Entry::new(format!("blk.{layer}.attn_v_b.weight"), &[latent, value, heads], Role::Matrix),
    ])
}
