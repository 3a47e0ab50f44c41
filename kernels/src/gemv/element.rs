//! What the weights may be stored as: f32, or half of it. Whatever the storage, products and sums are f32.

use half::{bf16, f16};

use super::{ArchLoad, shaders};
use crate::foreign::Shader;
use crate::machine::Machine;
use crate::weights::Stored;

/// A stored weight that becomes an f32 when it is loaded.
pub trait Element: Stored + ArchLoad {
    /// Name of the kernel.
    const KERNEL: &'static str;
    /// What the kernel computes.
    const ABOUT: &'static str;
    /// See [`crate::kernel::Contract::RUNG_0_OPERATIONS`].
    const RUNG_0_OPERATIONS: f64 = 1.0;
    /// Its ladder for GPUs.
    const SHADERS: &'static [Shader] = &[];
    /// A register of weights from `s[i..]`.
    fn load<M: Machine>(m: M, s: &[Self], i: usize) -> M::F;
    /// The nearest stored value that is finite.
    fn encode(x: f32) -> Self;
    /// The exact value.
    fn decode(self) -> f64;
}

impl Element for f32 {
    const KERNEL: &'static str = "gemv_f32";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], f32: one token through a dense layer";
    const SHADERS: &'static [Shader] = shaders::LADDER;

    #[inline(always)]
    fn load<M: Machine>(m: M, s: &[f32], i: usize) -> M::F {
        m.load(s, i)
    }
    fn encode(x: f32) -> f32 {
        x
    }
    fn decode(self) -> f64 {
        f64::from(self)
    }
}

impl Element for bf16 {
    const KERNEL: &'static str = "gemv_bf16";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], bf16 weights: one token through a dense layer in half the bytes";
    // A shift into the upper half beside each multiply-add.
    const RUNG_0_OPERATIONS: f64 = 1.5;
    const SHADERS: &'static [Shader] = shaders::BF16;

    #[inline(always)]
    fn load<M: Machine>(m: M, s: &[bf16], i: usize) -> M::F {
        m.load_bf16(s, i)
    }
    fn encode(x: f32) -> bf16 {
        bf16::from_f32(x).clamp(bf16::MIN, bf16::MAX)
    }
    fn decode(self) -> f64 {
        f64::from(self)
    }
}

impl Element for f16 {
    const KERNEL: &'static str = "gemv_f16";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], f16 weights: one token through a dense layer in half the bytes";
    const SHADERS: &'static [Shader] = shaders::F16;

    #[inline(always)]
    fn load<M: Machine>(m: M, s: &[f16], i: usize) -> M::F {
        m.load_f16(s, i)
    }
    fn encode(x: f32) -> f16 {
        f16::from_f32(x).clamp(f16::MIN, f16::MAX)
    }
    fn decode(self) -> f64 {
        f64::from(self)
    }
}
