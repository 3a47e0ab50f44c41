//! How many values share a scale: 32 as in q8_0, or 256 as what meets ggml's K formats.

#[cfg(target_arch = "x86_64")]
use super::x86_avx512;
use super::{QuantizeQ8, naive, parallel, shaders, simd, unrolled};
use crate::foreign::Shader;
use crate::kernel::{Variant, Width};
#[cfg(target_arch = "x86_64")]
use crate::machine::Isa;

/// A length of blocks.
pub trait Blocks: Sized + Send + Sync + 'static {
    /// Values of a block, a multiple of 32.
    const LEN: usize;
    /// Name of the kernel.
    const KERNEL: &'static str;
    /// What the kernel computes.
    const ABOUT: &'static str;
    /// The common ladder and what this length adds to it.
    const LADDER: &'static [Variant<QuantizeQ8<Self>>];
    /// Its ladder for GPUs.
    const SHADERS: &'static [Shader];
}

/// Blocks of 32: q8_0.
pub struct Of32;
/// Blocks of 256.
pub struct Of256;

/// The rungs of every length, then those of one of them.
macro_rules! ladder {
    ($($own:tt)*) => {
        &[
            Variant::new::<naive::Naive>(
                "naive",
                Width::Scalar,
                "block by block: one running maximum, its scale and reciprocal, then value by value a product and a rounding",
            ),
            Variant::new::<unrolled::Unrolled>("unrolled", Width::Scalar, "four running maxima hide each other's latency")
                .after("naive"),
            Variant::new::<simd::Simd>(
                "simd",
                Width::SimdF32,
                "maxima, products and roundings in SIMD lanes; lanes meet once a block",
            )
            .after("unrolled"),
            Variant::new::<parallel::Parallel>(
                "parallel",
                Width::SimdF32,
                "pieces of the rows go to every core, which pays for a prompt and not for one token",
            )
            .after("simd")
            .threads(),
            $($own)*
        ]
    };
}

impl Blocks for Of32 {
    const LEN: usize = crate::dtype::q8_0::BLOCK_LEN;
    const KERNEL: &'static str = "quantize_q8_0";
    const ABOUT: &'static str =
        "i8 quants and an f32 scale for each 32 values of m rows of n, f32: x for integer GEMVs";
    const LADDER: &'static [Variant<QuantizeQ8<Self>>] = ladder!(
        #[cfg(target_arch = "x86_64")]
        Variant::<QuantizeQ8<Self>>::arch("x86_avx512", Isa::Avx512, x86_avx512::IDEA, x86_avx512::run).after("simd")
    );
    const SHADERS: &'static [Shader] = shaders::OF_32;
}

impl Blocks for Of256 {
    const LEN: usize = 256;
    const KERNEL: &'static str = "quantize_q8_k";
    const ABOUT: &'static str =
        "i8 quants and an f32 scale for each 256 values of m rows of n, f32: x for integer GEMVs of K formats";
    const LADDER: &'static [Variant<QuantizeQ8<Self>>] = ladder!();
    const SHADERS: &'static [Shader] = shaders::OF_256;
}
