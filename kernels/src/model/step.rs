//! Which kernels one greedy decode step of the core calls with a cache in f32, at which shapes and how often: what its time
//! on any machine is the sum of. A test of the core holds it against what the core calls.

use super::config::{Attention, Config, Experts, Pairs, Score};
use super::{Dtype, Types};
use crate::kernel::Shape;

/// Calls of one kernel at one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Name of the kernel.
    pub kernel: &'static str,
    /// Its sizes; named `model/operation`.
    pub shape: Shape,
    /// How often a step calls it.
    pub times: usize,
}

/// The kernel that multiplies a matrix stored as `dtype` with one token's activations; none for types without one.
pub fn gemv(dtype: Dtype) -> Option<&'static str> {
    Some(match dtype {
        Dtype::F32 => "gemv_f32",
        Dtype::F16 => "gemv_f16",
        Dtype::Bf16 => "gemv_bf16",
        Dtype::Q8_0 => "gemv_q8",
        Dtype::Q4_0 => "gemv_q4_0",
        Dtype::Q4K => "gemv_q4_k",
        Dtype::Q6K => "gemv_q6_k",
        Dtype::Q5_0 | Dtype::Tq1_0 | Dtype::Tq2_0 | Dtype::Q8Grouped(_) | Dtype::Other(_) => return None,
    })
}

/// The kernels of one step of `config` whose tensors are stored as `types` say, with `tokens` in the cache, its own included.
/// None where no kernel takes one of the types, or one of the model's parts has no kernel.
pub fn decode(config: &Config, types: &Types, tokens: usize) -> Option<Vec<Operation>> {
    let mut step = Step { config, types, list: Vec::new() };
    let mixtures = || (0..config.layers).filter_map(|layer| Some((layer, config.experts_of(layer)?)));
    for layer in 0..config.layers {
        step.attention(layer, tokens)?;
    }
    for layer in (0..config.layers).filter(|layer| config.experts_of(*layer).is_none()) {
        step.feed_forward(layer)?;
    }
    for (layer, experts) in mixtures() {
        step.experts(layer, experts)?;
    }
    step.rmsnorm("norm", config.hidden, 2 * config.layers + 1);
    step.head()?;
    Some(step.list)
}

/// What the core calls beside where its rung of `mla_decode` reads each head's own keys and values (those marked `expanded`):
/// it makes the newest token's by one product of the file's own matrix in every layer, and leaves the rung none to make.
/// Nothing where attention is another.
pub fn expansion(config: &Config, types: &Types) -> Option<Vec<Operation>> {
    let mut step = Step { config, types, list: Vec::new() };
    if let Attention::Latent { heads, latent, nope, value, .. } = config.attention {
        for layer in 0..config.layers {
            let dtype = step.of(layer, "attn_kv_b", latent)?;
            step.quantized("attn-kv-b", latent, [dtype]);
            step.matrix("attn-kv-b", dtype, heads * (nope + value), latent)?;
        }
    }
    Some(step.list)
}

struct Step<'a> {
    config: &'a Config,
    types: &'a Types,
    list: Vec<Operation>,
}

