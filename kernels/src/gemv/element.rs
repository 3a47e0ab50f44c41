//! What the weights may be stored as: f32, or half of it. Whatever the storage, products and sums are f32.

use half::{bf16, f16};

use super::{ArchLoad, Gemv, multi_row, naive, parallel, shaders, simd, unrolled};
#[cfg(target_arch = "x86_64")]
use super::{x86_avx512, x86_bf16, x86_bf16_parallel, x86_eight_rows, x86_parallel, x86_stream};
use crate::foreign::Shader;
use crate::kernel::{Variant, Width};
#[cfg(target_arch = "x86_64")]
use crate::machine::Isa;
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
    /// The common ladder and what this element adds to it.
    const LADDER: &'static [Variant<Gemv<Self>>];
    /// Its ladder for GPUs.
    const SHADERS: &'static [Shader] = &[];
    /// A register of weights from `s[i..]`.
    fn load<M: Machine>(m: M, s: &[Self], i: usize) -> M::F;
    /// The nearest stored value that is finite.
    fn encode(x: f32) -> Self;
    /// The exact value.
    fn decode(self) -> f64;
}

/// The rungs of every element, with those of one of them before the last.
macro_rules! ladder {
    ($($own:tt)*) => {
        &[
            Variant::new::<naive::Naive>(
                "naive",
                Width::Scalar,
                "one running sum per row, as the textbook writes it; every add waits for the one before",
            ),
            Variant::new::<unrolled::Unrolled>(
                "unrolled",
                Width::Scalar,
                "eight independent sums per row hide the latency of the adds",
            )
            .after("naive")
            .accumulators(8),
            Variant::new::<simd::Simd>(
                "simd",
                Width::SimdF32,
                "each of four independent sums is a SIMD register, so one instruction does a register's worth of columns",
            )
            .after("unrolled")
            .accumulators(4),
            Variant::new::<multi_row::MultiRow>(
                "multi_row",
                Width::Any,
                "four rows share each load of x, which saves loads and keeps four streams of weights in flight",
            )
            .after("simd")
            .accumulators(1),
            Variant::new::<parallel::Parallel>(
                "parallel",
                Width::Any,
                "blocks of rows go to every core, until their misses together fill the memory bus",
            )
            .after("multi_row")
            .accumulators(1)
            .threads(),
            #[cfg(target_arch = "x86_64")]
            Variant::<Gemv<Self>>::arch("x86_avx512", Isa::Avx512, x86_avx512::IDEA, x86_avx512::run)
                .after("multi_row")
                .accumulators(1),
            #[cfg(target_arch = "x86_64")]
            Variant::<Gemv<Self>>::arch("x86_stream", Isa::Avx512, x86_stream::IDEA, x86_stream::run)
                .after("x86_avx512")
                .accumulators(1),
            #[cfg(target_arch = "x86_64")]
            Variant::<Gemv<Self>>::arch("x86_eight_rows", Isa::Avx512, x86_eight_rows::IDEA, x86_eight_rows::run)
                .after("x86_avx512")
                .accumulators(1),
            $($own)*
            #[cfg(target_arch = "x86_64")]
            Variant::<Gemv<Self>>::arch("x86_parallel", Isa::Avx512, x86_parallel::IDEA, x86_parallel::run)
                .after("x86_eight_rows")
                .accumulators(1)
                .threads(),
        ]
    };
}

impl Element for f32 {
    const KERNEL: &'static str = "gemv_f32";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], f32: one token through a dense layer";
    const LADDER: &'static [Variant<Gemv<f32>>] = ladder!();
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
    const LADDER: &'static [Variant<Gemv<bf16>>] = ladder!(
        #[cfg(target_arch = "x86_64")]
        Variant::<Gemv<Self>>::arch("x86_bf16", Isa::Avx512, x86_bf16::IDEA, x86_bf16::run)
            .after("x86_eight_rows")
            .accumulators(1)
            .rounds_to_bf16(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Gemv<Self>>::arch("x86_bf16_parallel", Isa::Avx512, x86_bf16_parallel::IDEA, x86_bf16_parallel::run)
            .after("x86_bf16")
            .accumulators(1)
            .rounds_to_bf16()
            .threads(),
    );
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
    const LADDER: &'static [Variant<Gemv<f16>>] = ladder!();
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
