//! Which kernels one greedy decode step of the core calls with a cache in f32, at which shapes and how often: what its time
//! on any machine is the sum of. A test of the core holds it against what the core calls.

use super::Dtype;
use super::config::{Attention, Config, Experts, Pairs, Score};
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
        Dtype::Tq1_0 | Dtype::Tq2_0 | Dtype::Q8Grouped(_) | Dtype::Other(_) => return None,
    })
}

/// The kernels of one step of `config` whose matrices are stored as `dtype`, with `tokens` in the cache, its own
/// included; narrow matrices as [`Dtype::of_rows`] has them. None where no kernel takes the type, or one of the model's
/// parts has no kernel.
pub fn decode(config: &Config, dtype: Dtype, tokens: usize) -> Option<Vec<Operation>> {
    let mut step = Step::of(config, dtype)?;
    step.attention(tokens);
    let mixtures = (0..config.layers).filter(|&layer| config.experts_of(layer).is_some()).count();
    step.feed_forward(config.ffn, "ffn", config.layers - mixtures);
    if let Some(experts) = &config.experts {
        step.experts(experts, mixtures);
    }
    step.rmsnorm("norm", config.hidden, 2 * config.layers + 1);
    step.head();
    Some(step.list)
}

/// What such a step calls beside where its rung of `mla_decode` reads each head's own keys and values (those marked
/// `expanded`): the product that makes them of the token's latent, in every layer. Nothing where
/// attention is another.
pub fn expansion(config: &Config, dtype: Dtype) -> Option<Vec<Operation>> {
    let mut step = Step::of(config, dtype)?;
    if let Attention::Latent { heads, latent, nope, value, .. } = config.attention {
        step.quantized("attn-kv-b", latent, config.layers);
        step.matrix("attn-kv-b", heads * (nope + value), latent, config.layers);
    }
    Some(step.list)
}

struct Step<'a> {
    config: &'a Config,
    dtype: Dtype,
    list: Vec<Operation>,
}

impl<'a> Step<'a> {
    /// Nothing yet; none where no kernel takes matrices of this type.
    fn of(config: &'a Config, dtype: Dtype) -> Option<Self> {
        gemv(dtype).map(|_| Self { config, dtype, list: Vec::new() })
    }

    /// Calls at the same shape are one operation, whatever they are for.
    fn add(&mut self, kernel: &'static str, what: &str, [m, n, k, parts]: [usize; 4], times: usize) {
        self.add_shape(kernel, what, Shape::new("", m, n, k).parts(parts), times);
    }

    fn add_shape(&mut self, kernel: &'static str, what: &str, sizes: Shape, times: usize) {
        let shape = Shape { name: format!("{}/{what}", self.config.name).into(), ..sizes };
        let same =
            |o: &&mut Operation| o.kernel == kernel && Shape { name: shape.name.clone(), ..o.shape.clone() } == shape;
        match self.list.iter_mut().find(same) {
            Some(operation) => operation.times += times,
            None if times > 0 => self.list.push(Operation { kernel, shape, times }),
            None => {}
        }
    }

    fn matrix(&mut self, what: &str, rows: usize, cols: usize, times: usize) {
        // Types that stand for one with a kernel have one.
        if let Some(kernel) = gemv(self.dtype.of_rows(cols)) {
            self.add(kernel, what, [1, rows, cols, 1], times);
        }
    }

    /// Activations become i8 once before the products that share them, where weights are in blocks.
    fn quantized(&mut self, what: &str, width: usize, times: usize) {
        let kernel = match self.dtype.of_rows(width) {
            Dtype::Q8_0 | Dtype::Q4_0 => "quantize_q8_0",
            Dtype::Q4K | Dtype::Q6K => "quantize_q8_k",
            _ => return,
        };
        self.add(kernel, what, [1, width, 1, 1], times);
    }

    fn rmsnorm(&mut self, what: &str, width: usize, times: usize) {
        self.add("rmsnorm", what, [1, width, 1, 1], times);
    }

    fn rope(&mut self, heads: usize, width: usize, times: usize) {
        // Also where frequencies are scaled: `rope_yarn` does the same by frequencies of its own.
        let kernel = match self.config.rope.pairs {
            Pairs::Halves => "rope_neox",
            Pairs::Interleaved => "rope",
        };
        self.add(kernel, "rope", [heads, 1, width, 1], times);
    }

    fn attention(&mut self, tokens: usize) {
        let Config { hidden, layers, .. } = *self.config;
        self.quantized("attn-in", hidden, layers);
        match self.config.attention {
            Attention::Grouped { heads, kv_heads, width, .. } => {
                self.matrix("attn-q", heads * width, hidden, layers);
                self.matrix("attn-k", kv_heads * width, hidden, 2 * layers);
                self.rope(heads + kv_heads, width, layers);
                self.add("attention_decode", "attention", [heads, tokens, width, kv_heads], layers);
                self.quantized("attn-out", heads * width, layers);
                self.matrix("attn-output", hidden, heads * width, layers);
            }
            Attention::Latent { heads, query_rank, latent, nope, rope, value } => {
                let queries = heads * (nope + rope);
                match query_rank {
                    Some(rank) => {
                        self.matrix("attn-q-a", rank, hidden, layers);
                        self.rmsnorm("attn-q-norm", rank, layers);
                        self.quantized("attn-q-b", rank, layers);
                        self.matrix("attn-q-b", queries, rank, layers);
                    }
                    None => self.matrix("attn-q", queries, hidden, layers),
                }
                self.matrix("attn-kv-a", latent + rope, hidden, layers);
                self.rmsnorm("attn-kv-norm", latent, layers);
                self.rope(heads + 1, rope, layers);
                self.add("mla_decode", "attention", [heads, tokens, latent, 1], layers);
                self.quantized("attn-out", heads * value, layers);
                self.matrix("attn-output", hidden, heads * value, layers);
            }
        }
    }

