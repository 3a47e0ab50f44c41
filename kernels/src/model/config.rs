//! What the inference core needs to know of a model beside its weights: the hyperparameters, by the names of
//! `reference` papers and configs, whatever file or table they come from. Nothing here reads a file.

use std::f64::consts::TAU;

/// Hyperparameters of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Name, as in `r1-distill-qwen-1.5b`: the first part of its shapes' names.
    pub name: String,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Longest text, tokens.
    pub context: usize,
    /// Added to the mean square in RMSNorm.
    pub norm_eps: f32,
    /// How tokens look back.
    pub attention: Attention,
    /// How positions turn queries and keys.
    pub rope: Rope,
    /// Width of the dense feed-forward layers.
    pub ffn: usize,
    /// The layers that have experts instead, if any do.
    pub experts: Option<Experts>,
    /// True where the output head is the embedding table.
    pub tied_head: bool,
}

/// How tokens look back.
#[derive(Clone, Debug, PartialEq)]
pub enum Attention {
    /// Query heads in groups that share a head of keys and values (GQA); MHA where each has its own.
    Grouped {
        /// Query heads.
        heads: usize,
        /// Heads of keys and values; divides `heads`.
        kv_heads: usize,
        /// Values of a head.
        width: usize,
        /// True where queries, keys and values have biases (Qwen2).
        biases: bool,
    },
    /// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434).
    Latent {
        /// Query heads.
        heads: usize,
        /// Width of the compressed query; none where queries are projected at once (V2-Lite).
        query_rank: Option<usize>,
        /// Width of the latent that keys and values are made of.
        latent: usize,
        /// Values of a query and key that carry no position.
        nope: usize,
        /// Values of a query and key that carry the position; one such key for all heads.
        rope: usize,
        /// Values of a value head.
        value: usize,
    },
}

impl Attention {
    /// Query heads.
    pub fn heads(&self) -> usize {
        match *self {
            Self::Grouped { heads, .. } | Self::Latent { heads, .. } => heads,
        }
    }

    /// f32 values that a cached token takes in one layer.
    pub fn cached_values(&self) -> usize {
        match *self {
            Self::Grouped { kv_heads, width, .. } => 2 * kv_heads * width,
            Self::Latent { latent, rope, .. } => latent + rope,
        }
    }
}

/// How positions turn queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// Which values of a head are a pair.
    pub pairs: Pairs,
    /// How frequencies are changed for texts longer than those trained on.
    pub scaling: Scaling,
}

impl Rope {
    /// Radians that pair `pair` of `pairs` turns from token to token, before any scaling.
    pub fn frequency(&self, pair: usize, pairs: usize) -> f64 {
        self.theta.powf(-(pair as f64) / pairs as f64)
    }

    /// What that is divided by where each pair has a divisor of its own; 1 under YaRN, whose ramp is over pairs. Llama
    /// 3.1's rule: pairs that make fewer than `low` turns over the trained context are slowed in full, those with more than
    /// `high` not at all. Source: meta-llama/llama-models' `apply_scaling`.
    pub fn divisor(&self, pair: usize, pairs: usize) -> f64 {
        match &self.scaling {
            Scaling::None | Scaling::Yarn { .. } => 1.0,
            Scaling::Divisors(divisors) => divisors.get(pair).map_or(1.0, |divisor| f64::from(*divisor)),
            Scaling::Llama3 { factor, low, high, trained } => {
                let turns = *trained as f64 * self.frequency(pair, pairs) / TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                1.0 / ((1.0 - kept) / factor + kept)
            }
        }
    }
}

/// Which values of a head are a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// `(2i, 2i + 1)`: "NORM" of llama.cpp, and llama2.c.
    Interleaved,
    /// `(i, i + width / 2)`: "NEOX" of llama.cpp, and Qwen.
    Halves,
}

/// How frequencies are changed for texts longer than those trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// Not at all.
    None,
    /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a ramp between.
    Llama3 {
        /// Divisor of low frequencies.
        factor: f64,
        /// Turns over the trained context below which a frequency is low.
        low: f64,
        /// Turns above which it is high.
        high: f64,
        /// Trained context, tokens.
        trained: usize,
    },
    /// YaRN (Peng et al., arXiv 2309.00071), as in DeepSeek-V2 and V3.
    Yarn {
        /// Divisor of low frequencies.
        factor: f64,
        /// Trained context, tokens.
        trained: usize,
        /// Turns over the trained context above which a frequency is kept.
        beta_fast: f64,
        /// Turns below which it is divided in full.
        beta_slow: f64,
        /// The softmax scale is multiplied by `(0.1 mscale ln factor + 1)²`.
        mscale: f64,
    },
    /// A divisor for each pair, from the file (`rope_freqs.weight`).
    Divisors(Vec<f32>),
}

/// A mixture of experts (DeepSeekMoE, arXiv 2401.06066).
#[derive(Clone, Debug, PartialEq)]
pub struct Experts {
    /// Layers before the first that has experts.
    pub dense_layers: usize,
    /// Experts that a gate chooses from.
    pub routed: usize,
    /// Experts that every token goes to.
    pub shared: usize,
    /// Routed experts that a token goes to.
    pub active: usize,
    /// Inner width of one expert.
    pub width: usize,
    /// Groups that routed experts fall into.
    pub groups: usize,
    /// Groups of which experts may be chosen.
    pub groups_kept: usize,
    /// How scores are made.
    pub score: Score,
    /// True where the weights of the chosen are divided by their sum.
    pub normalized: bool,
    /// What the weights are multiplied by.
    pub scale: f32,
}

/// How the gate's scores are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Softmax over the experts (V2).
    Softmax,
    /// A sigmoid each, and a bias for the choice alone (V3).
    Sigmoid,
}

impl Config {
    /// Weights that one token reads, the output head included and the embedding table not.
    pub fn weights_per_token(&self) -> u64 {
        let layers: usize = (0..self.layers).map(|layer| self.attention_weights() + self.ffn_weights(layer)).sum();
        (layers + self.vocab * self.hidden) as u64
    }

    /// The mixture of a layer; none where it is dense.
    pub fn experts_of(&self, layer: usize) -> Option<&Experts> {
        self.experts.as_ref().filter(|experts| layer >= experts.dense_layers)
    }

    /// Weights of the attention of one layer.
    pub fn attention_weights(&self) -> usize {
        let h = self.hidden;
        match self.attention {
            Attention::Grouped { heads, kv_heads, width, .. } => 2 * h * width * (heads + kv_heads),
            Attention::Latent { heads, query_rank, latent, nope, rope, value } => {
                let queries = heads * (nope + rope);
                let query = query_rank.map_or(h * queries, |rank| h * rank + rank * queries);
                query + h * (latent + rope) + latent * heads * (nope + value) + heads * value * h
            }
        }
    }

    fn ffn_weights(&self, layer: usize) -> usize {
        let h = self.hidden;
        match self.experts_of(layer) {
            None => 3 * h * self.ffn,
            Some(e) => h * e.routed + 3 * h * e.width * (e.active + e.shared),
        }
    }
}
