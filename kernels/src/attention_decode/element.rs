//! What a cache may be stored as: f32, or half of it.

use half::bf16;

use super::shaders;
use crate::foreign::Shader;
use crate::gemv::Element;

/// An element of a cache.
pub trait Cached: Element {
    /// Name of the kernel.
    const ATTENTION: &'static str;
    /// What the kernel computes.
    const ATTENTION_ABOUT: &'static str;
    /// Its ladder for GPUs.
    const ATTENTION_SHADERS: &'static [Shader] = &[];
}

impl Cached for f32 {
    const ATTENTION: &'static str = "attention_decode";
    const ATTENTION_ABOUT: &'static str =
        "o[heads] = softmax(q K^T / sqrt(width)) V over cached tokens, f32: one token's attention";
    const ATTENTION_SHADERS: &'static [Shader] = shaders::LADDER;
}

impl Cached for bf16 {
    const ATTENTION: &'static str = "attention_decode_bf16";
    const ATTENTION_ABOUT: &'static str =
        "o[heads] = softmax(q K^T / sqrt(width)) V over a cache in bf16: one token's attention in half the bytes";
}
