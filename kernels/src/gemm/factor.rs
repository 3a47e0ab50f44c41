//! What A and B may be stored as: f32, bf16 as models are trained in, or f16. Sums are f32 whatever the storage.

use half::{bf16, f16};

use super::{Gemm, cache_tiles, loop_order, naive, packed, parallel, register_tile, shaders, simd, wide_tile};
#[cfg(target_arch = "x86_64")]
use super::{x86_amx, x86_amx_parallel, x86_avx512, x86_avx512_parallel, x86_bf16, x86_bf16_parallel};
#[cfg(target_arch = "x86_64")]
use super::{x86_few_rows, x86_few_rows_bf16, x86_few_rows_bf16_parallel, x86_few_rows_parallel};
use crate::foreign::Shader;
use crate::gemv::Element;
use crate::kernel::{Variant, Width, Work};
#[cfg(target_arch = "x86_64")]
use crate::machine::Isa;
use crate::machine::Machine;

/// An element of A and B.
pub trait Factor: Element {
    /// Name of the kernel.
    const GEMM: &'static str;
    /// What the kernel computes.
    const GEMM_ABOUT: &'static str;
    /// See [`crate::kernel::Contract::RUNG_0_OPERATIONS`].
    const GEMM_RUNG_0_OPERATIONS: f64 = 1.0;
    /// Whose peak bounds the kernel.
    const GEMM_WORK: Work;
    /// The common ladder and what this element adds to it.
    const GEMM_LADDER: &'static [Variant<Gemm<Self>>];
    /// Its ladder for GPUs.
    const GEMM_SHADERS: &'static [Shader] = &[];
    /// Shapes of the tour.
    const GEMM_TOUR: &'static [&'static str] =
        &["stories260k/ffn-up-prefill", "r1-distill-qwen-1.5b/attn-k-prefill", "r1-distill-qwen-1.5b/ffn-up-slice"];

    /// `s[i]` in every lane.
    fn splat<M: Machine>(m: M, s: &[Self], i: usize) -> M::F;
}

const fn naive<E: Factor>() -> Variant<Gemm<E>> {
    let idea = "one running sum per output, as the textbook writes it; down a column of B each line yields one value";
    Variant::new::<naive::Naive>("naive", Width::Scalar, idea)
}

const fn loop_order<E: Factor>() -> Variant<Gemm<E>> {
    let idea = "columns go innermost, so B and C are walked along their rows and every byte of a line is used";
    Variant::new::<loop_order::LoopOrder>("loop_order", Width::Scalar, idea).after("naive")
}

const fn simd<E: Factor>() -> Variant<Gemm<E>> {
    let idea = "the same loop a register at a time, so one instruction does a register's worth of columns";
    Variant::new::<simd::Simd>("simd", Width::SimdF32, idea).after("loop_order")
}

/// The rungs of f32 and bf16, then those of one of them.
macro_rules! ladder {
    ($($own:tt)*) => {
        &[
            naive(),
            loop_order(),
            simd(),
            Variant::new::<cache_tiles::CacheTiles>(
                "cache_tiles",
                Width::Any,
                "tiles of k and n keep a block of B in the first cache while all rows of A pass over it",
            )
            .after("simd"),
            Variant::new::<register_tile::RegisterTile>(
                "register_tile",
                Width::Any,
                "a tile of C stays in registers while a block of k passes, so each load feeds several multiply-adds",
            )
            .after("cache_tiles"),
            Variant::new::<packed::Packed>(
                "packed",
                Width::Any,
                "blocks of A and B are first copied into padded panels in the order the tile reads them",
            )
            .after("register_tile"),
            Variant::new::<wide_tile::WideTile>(
                "wide_tile",
                Width::Any,
                "twice the rows in a tile halve the loads of B; 24 accumulators spill where there are 16 registers",
            )
            .after("packed"),
            Variant::new::<parallel::Parallel>(
                "parallel",
                Width::Any,
                "blocks of rows go to every core, each packing its own A; the packed block of B is shared",
            )
            .after("packed")
            .threads(),
            #[cfg(target_arch = "x86_64")]
            Variant::<Gemm<Self>>::arch(
                "x86_avx512",
                Isa::Avx512,
                x86_avx512::IDEA,
                x86_avx512::run,
            )
            .after("wide_tile"),
            #[cfg(target_arch = "x86_64")]
            Variant::<Gemm<Self>>::arch(
                "x86_avx512_parallel",
                Isa::Avx512,
                x86_avx512_parallel::IDEA,
                x86_avx512_parallel::run,
            )
            .after("x86_avx512")
            .threads(),
            #[cfg(target_arch = "x86_64")]
            Variant::<Gemm<Self>>::arch("x86_few_rows", Isa::Avx512, x86_few_rows::IDEA, x86_few_rows::run)
                .after("x86_avx512")
                .few_rows(),
            #[cfg(target_arch = "x86_64")]
            Variant::<Gemm<Self>>::arch(
                "x86_few_rows_parallel",
                Isa::Avx512,
                x86_few_rows_parallel::IDEA,
                x86_few_rows_parallel::run,
            )
            .after("x86_few_rows")
            .few_rows()
            .threads(),
            $($own)*
        ]
    };
}
impl Factor for f32 {
    const GEMM: &'static str = "gemm_f32";
    const GEMM_ABOUT: &'static str = "C[m, n] = A[m, k] B[k, n], f32: a prompt through a dense layer";
    const GEMM_WORK: Work = Work::F32;
    const GEMM_LADDER: &'static [Variant<Gemm<f32>>] = ladder!();
    const GEMM_SHADERS: &'static [Shader] = shaders::LADDER;

