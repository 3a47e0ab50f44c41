//! What the kernels of the ladder differ in: which two values of a head are a pair, and how fast each pair turns.

use super::shaders;
use crate::foreign::Shader;
use crate::kernel::Shape;
use crate::machine::Machine;

/// Which values of a head are pairs.
pub trait Pairs: Send + Sync + 'static {
    /// Places of pair `i` in a head of `width`.
    fn places(i: usize, width: usize) -> [usize; 2];
    /// A register each of the first and the second values of the pairs from `i` on.
    fn load<M: Machine>(m: M, head: &[f32], i: usize) -> (M::F, M::F);
    /// The way back.
    fn store<M: Machine>(m: M, first: &M::F, second: &M::F, head: &mut [f32], i: usize);
}

/// One kernel of the ladder.
pub trait Variety: Send + Sync + 'static {
    /// Name of the kernel.
    const KERNEL: &'static str;
    /// What it computes.
    const ABOUT: &'static str;
    /// Its ladder for GPUs.
    const SHADERS: &'static [Shader] = &[];
    /// Which values are pairs.
    type Pairs: Pairs;
    /// Radians that pair `i` of a head of `width` turns by from one position to the next.
    fn frequency(i: usize, width: usize) -> f64 {
        plain_frequency(i, width)
    }
    /// Real shapes.
    fn shapes() -> Vec<Shape>;
}

/// The base of the frequencies in all models here.
const THETA: f64 = 10_000.0;

fn plain_frequency(i: usize, width: usize) -> f64 {
    THETA.powf(-2.0 * i as f64 / width as f64)
}

/// Neighbours are pairs, `(2i, 2i + 1)`: "NORM" of llama.cpp, and llama2.c.
pub struct Interleaved;

impl Pairs for Interleaved {
    fn places(i: usize, _: usize) -> [usize; 2] {
        [2 * i, 2 * i + 1]
    }
    #[inline(always)]
    fn load<M: Machine>(m: M, head: &[f32], i: usize) -> (M::F, M::F) {
        m.load_pairs(head, 2 * i)
    }
    #[inline(always)]
    fn store<M: Machine>(m: M, first: &M::F, second: &M::F, head: &mut [f32], i: usize) {
        m.store_pairs(first, second, head, 2 * i);
    }
}

impl Variety for Interleaved {
    const KERNEL: &'static str = "rope";
    const ABOUT: &'static str = "y = x turned by position × frequency, pairs (2i, 2i + 1) of each head, f32";
    const SHADERS: &'static [Shader] = shaders::NEIGHBOURS;
    type Pairs = Self;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("stories260k/decode", 12, 1, 8),
            Shape::new("tinyllama-1.1b/decode", 36, 1, 64),
            Shape::new("tinyllama-1.1b/prefill-256", 36, 256, 64),
        ]
    }
}

/// The halves of a head are pairs, `(i, i + width / 2)`: "NEOX" of llama.cpp, and Qwen.
pub struct Halves;

impl Pairs for Halves {
    fn places(i: usize, width: usize) -> [usize; 2] {
        [i, i + width / 2]
    }
    #[inline(always)]
    fn load<M: Machine>(m: M, head: &[f32], i: usize) -> (M::F, M::F) {
        (m.load(head, i), m.load(head, i + head.len() / 2))
    }
    #[inline(always)]
    fn store<M: Machine>(m: M, first: &M::F, second: &M::F, head: &mut [f32], i: usize) {
        m.store(first, head, i);
        let half = head.len() / 2;
        m.store(second, head, i + half);
    }
}

impl Variety for Halves {
    const KERNEL: &'static str = "rope_neox";
    const ABOUT: &'static str = "y = x turned by position × frequency, pairs (i, i + k / 2) of each head, f32";
    const SHADERS: &'static [Shader] = shaders::HALVES;
    type Pairs = Self;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("r1-distill-qwen-1.5b/decode", 14, 1, 128),
            Shape::new("r1-distill-qwen-1.5b/prefill-256", 14, 256, 128),
            Shape::new("r1-distill-qwen-1.5b/prefill-2048", 14, 2048, 128),
        ]
    }
}

/// DeepSeek's: neighbours are pairs, slow ones are slowed further so that a context 40 times as long as the trained one
/// turns them no further. YaRN (Peng et al., arXiv 2309.00071) with the blend and the constants of DeepSeek-V3's
/// `inference/model.py`. The paper's growth of all pairs is not in it: there, and in V2-Lite, whose `mscale` over
/// `mscale_all_dim` is 1, the softmax scale grows instead.
pub struct Yarn;

impl Yarn {
    const FACTOR: f64 = 40.0;
    const TRAINED_POSITIONS: f64 = 4096.0;
    /// Turns over the trained positions above which a pair keeps its frequency, and below which it is slowed in full.
    const BETA: [f64; 2] = [32.0, 1.0];

    /// The pair, as a fraction, that makes so many turns over the trained positions.
    fn pair_of(turns: f64, width: usize) -> f64 {
        width as f64 * (Self::TRAINED_POSITIONS / (turns * std::f64::consts::TAU)).ln() / (2.0 * THETA.ln())
    }
}

impl Variety for Yarn {
    const KERNEL: &'static str = "rope_yarn";
    const ABOUT: &'static str = "y = x turned by position × YaRN's blended frequency, pairs (2i, 2i + 1), f32";
    type Pairs = Interleaved;

    fn frequency(i: usize, width: usize) -> f64 {
        let [fast, slow] = Self::BETA.map(|turns| Self::pair_of(turns, width));
        let (first, last) = (fast.floor().max(0.0), slow.ceil().min(width as f64 - 1.0));
        let slowed = ((i as f64 - first) / (last - first).max(0.001)).clamp(0.0, 1.0);
        let plain = plain_frequency(i, width);
        plain / Self::FACTOR * slowed + plain * (1.0 - slowed)
    }

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("deepseek-v3/decode", 129, 1, 64),
            Shape::new("deepseek-v2-lite/prefill-512", 17, 512, 64),
            Shape::new("deepseek-v3/prefill-64", 129, 64, 64),
        ]
    }
}