impl Step<'_> {
    /// Calls at the same shape are one operation, whatever they are for.
    fn add(&mut self, kernel: &'static str, what: &str, [m, n, k, parts]: [usize; 4], times: usize) {
        self.add_shape(kernel, what, Shape::new("", m, n, k).parts(parts), times);
    }

    fn add_shape(&mut self, kernel: &'static str, what: &str, sizes: Shape, times: usize) {
        let shape = Shape { name: format!("{}/{what}", self.config.name).into(), ..sizes };
        let sizes = |s: &Shape| [s.m, s.n, s.k, s.parts, s.chosen];
        let wanted = sizes(&shape);
        match self.list.iter_mut().find(|o| o.kernel == kernel && sizes(&o.shape) == wanted) {
            Some(operation) => operation.times += times,
            None if times > 0 => self.list.push(Operation { kernel, shape, times }),
            None => {}
        }
    }

    /// What a matrix of a layer is multiplied by.
    fn of(&self, layer: usize, matrix: &str, cols: usize) -> Option<Dtype> {
        self.types.multiplied(&format!("blk.{layer}.{matrix}.weight"), cols)
    }

    fn matrix(&mut self, what: &str, dtype: Dtype, rows: usize, cols: usize) -> Option<()> {
        self.add(gemv(dtype)?, what, [1, rows, cols, 1], 1);
        Some(())
    }

    /// Activations that these matrices share, in the order of the products, become i8 before the first in blocks, and again
    /// where the next have blocks of another length.
    fn quantized(&mut self, what: &str, width: usize, matrices: impl IntoIterator<Item = Dtype>) {
        let mut made = None;
        for dtype in matrices {
            let kernel = match dtype {
                Dtype::Q8_0 | Dtype::Q4_0 => "quantize_q8_0",
                Dtype::Q4K | Dtype::Q6K => "quantize_q8_k",
                _ => continue,
            };
            if made != Some(kernel) {
                self.add(kernel, what, [1, width, 1, 1], 1);
                made = Some(kernel);
            }
        }
    }

    fn rmsnorm(&mut self, what: &str, width: usize, times: usize) {
        self.add("rmsnorm", what, [1, width, 1, 1], times);
    }

    fn rope(&mut self, heads: usize, width: usize) {
        // Also where frequencies are scaled: `rope_yarn` does the same by frequencies of its own.
        let kernel = match self.config.rope.pairs {
            Pairs::Halves => "rope_neox",
            Pairs::Interleaved => "rope",
        };
        self.add(kernel, "rope", [heads, 1, width, 1], 1);
    }

    fn attention(&mut self, layer: usize, tokens: usize) -> Option<()> {
        let Config { hidden, .. } = *self.config;
        match self.config.attention {
            Attention::Grouped { heads, kv_heads, width, .. } => {
                let [q, k, v] = ["attn_q", "attn_k", "attn_v"].map(|name| self.of(layer, name, hidden));
                let (q, k, v, output) = (q?, k?, v?, self.of(layer, "attn_output", heads * width)?);
                self.quantized("attn-in", hidden, [q, k, v]);
                self.matrix("attn-q", q, heads * width, hidden)?;
                self.matrix("attn-k", k, kv_heads * width, hidden)?;
                self.matrix(if v == k { "attn-k" } else { "attn-v" }, v, kv_heads * width, hidden)?;
                self.rope(heads + kv_heads, width);
                self.add("attention_decode", "attention", [heads, tokens, width, kv_heads], 1);
                self.quantized("attn-out", heads * width, [output]);
                self.matrix("attn-output", output, hidden, heads * width)?;
            }
            Attention::Latent { heads, query_rank, latent, nope, rope, value } => {
                let queries = heads * (nope + rope);
                let kv_a = self.of(layer, "attn_kv_a_mqa", hidden)?;
                let q = self.of(layer, if query_rank.is_some() { "attn_q_a" } else { "attn_q" }, hidden)?;
                self.quantized("attn-in", hidden, [q, kv_a]);
                match query_rank {
                    Some(rank) => {
                        let b = self.of(layer, "attn_q_b", rank)?;
                        self.matrix("attn-q-a", q, rank, hidden)?;
                        self.rmsnorm("attn-q-norm", rank, 1);
                        self.quantized("attn-q-b", rank, [b]);
                        self.matrix("attn-q-b", b, queries, rank)?;
                    }
                    None => self.matrix("attn-q", q, queries, hidden)?,
                }
                self.matrix("attn-kv-a", kv_a, latent + rope, hidden)?;
                self.rmsnorm("attn-kv-norm", latent, 1);
                self.rope(heads + 1, rope);
                self.add("mla_decode", "attention", [heads, tokens, latent, 1], 1);
                let output = self.of(layer, "attn_output", heads * value)?;
                self.quantized("attn-out", heads * value, [output]);
                self.matrix("attn-output", output, hidden, heads * value)?;
            }
        }
        Some(())
    }

    /// Of weights in f32 and bf16 the likeliest token is one kernel with the product.
    fn head(&mut self) -> Option<()> {
        let Config { vocab, hidden, tied_head, .. } = *self.config;
        let tensor = if tied_head { "token_embd.weight" } else { "output.weight" };
        let dtype = self.types.multiplied(tensor, hidden)?;
        self.quantized("head", hidden, [dtype]);
        match dtype {
            Dtype::F32 => self.add("head_argmax", "head", [1, vocab, hidden, 1], 1),
            Dtype::Bf16 => self.add("head_argmax_bf16", "head", [1, vocab, hidden, 1], 1),
            _ => self.matrix("head", dtype, vocab, hidden)?,
        }
        Some(())
    }

    fn feed_forward(&mut self, layer: usize) -> Option<()> {
        let Config { hidden, ffn, .. } = *self.config;
        let matrices = self.gate_up_down(layer, "", ffn)?;
        self.quantized("ffn-in", hidden, [matrices[0], matrices[1]]);
        self.products("ffn", matrices, ffn)
    }

    /// What gate, up and down are multiplied by of a layer `width` wide inside.
    fn gate_up_down(&self, layer: usize, suffix: &str, width: usize) -> Option<[Dtype; 3]> {
        let of = |name: &str, cols: usize| self.of(layer, &format!("ffn_{name}{suffix}"), cols);
        Some([of("gate", self.config.hidden)?, of("up", self.config.hidden)?, of("down", width)?])
    }

    fn products(&mut self, what: &str, [gate, up, down]: [Dtype; 3], width: usize) -> Option<()> {
        let hidden = self.config.hidden;
        self.matrix(&format!("{what}-{}", if gate == up { "up" } else { "gate" }), gate, width, hidden)?;
        self.matrix(&format!("{what}-up"), up, width, hidden)?;
        self.add("swiglu", what, [1, width, 1, 1], 1);
        self.quantized(&format!("{what}-down"), width, [down]);
        self.matrix(&format!("{what}-down"), down, hidden, width)
    }

    /// Experts in f32 and bf16 are one kernel; of other types each is a feed-forward layer of its own width, and the
    /// activations that they share are quantized once. Shared experts are one such layer.
    fn experts(&mut self, layer: usize, experts: &Experts) -> Option<()> {
        let (hidden, &Experts { routed, width, active, shared, .. }) = (self.config.hidden, experts);
        let mut quantized = Vec::new();
        match experts.score {
            Score::Sigmoid => self.add("moe_gate", "gate", [1, routed, hidden, experts.groups], 1),
            Score::Softmax => {
                let gate = self.types.gate(&format!("blk.{layer}.ffn_gate_inp.weight"))?;
                quantized.push(gate);
                self.matrix("gate", gate, routed, hidden)?;
                self.add("softmax", "gate", [1, routed, 1, 1], 1);
            }
        }
        let of_all = Shape::new("", 1, hidden, width).parts(routed).chosen(active);
        let matrices = self.gate_up_down(layer, "_exps", width)?;
        match matrices[0] {
            // One type for all three is what their kernel takes.
            Dtype::F32 | Dtype::Bf16 if matrices.iter().any(|dtype| *dtype != matrices[0]) => return None,
            Dtype::F32 => self.add_shape("moe_ffn_f32", "experts", of_all, 1),
            Dtype::Bf16 => self.add_shape("moe_ffn_bf16", "experts", of_all, 1),
            _ => {
                for _ in 0..active {
                    quantized.extend([matrices[0], matrices[1]]);
                    self.products("expert", matrices, width)?;
                }
            }
        }
        let beside = if shared > 0 { Some(self.gate_up_down(layer, "_shexp", shared * width)?) } else { None };
        quantized.extend(beside.iter().flat_map(|matrices| [matrices[0], matrices[1]]));
        self.quantized("ffn-in", hidden, quantized);
        beside.map_or(Some(()), |matrices| self.products("shared-experts", matrices, shared * width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Contract;
    use crate::model::published;
    use crate::moe_ffn::MoeFfn;

    /// What the products of a step read is what the configuration says a token reads, and of experts what their kernel
    /// declares, but for the token's own values.
    #[test]
    fn products_read_the_weights_of_a_token() {
        for config in published::all() {
            let step = decode(&config, &Types::uniform(Dtype::F32), 100).expect("a kernel for f32");
            let read = |o: &Operation| match (o.kernel, &config.attention) {
                ("gemv_f32" | "moe_gate" | "head_argmax", _) => o.shape.n * o.shape.k,
                ("moe_ffn_f32", _) => {
                    let declared = MoeFfn::<f32>::cost(&o.shape).bytes as usize / 4;
                    declared - 2 * (o.shape.n + o.shape.chosen)
                }
                ("mla_decode", &Attention::Latent { heads, latent, nope, value, .. }) => {
                    latent * heads * (nope + value)
                }
                _ => 0,
            };
            let total: usize = step.iter().map(|o| o.times * read(o)).sum();
            assert_eq!(total as u64, config.weights_per_token(), "{}", config.name);
        }
    }

    /// Rows of V2-Lite's experts are 1408 weights wide: five and a half blocks of Q4_K. In files they are Q5_0 then, and the
    /// core multiplies by the same values in Q8_0.
    #[test]
    fn rows_that_are_no_whole_blocks_are_of_another_type() {
        let config = published::named("deepseek-v2-lite").expect("V2-Lite");
        let step = decode(&config, &Types::uniform(Dtype::Q4K), 100).expect("a kernel for q4_K");
        let product = |o: &&Operation| o.kernel.starts_with("gemv");
        let of = |what: &str| step.iter().filter(product).find(|o| o.shape.name.ends_with(what)).expect("a product");
        assert_eq!((of("/expert-up").kernel, of("/expert-down").kernel), ("gemv_q4_k", "gemv_q8"));
        // Six chosen experts of each of 26 layers; the two shared ones side by side are eleven whole blocks wide, the dense
        // layer 42 and three quarters.
        assert_eq!((of("/expert-down").times, of("/shared-experts-down").kernel), (26 * 6, "gemv_q4_k"));
        let quantized = step.iter().filter(|o| o.kernel == "quantize_q8_0").map(|o| (o.shape.n, o.times));
        assert_eq!(quantized.collect::<Vec<_>>(), [(10_944, 1), (1408, 26 * 6)]);
    }

    /// As llama.cpp mixes them in a Q4_K_M: every byte is in the step, in the type that the tensor has.
    #[test]
    fn tensors_of_several_types_are_products_of_their_own() {
        let config = published::named("r1-distill-qwen-1.5b").expect("Qwen");
        let q6k = ["output.weight", "blk.0.attn_v.weight", "blk.0.ffn_down.weight"];
        let types = q6k.into_iter().fold(Types::uniform(Dtype::Q4K), |types, name| types.with(name, Dtype::Q6K));
        assert_eq!(types.to_string(), "Q4_K+Q6_K");
        let step = decode(&config, &types, 100).expect("kernels for both");
        let calls = |kernel: &str| {
            let of_kernel = step.iter().filter(|o| o.kernel == kernel);
            of_kernel.map(|o| (o.shape.name.rsplit('/').next().expect("a name"), o.times)).collect::<Vec<_>>()
        };
        assert_eq!(calls("gemv_q6_k"), [("attn-v", 1), ("ffn-down", 1), ("head", 1)]);
        // Its output is as large as its queries.
        assert_eq!(calls("gemv_q4_k"), [("attn-q", 56), ("attn-k", 28 + 27), ("ffn-up", 56), ("ffn-down", 27)]);
        // Activations in i8 are made for both alike, and again where blocks have another length.
        assert_eq!(calls("quantize_q8_k"), [("attn-in", 3 * 28 + 1), ("ffn-down", 28)]);
        let types = types.with("blk.3.attn_k.weight", Dtype::Q8_0);
        let step = decode(&config, &types, 100).expect("kernels for all");
        let quantized = |kernel: &str| {
            let all = step.iter().find(|o| o.kernel == kernel && o.shape.name.ends_with("/attn-in"));
            all.map(|o| o.times)
        };
        assert_eq!((quantized("quantize_q8_k"), quantized("quantize_q8_0")), (Some(3 * 28 + 2), Some(1)));
    }

    #[test]
    fn keys_and_values_are_made_of_latents_alone() {
        let expanded = |name: &str, dtype| {
            let config = published::named(name).expect("published");
            let calls = expansion(&config, &Types::uniform(dtype)).expect("a kernel");
            calls.into_iter().map(|o| (o.kernel, o.shape.n, o.shape.k, o.times)).collect::<Vec<_>>()
        };
        assert_eq!(expanded("llama-2-7b", Dtype::F16), []);
        assert_eq!(expanded("deepseek-v2-lite", Dtype::F16), [("gemv_f16", 16 * 256, 512, 27)]);
        let v3 = [("quantize_q8_0", 512, 1, 61), ("gemv_q8", 128 * 256, 512, 61)];
        assert_eq!(expanded("deepseek-v3", Dtype::Q8_0), v3);
    }
}
