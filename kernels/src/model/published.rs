//! Configurations of published models, so that a model's kernels can be listed, timed and synthesized without its file.
//! Sources: karpathy/llama2.c's README (stories*; their feed-forward widths follow from its rounding rule), the models'
//! `config.json` on their pages, and deepseek-ai/DeepSeek-V3's `inference/configs` (V2-Lite as `config_16B`, V3 as
//! `config_671B`). TinyLlama's, and that the Qwen distill's head is untied, are widely reported and were not verified.

use super::config::{Attention, Config, Experts, Pairs, Rope, Scaling, Score};

/// All of them, small ones first.
pub fn all() -> Vec<Config> {
    vec![
        stories("stories260k", [64, 5, 8, 4, 172, 512, 512]),
        stories("stories15m", [288, 6, 6, 6, 768, 32_000, 256]),
        stories("stories42m", [512, 8, 8, 8, 1376, 32_000, 1024]),
        stories("stories110m", [768, 12, 12, 12, 2048, 32_000, 1024]),
        tinyllama(),
        qwen("r1-distill-qwen-1.5b", [1536, 28, 12, 2, 8960, 151_936]),
        llama3("llama-3.2-3b", [3072, 28, 24, 8, 8192], true, 32.0),
        ministral(),
        llama2("llama-2-7b", [4096, 32, 32, 32, 11_008, 32_000], 4096),
        llama2("mistral-7b", [4096, 32, 32, 8, 14_336, 32_000], 32_768),
        qwen("r1-distill-qwen-7b", [3584, 28, 28, 4, 18_944, 152_064]),
        llama3("r1-distill-llama-8b", [4096, 32, 32, 8, 14_336], false, 8.0),
        llama2("llama-2-13b", [5120, 40, 40, 40, 13_824, 32_000], 4096),
        qwen("r1-distill-qwen-14b", [5120, 48, 40, 8, 13_824, 152_064]),
        llama3("llama-3.1-70b", [8192, 80, 64, 8, 28_672], false, 8.0),
        v2_lite(),
        v3(),
    ]
}

/// The one of this name.
pub fn named(name: &str) -> Option<Config> {
    all().into_iter().find(|config| config.name == name)
}

fn grouped(heads: usize, kv_heads: usize, hidden: usize, biases: bool) -> Attention {
    Attention::Grouped { heads, kv_heads, width: hidden / heads, biases }
}

fn stories(name: &str, [hidden, layers, heads, kv_heads, ffn, vocab, context]: [usize; 7]) -> Config {
    Config {
        name: name.into(),
        hidden,
        layers,
        vocab,
        context,
        norm_eps: 1e-5,
        attention: grouped(heads, kv_heads, hidden, false),
        rope: Rope { theta: 10_000.0, pairs: Pairs::Interleaved, scaling: Scaling::None },
        ffn,
        experts: None,
        tied_head: true,
    }
}

fn llama2(name: &str, [hidden, layers, heads, kv_heads, ffn, vocab]: [usize; 6], context: usize) -> Config {
    Config { tied_head: false, ..stories(name, [hidden, layers, heads, kv_heads, ffn, vocab, context]) }
}

fn tinyllama() -> Config {
    llama2("tinyllama-1.1b", [2048, 22, 32, 4, 5632, 32_000], 2048)
}

/// Layers, width and heads: NVIDIA, Megatron Bridge, "Ministral 3". Its 3.4 billion parameters leave a feed-forward width
/// of 9216; positions are turned as Llama 2 does here, which costs the same as YaRN.
fn ministral() -> Config {
    Config {
        attention: Attention::Grouped { heads: 32, kv_heads: 8, width: 128, biases: false },
        tied_head: true,
        ..llama2("ministral-3-3b", [3072, 26, 32, 8, 9216, 131_072], 262_144)
    }
}

fn llama3(name: &str, [hidden, layers, heads, kv_heads, ffn]: [usize; 5], tied_head: bool, factor: f64) -> Config {
    let scaling = Scaling::Llama3 { factor, low: 1.0, high: 4.0, trained: 8192 };
    Config {
        rope: Rope { theta: 500_000.0, pairs: Pairs::Interleaved, scaling },
        tied_head,
        ..stories(name, [hidden, layers, heads, kv_heads, ffn, 128_256, 131_072])
    }
}

fn qwen(name: &str, [hidden, layers, heads, kv_heads, ffn, vocab]: [usize; 6]) -> Config {
    Config {
        norm_eps: 1e-6,
        attention: grouped(heads, kv_heads, hidden, true),
        rope: Rope { theta: 10_000.0, pairs: Pairs::Halves, scaling: Scaling::None },
        tied_head: false,
        ..stories(name, [hidden, layers, heads, kv_heads, ffn, vocab, 131_072])
    }
}

fn deepseek_rope(mscale: f64) -> Rope {
    let scaling = Scaling::Yarn { factor: 40.0, trained: 4096, beta_fast: 32.0, beta_slow: 1.0, mscale };
    Rope { theta: 10_000.0, pairs: Pairs::Interleaved, scaling }
}

fn v2_lite() -> Config {
    Config {
        name: "deepseek-v2-lite".into(),
        hidden: 2048,
        layers: 27,
        vocab: 102_400,
        context: 163_840,
        norm_eps: 1e-6,
        attention: Attention::Latent { heads: 16, query_rank: None, latent: 512, nope: 128, rope: 64, value: 128 },
        rope: deepseek_rope(0.707),
        ffn: 10_944,
        experts: Some(Experts {
            dense_layers: 1,
            routed: 64,
            shared: 2,
            active: 6,
            width: 1408,
            groups: 1,
            groups_kept: 1,
            score: Score::Softmax,
            normalized: false,
            scale: 1.0,
        }),
        tied_head: false,
    }
}

fn v3() -> Config {
    Config {
        name: "deepseek-v3".into(),
        hidden: 7168,
        layers: 61,
        vocab: 129_280,
        attention: Attention::Latent {
            heads: 128,
            query_rank: Some(1536),
            latent: 512,
            nope: 128,
            rope: 64,
            value: 128,
        },
        rope: deepseek_rope(1.0),
        ffn: 18_432,
        experts: Some(Experts {
            dense_layers: 3,
            routed: 256,
            shared: 1,
            active: 8,
            width: 2048,
            groups: 8,
            groups_kept: 4,
            score: Score::Sigmoid,
            normalized: true,
            scale: 2.5,
        }),
        ..v2_lite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Weights read per token, of reference tables of the models' budgets: 15.2 M, 109.5 M, 1.034 B, 1.543 B, 7.07 B,
    // 7.50 B, about 2.45 B and about 36.6 B.
    #[test]
    fn weights_per_token_are_those_known() {
        for (name, millions, within) in [
            ("stories15m", 15.2, 0.01),
            ("stories110m", 109.5, 0.01),
            ("tinyllama-1.1b", 1034.0, 0.002),
            ("r1-distill-qwen-1.5b", 1543.0, 0.002),
            ("r1-distill-qwen-7b", 7070.0, 0.002),
            ("r1-distill-llama-8b", 7500.0, 0.002),
            ("deepseek-v2-lite", 2450.0, 0.01),
            ("deepseek-v3", 36_600.0, 0.01),
        ] {
            let weights = named(name).expect(name).weights_per_token() as f64 / 1e6;
            assert!((weights / millions - 1.0).abs() < within, "{name}: {weights} M");
        }
    }
}