    #[inline(always)]
    fn splat<M: Machine>(m: M, s: &[f32], i: usize) -> M::F {
        m.load_splat(s, i)
    }
}

impl Factor for bf16 {
    const GEMM: &'static str = "gemm_bf16";
    const GEMM_ABOUT: &'static str =
        "C[m, n] = A[m, k] B[k, n], A and B bf16, sums and C f32: a prompt through a dense layer in half the bytes";
    // A shift into the upper half for each of the two operands of a multiply-add.
    const GEMM_RUNG_0_OPERATIONS: f64 = 2.0;
    const GEMM_WORK: Work = Work::Bf16;
    // Of the slice f32 tells the same, and no cell takes longer to model.
    const GEMM_TOUR: &'static [&'static str] = &["stories260k/ffn-up-prefill", "r1-distill-qwen-1.5b/attn-k-prefill"];
    const GEMM_LADDER: &'static [Variant<Gemm<bf16>>] = ladder!(
        #[cfg(target_arch = "x86_64")]
        Variant::<Gemm<Self>>::arch("x86_bf16", Isa::Avx512, x86_bf16::IDEA, x86_bf16::run).after("x86_avx512"),
        #[cfg(target_arch = "x86_64")]
        Variant::<Gemm<Self>>::arch("x86_bf16_parallel", Isa::Avx512, x86_bf16_parallel::IDEA, x86_bf16_parallel::run)
            .after("x86_bf16")
            .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Gemm<Self>>::arch("x86_amx", Isa::Amx, x86_amx::IDEA, x86_amx::run).after("x86_bf16"),
        #[cfg(target_arch = "x86_64")]
        Variant::<Gemm<Self>>::arch("x86_amx_parallel", Isa::Amx, x86_amx_parallel::IDEA, x86_amx_parallel::run)
            .after("x86_amx")
            .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Gemm<Self>>::arch("x86_few_rows_bf16", Isa::Avx512, x86_few_rows_bf16::IDEA, x86_few_rows_bf16::run)
            .after("x86_few_rows")
            .few_rows(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Gemm<Self>>::arch(
            "x86_few_rows_bf16_parallel",
            Isa::Avx512,
            x86_few_rows_bf16_parallel::IDEA,
            x86_few_rows_bf16_parallel::run,
        )
        .after("x86_few_rows_bf16")
        .few_rows()
        .threads()
    );

    #[inline(always)]
    fn splat<M: Machine>(m: M, s: &[bf16], i: usize) -> M::F {
        m.broadcast(&m.one().load_bf16(s, i))
    }
}

/// Few rungs on processors, to check shaders against: none of them multiplies f16, and bf16 shows what half the bytes save.
impl Factor for f16 {
    const GEMM: &'static str = "gemm_f16";
    const GEMM_ABOUT: &'static str =
        "C[m, n] = A[m, k] B[k, n], A and B f16, sums and C f32: a prompt through a dense layer, as GPUs do it";
    // Two conversions besides, which are no arithmetic.
    const GEMM_RUNG_0_OPERATIONS: f64 = 1.0;
    const GEMM_WORK: Work = Work::F16;
    const GEMM_LADDER: &'static [Variant<Gemm<f16>>] = &[naive(), loop_order(), simd()];
    const GEMM_SHADERS: &'static [Shader] = shaders::F16;
    const GEMM_TOUR: &'static [&'static str] = &["r1-distill-qwen-1.5b/attn-k-prefill"];

    #[inline(always)]
    fn splat<M: Machine>(m: M, s: &[f16], i: usize) -> M::F {
        m.load_f16_splat(&s[i])
    }
}
