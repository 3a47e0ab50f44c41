//! What training DeepSeek-V3 on many GPUs waits for: one layer with experts, forward and backward, split by tensors over a
//! node or by experts over eight nodes, with transfers after the arithmetic or beside it. Times of arithmetic are a
//! roofline of the profile, times of transfers bytes over the profile's link and network: the products of experts
//! have no shader on matrix units.
//!
//! Sources: DeepSeek-V3, arXiv 2412.19437, 3.2 (experts over 64 GPUs of 8 nodes, a token to at most 4 nodes, transfers of
//! one micro-batch beside the arithmetic of another) and 3.3 (dispatched as FP8, combined as BF16); all-reduce over a ring
//! sends 2 (n - 1) / n of a vector (Patarasuk and Yuan, JPDC 2009), all-to-all (n - 1) / n.

use kernels::model::config::{Attention, Config, Experts};

use crate::profile::GpuProfile;

/// Tokens of one GPU: a sequence of V3's pre-training.
pub const TOKENS: f64 = 4096.0;
/// GPUs of a node.
pub const NODE: f64 = 8.0;
/// Nodes that experts are spread over.
pub const NODES: f64 = 8.0;
/// What products reach of the matrix units' peak: the middle of the published rows G255 to G260 (DeepGEMM on H800, 4096 rows:
/// 590 to 1358, about 1041 of 1979 TFLOPS).
pub const REACHED: f64 = 0.526;
/// Layers that are scheduled; their mean is a layer of many.
const LAYERS: usize = 16;

/// How a layer is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Every matrix over the GPUs of a node: two all-reduces a layer and direction.
    Tensors,
    /// Experts over all nodes, a token to those of at most four.
    ExpertsOfFewNodes,
    /// Experts over all nodes, a token to any.
    ExpertsOfAnyNodes,
}

impl Split {
    /// All, in the order in which they are shown.
    pub const ALL: [Split; 3] = [Split::Tensors, Split::ExpertsOfFewNodes, Split::ExpertsOfAnyNodes];

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Split::Tensors => "tensors over 8",
            Split::ExpertsOfFewNodes => "experts over 64, 4 nodes a token",
            Split::ExpertsOfAnyNodes => "experts over 64, any nodes",
        }
    }
}

/// Where a piece of work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Arithmetic,
    Links,
}

/// One layer on one kind of GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// ms of arithmetic.
    pub arithmetic_ms: f64,
    /// ms of transfers.
    pub transfer_ms: f64,
    /// ms where two micro-batches take turns: one computes while the other's transfers run.
    pub overlapped_ms: f64,
}

impl Layer {
    /// ms one after the other.
    pub fn serial_ms(&self) -> f64 {
        self.arithmetic_ms + self.transfer_ms
    }

    /// Share of the transfers that the overlap hides.
    pub fn hidden(&self) -> f64 {
        (self.serial_ms() - self.overlapped_ms) / self.transfer_ms
    }
}

/// What a machine lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {machine} has no {what} in its profile")]
pub struct Lacks {
    /// Machine.
    pub machine: String,
    /// What is missing.
    pub what: &'static str,
}

/// A layer of `config` on GPUs of this kind. None where the model has no experts.
///
/// # Errors
/// [`Lacks`] where the profile has no matrix units, link or network.
pub fn layer(gpu: &GpuProfile, config: &Config, split: Split) -> Option<Result<Layer, Lacks>> {
    Some(on(gpu, config, config.experts.as_ref()?, split))
}

