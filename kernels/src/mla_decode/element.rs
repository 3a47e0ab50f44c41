//! What the caches may be stored as: f32, or half of it.

use half::bf16;

use super::shaders;
use crate::foreign::Shader;
use crate::gemv::Element;
use crate::machine::Machine;

/// An element of latents, and of each head's own keys and values.
pub trait Cached: Element {
    /// Name of the kernel.
    const MLA: &'static str;
    /// What the kernel computes.
    const MLA_ABOUT: &'static str;
    /// True where a key or value that is rounded to it is further off than the f32 sums that made it.
    const COARSE: bool;
    /// Its ladder for GPUs.
    const MLA_SHADERS: &'static [Shader] = &[];
    /// Stores a register to `s[i..]`, rounded to the nearest.
    fn store<M: Machine>(m: M, v: &M::F, s: &mut [Self], i: usize);
}

impl Cached for f32 {
    const MLA: &'static str = "mla_decode";
    const MLA_ABOUT: &'static str =
        "o[heads] = softmax(q K^T) V, K and V products of one latent per token, f32: DeepSeek's attention";
    const COARSE: bool = false;
    const MLA_SHADERS: &'static [Shader] = shaders::LADDER;

    #[inline(always)]
    fn store<M: Machine>(m: M, v: &M::F, s: &mut [Self], i: usize) {
        m.store(v, s, i);
    }
}

impl Cached for bf16 {
    const MLA: &'static str = "mla_decode_bf16";
    const MLA_ABOUT: &'static str =
        "o[heads] = softmax(q K^T) V, K and V products of one latent per token, cached in bf16 as DeepSeek's are";
    const COARSE: bool = true;

    #[inline(always)]
    fn store<M: Machine>(m: M, v: &M::F, s: &mut [Self], i: usize) {
        m.store_bf16(v, s, i);
    }
}