    /// Of weights in f32 and bf16 the likeliest token is one kernel with the product.
    fn head(&mut self) {
        let Config { vocab, hidden, .. } = *self.config;
        self.quantized("head", hidden, 1);
        match self.dtype {
            Dtype::F32 => self.add("head_argmax", "head", [1, vocab, hidden, 1], 1),
            Dtype::Bf16 => self.add("head_argmax_bf16", "head", [1, vocab, hidden, 1], 1),
            _ => self.matrix("head", vocab, hidden, 1),
        }
    }

    fn feed_forward(&mut self, width: usize, what: &str, times: usize) {
        self.quantized("ffn-in", self.config.hidden, times);
        self.products(width, what, times);
    }

    fn products(&mut self, width: usize, what: &str, times: usize) {
        let hidden = self.config.hidden;
        self.matrix(&format!("{what}-up"), width, hidden, 2 * times);
        self.add("swiglu", what, [1, width, 1, 1], times);
        self.quantized(&format!("{what}-down"), width, times);
        self.matrix(&format!("{what}-down"), hidden, width, times);
    }

    /// Experts in f32 and bf16 are one kernel; of other types each is a feed-forward layer of its own width, and the
    /// activations that they share are quantized once. Shared experts are one such layer.
    fn experts(&mut self, experts: &Experts, times: usize) {
        let (hidden, &Experts { routed, width, .. }) = (self.config.hidden, experts);
        match experts.score {
            Score::Sigmoid => self.add("moe_gate", "gate", [1, routed, hidden, experts.groups], times),
            Score::Softmax => {
                self.add("gemv_f32", "gate", [1, routed, hidden, 1], times);
                self.add("softmax", "gate", [1, routed, 1, 1], times);
            }
        }
        let of_all = Shape::new("", 1, hidden, width).parts(routed).chosen(experts.active);
        match self.dtype {
            Dtype::F32 => self.add_shape("moe_ffn_f32", "experts", of_all, times),
            Dtype::Bf16 => self.add_shape("moe_ffn_bf16", "experts", of_all, times),
            _ => self.products(width, "expert", times * experts.active),
        }
        self.quantized("ffn-in", hidden, times);
        if experts.shared > 0 {
            self.products(experts.shared * width, "shared-experts", times);
        }
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
            let step = decode(&config, Dtype::F32, 100).expect("a kernel for f32");
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

    /// Rows of V2-Lite's experts are 1408 weights wide: five and a half blocks of Q4_K.
    #[test]
    fn rows_that_are_no_whole_blocks_are_of_another_type() {
        let config = published::named("deepseek-v2-lite").expect("V2-Lite");
        let step = decode(&config, Dtype::Q4K, 100).expect("a kernel for q4_K");
        let product = |o: &&Operation| o.kernel.starts_with("gemv");
        let of = |what: &str| step.iter().filter(product).find(|o| o.shape.name.ends_with(what)).expect("a product");
        assert_eq!((of("/expert-up").kernel, of("/expert-down").kernel), ("gemv_q4_k", "gemv_q8"));
        // Six chosen experts of each of 26 layers; the two shared ones side by side are eleven whole blocks wide, the dense
        // layer 42 and three quarters.
        assert_eq!((of("/expert-down").times, of("/shared-experts-down").kernel), (26 * 6, "gemv_q4_k"));
        let quantized = step.iter().filter(|o| o.kernel == "quantize_q8_0").map(|o| (o.shape.n, o.times));
        assert_eq!(quantized.collect::<Vec<_>>(), [(10_944, 1), (1408, 26 * 6)]);
    }

    #[test]
    fn keys_and_values_are_made_of_latents_alone() {
        let expanded = |name: &str, dtype| {
            let config = published::named(name).expect("published");
            let calls = expansion(&config, dtype).expect("a kernel");
            calls.into_iter().map(|o| (o.kernel, o.shape.n, o.shape.k, o.times)).collect::<Vec<_>>()
        };
        assert_eq!(expanded("llama-2-7b", Dtype::F16), []);
        assert_eq!(expanded("deepseek-v2-lite", Dtype::F16), [("gemv_f16", 16 * 256, 512, 27)]);
        let v3 = [("quantize_q8_0", 512, 1, 61), ("gemv_q8", 128 * 256, 512, 61)];
        assert_eq!(expanded("deepseek-v3", Dtype::Q8_0), v3);
    }
}