fn on(gpu: &GpuProfile, config: &Config, experts: &Experts, split: Split) -> Result<Layer, Lacks> {
    let lack = |what| Lacks { machine: gpu.name.clone(), what };
    let matrix = gpu.matrix.as_ref().ok_or_else(|| lack("matrix units"))?;
    let f16 = matrix.f16_tflops.value;
    // Without FP8 products are of BF16, and so is what is dispatched.
    let (products, dispatched) = matrix.fp8_tflops.as_ref().map_or((f16, 2.0), |fp8| (fp8.value, 1.0));
    let ms_of = |operations: f64, tflops: f64| operations / (tflops * REACHED * 1e9);
    // Half of the tokens: each micro-batch takes its turn.
    let tokens = TOKENS / 2.0;
    let scores = match config.attention {
        // Of the tokens before, half on average.
        Attention::Latent { heads, nope, rope, value, .. } => heads * (nope + rope + value),
        Attention::Grouped { heads, width, .. } => 2 * heads * width,
    } as f64
        * TOKENS
        / 2.0;
    let expert = 3 * config.hidden * experts.width;
    let attention =
        ms_of(2.0 * tokens * config.attention_weights() as f64, products) + ms_of(2.0 * tokens * scores, f16);
    let feed_forward = ms_of(2.0 * tokens * ((experts.active + experts.shared) * expert) as f64, products);
    let transfers = Transfers::new(gpu, config, experts, split, tokens, dispatched)?;
    let (a, l) = (On::Arithmetic, On::Links);
    // Backward runs the other way; gradients of weights and of activations are two products for each of forward's.
    let forward = [(a, attention), (l, transfers.after_attention), (a, feed_forward), (l, transfers.after_experts)];
    let backward =
        [(l, transfers.after_experts), (a, 2.0 * feed_forward), (l, transfers.after_attention), (a, 2.0 * attention)];
    let both = [forward, backward].concat();
    let sum = |on: On| 2.0 * both.iter().filter(|piece| piece.0 == on).map(|piece| piece.1).sum::<f64>();
    // One micro-batch goes forward while the other goes backward, as in DualPipe: where one computes, the other transfers.
    let first: Vec<(On, f64)> = both.repeat(LAYERS);
    let second: Vec<(On, f64)> = [backward, forward].concat().repeat(LAYERS);
    Ok(Layer {
        arithmetic_ms: sum(a),
        transfer_ms: sum(l),
        overlapped_ms: scheduled(&[&first, &second]) / LAYERS as f64,
    })
}

/// ms of the transfers of one micro-batch, forward; backward sends as much the other way.
struct Transfers {
    after_attention: f64,
    after_experts: f64,
}

impl Transfers {
    fn new(
        gpu: &GpuProfile,
        config: &Config,
        experts: &Experts,
        split: Split,
        tokens: f64,
        dispatched: f64,
    ) -> Result<Self, Lacks> {
        let lack = |what| Lacks { machine: gpu.name.clone(), what };
        let link = gpu.link.as_ref().ok_or_else(|| lack("link"))?;
        let gb_s = gpu.link_one_way_gb_s().ok_or_else(|| lack("link"))?;
        let width = config.hidden as f64;
        if split == Split::Tensors {
            // A GPU's share of the arithmetic is that of its own tokens, but all tokens of the node are summed, as BF16.
            let steps = 2.0 * (NODE - 1.0);
            let ns = NODE * tokens * width * 2.0 * steps / NODE / gb_s + steps * link.latency_ns.value;
            return Ok(Self { after_attention: ns / 1e6, after_experts: ns / 1e6 });
        }
        let network = gpu.network.as_ref().ok_or_else(|| lack("network"))?;
        let network_gb_s = gpu.network_one_way_gb_s().ok_or_else(|| lack("network"))?;
        let active = experts.active as f64;
        let nodes = match split {
            Split::ExpertsOfFewNodes => (experts.groups_kept as f64).min(active),
            // Distinct ones of so many drawn at random.
            _ => NODES * (1.0 - (1.0 - 1.0 / NODES).powf(active)),
        };
        // Once over the network to each node that is not the token's own, from there over the node's links to each expert
        // that is not on the GPU of arrival; the two hops run beside each other.
        let over_network = tokens * width * nodes * (NODES - 1.0) / NODES;
        let over_links = tokens * width * active * (NODE - 1.0) / NODE;
        let latency = link.latency_ns.value + network.latency_ns.value;
        let ms = |bytes: f64| ((over_network / network_gb_s).max(over_links / gb_s) * bytes + latency) / 1e6;
        Ok(Self { after_attention: ms(dispatched), after_experts: ms(2.0) })
    }
}

/// ms until all streams are done: pieces run in their stream's order, and a unit serves the streams in turn. As the order is
/// fixed, no piece that becomes shorter makes the whole longer.
fn scheduled(streams: &[&[(On, f64)]]) -> f64 {
    let mut ready = vec![0.0f64; streams.len()];
    let mut free = [0.0f64; 2];
    for piece in 0..streams.iter().map(|s| s.len()).max().unwrap_or(0) {
        for (stream, ready) in streams.iter().zip(&mut ready) {
            let Some((on, ms)) = stream.get(piece) else { continue };
            *ready = ready.max(free[*on as usize]) + ms;
            free[*on as usize] = *ready;
        }
    }
    ready.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Loaded;
    use kernels::model::published;

    fn gpu(id: &str) -> GpuProfile {
        let all = Loaded::<GpuProfile>::embedded().expect("profiles");
        all.into_iter().find(|m| m.profile.id == id).expect("a profile").profile
    }

    fn v3(gpu: &GpuProfile, split: Split) -> Layer {
        let config = published::named("deepseek-v3").expect("V3");
        layer(gpu, &config, split).expect("experts").expect("links")
    }

    #[test]
    fn two_streams_take_turns() {
        let (a, l) = (On::Arithmetic, On::Links);
        let stream: Vec<_> = [(a, 3.0), (l, 2.0)].repeat(10);
        assert_eq!(scheduled(&[&stream]), 50.0);
        // The links run beside the arithmetic but for the last piece.
        assert_eq!(scheduled(&[&stream, &stream]), 62.0);
        let slow: Vec<_> = [(a, 1.0), (l, 4.0)].repeat(10);
        assert_eq!(scheduled(&[&slow, &slow]), 81.0);
        assert_eq!(scheduled(&[]), 0.0);
    }

    // By hand: 2048 tokens of a micro-batch x 8 x 7168 x 2 bytes x 1.75 over 160 GB/s, and 14 messages of 2 us.
    #[test]
    fn a_ring_sends_what_the_formula_says() {
        let layer = v3(&gpu("h800"), Split::Tensors);
        let once_ms = 2048.0 * 7168.0 * 2.0 * 14.0 / 160.0 / 1e6 + 0.028;
        assert!((layer.transfer_ms / (8.0 * once_ms) - 1.0).abs() < 1e-9, "{layer:?}");
    }

    // By hand: 2048 x 7168 bytes to 3.5 nodes over 45 GB/s, which is longer than to 7 experts over 160 GB/s; FP8 there and
    // BF16 back, both again backward, two micro-batches.
    #[test]
    fn a_token_crosses_the_network_once_a_node() {
        let layer = v3(&gpu("h800"), Split::ExpertsOfFewNodes);
        let byte_ms = 2048.0 * 7168.0 * 3.5 / 45.0 / 1e6;
        assert!((layer.transfer_ms / (4.0 * (3.0 * byte_ms + 0.014)) - 1.0).abs() < 1e-9, "{layer:?}");
    }

    #[test]
    fn overlap_is_between_the_longer_unit_and_the_sum() {
        for id in ["h100", "h800", "h20", "a100", "a800"] {
            for split in Split::ALL {
                let layer = v3(&gpu(id), split);
                let longer = layer.arithmetic_ms.max(layer.transfer_ms);
                assert!(layer.overlapped_ms >= longer * 0.999, "{id} {split:?}: {layer:?}");
                assert!(layer.overlapped_ms <= layer.serial_ms() * 1.001, "{id} {split:?}: {layer:?}");
            }
        }
    }

    #[test]
    fn fewer_nodes_and_wider_links_never_cost_time() {
        let h800 = gpu("h800");
        let few = v3(&h800, Split::ExpertsOfFewNodes);
        assert!(few.transfer_ms < v3(&h800, Split::ExpertsOfAnyNodes).transfer_ms);
        for split in Split::ALL {
            let mut before = f64::INFINITY;
            for gb_s in [50.0, 100.0, 200.0, 400.0, 600.0, 750.0, 900.0] {
                let mut gpu = h800.clone();
                gpu.link.as_mut().expect("a link").both_ways_gb_s.value = gb_s;
                let layer = v3(&gpu, split);
                assert!(layer.overlapped_ms <= before, "{split:?} at {gb_s}: {layer:?}");
                before = layer.overlapped_ms;
            }
        }
    }
}
