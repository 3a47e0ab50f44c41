//! GEMM of weights in blocks: `C[m, n] = A[m, k] W[n, k]^T`, activations quantized to i8 once before, row by row. One
//! ladder makes four kernels: `gemm_q8_0`, `gemm_q4_0`, `gemm_q4_k`, `gemm_q6_k`; the formats' own arithmetic is that of
//! `gemv_packed`. With m of 64 and more it is a prompt through a dense layer, with m of 2 to 8 the check of tokens that a
//! draft guessed: there the weights cross the bus once for all of them, and `time(m) / time(1)` is what a guess costs.

mod integer;
mod interleaved;
mod naive;
mod parallel;
mod reference;
mod register_tile;
mod row_tile;
mod shaders;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86_amx;
#[cfg(target_arch = "x86_64")]
mod x86_amx_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_amx_tile;
#[cfg(target_arch = "x86_64")]
mod x86_formats;
#[cfg(target_arch = "x86_64")]
mod x86_product;
#[cfg(target_arch = "x86_64")]
mod x86_tile;
#[cfg(target_arch = "x86_64")]
mod x86_vnni;
#[cfg(target_arch = "x86_64")]
mod x86_vnni_parallel;

use std::marker::PhantomData;

use crate::activations::Activations;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::foreign::Shader;
use crate::gemv_packed::{self, GROUP_ROWS, Packed, SUMS, X, rows_per_whole_lines};
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::{Copies, Source, Weights};

/// What a format can do beside, for the rungs in intrinsics.
#[cfg(target_arch = "x86_64")]
use x86_formats::Units as ArchUnits;

/// Nothing, where no rung is written in intrinsics.
#[cfg(not(target_arch = "x86_64"))]
pub trait ArchUnits<G> {}
#[cfg(not(target_arch = "x86_64"))]
impl<F, G> ArchUnits<G> for F {}

/// A format with a ladder here.
pub trait Format: Packed + ArchUnits<Self::Group> {
    /// Name of the kernel.
    const KERNEL: &'static str;
    /// What the kernel computes.
    const ABOUT: &'static str;
    /// Its ladder for GPUs.
    const SHADERS: &'static [Shader];
}

macro_rules! formats {
    ($($block:ty: $kernel:literal, $name:literal, $shaders:expr;)*) => {$(
        impl Format for $block {
            const KERNEL: &'static str = $kernel;
            const ABOUT: &'static str =
                concat!("C[m, n] = A[m, k] W[n, k]^T, ", $name, " weights, i8 activations: a prompt, or guessed tokens, through a dense layer");
            const SHADERS: &'static [Shader] = $shaders;
        }
    )*};
}
formats! {
    BlockQ8_0: "gemm_q8_0", "q8_0", shaders::Q8_0;
    BlockQ4_0: "gemm_q4_0", "q4_0", &[];
    BlockQ4K: "gemm_q4_k", "q4_K", &[];
    BlockQ6K: "gemm_q6_k", "q6_K", &[];
}

/// The contract, for weights in blocks of `F`.
pub struct GemmPacked<F>(PhantomData<F>);

/// Operands of one run.
pub struct Args<'a, F: Format> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of C, rows of weights.
    pub n: usize,
    /// Blocks of a row of weights.
    pub blocks: usize,
    /// Weights, `n` rows of blocks.
    pub w: &'a [F],
    /// The same weights, sixteen rows interleaved: `n / 16` rows of groups, rounded up.
    pub groups: &'a [F::Group],
    /// Activations, quantized, `m` rows.
    pub x: X<'a>,
    /// The same as f32, for rungs that compute in f32.
    pub values: &'a [f32],
    /// Output, `m × n`.
    pub c: &'a mut [f32],
    /// Room for C in strips of sixteen columns.
    pub strips: &'a mut [f32],
    /// Room for A as the rungs in intrinsics read it.
    pub packed: &'a mut [i8],
}

/// Owned operands.
pub struct Data<F: Format> {
    size: (usize, usize, usize),
    w: Weights<F>,
    groups: Copies<F::Group>,
    x: Activations,
    c: Buffer<f32>,
    strips: Buffer<f32>,
    packed: Buffer<i8>,
}

/// Rows of A that share a register of weights in the rungs for every machine: of sixteen registers of eight lanes four
/// integer sums and eight of f32 leave four for the weights and what they meet.
const TILE_ROWS: usize = 4;

impl<F: Format> Contract for GemmPacked<F> {
    const NAME: &'static str = F::KERNEL;
    const FOLDER: &'static str = "gemm_packed";
    const ABOUT: &'static str = F::ABOUT;
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "a GEMV for each row of A: each weight is taken out of its byte, becomes f32 and goes into one running sum",
        ),
        Variant::new::<integer::Integer>(
            "integer",
            Width::Scalar,
            "products are summed as integers, a block's scales are applied once, and what is taken off every quant meets the sum of x",
        )
        .after("naive")
        .accumulators(SUMS),
        Variant::new::<row_tile::RowTile>(
            "row_tile",
            Width::Scalar,
            "a block of weights is taken apart once for four rows of A, and crosses the bus a quarter as often",
        )
        .after("integer")
        .accumulators(SUMS),
        Variant::new::<interleaved::Interleaved>(
            "interleaved",
            Width::SimdMadd,
            "sixteen rows of weights lie interleaved, a row to a lane, and stay in the cache while the rows of A pass",
        )
        .after("row_tile")
        .accumulators(SUMS),
        Variant::new::<register_tile::RegisterTile>(
            "register_tile",
            Width::SimdMadd,
            "four rows of A meet each register of weights while it is there: one load and one unpacking for four dots",
        )
        .after("interleaved")
        .accumulators(SUMS),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdMadd,
            "groups of columns go to every core, each into a strip of its own; the strips are then copied into rows of C",
        )
        .after("register_tile")
        .accumulators(SUMS)
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_vnni", crate::machine::Isa::Avx512, x86_vnni::IDEA, x86_vnni::run::<F>)
            .after("register_tile")
            .accumulators(SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_vnni_parallel",
            crate::machine::Isa::Avx512,
            x86_vnni_parallel::IDEA,
            x86_vnni_parallel::run::<F>,
        )
        .after("x86_vnni")
        .accumulators(SUMS)
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_amx", crate::machine::Isa::Amx, x86_amx::IDEA, x86_amx::run::<F>)
            .after("x86_vnni")
            .accumulators(SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_amx_parallel",
            crate::machine::Isa::Amx,
            x86_amx_parallel::IDEA,
            x86_amx_parallel::run::<F>,
        )
        .after("x86_amx")
        .accumulators(SUMS)
        .threads(),
    ];
    const SHADERS: &'static [Shader] = F::SHADERS;
    const RUNG_0_OPERATIONS: f64 = F::RUNG_0_OPERATIONS;
    type Data = Data<F>;
    type Args<'a> = Args<'a, F>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape { gpu_tour: false, ..Shape::tour("r1-distill-qwen-1.5b/attn-k-prefill", 64, 256, 1536) },
            Shape::gpu_tour("r1-distill-qwen-1.5b/attn-q-prefill-2048", 2048, 1536, 1536),
            Shape::new("r1-distill-qwen-1.5b/ffn-down-verify-m1", 1, 1536, 8960),
            Shape::new("r1-distill-qwen-1.5b/ffn-down-verify-m2", 2, 1536, 8960),
            Shape::new("r1-distill-qwen-1.5b/ffn-down-verify-m4", 4, 1536, 8960),
            Shape::new("r1-distill-qwen-1.5b/ffn-down-verify-m8", 8, 1536, 8960),
            Shape::new("r1-distill-qwen-1.5b/ffn-down-prefill", 512, 1536, 8960),
            Shape::new("r1-distill-llama-8b/ffn-down-prefill", 512, 4096, 14336),
        ]
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(F::DTYPE, 64)
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(0, 3, 1), (3, 0, 1), (2, 3, 0), (1, 1, 1), (3, 15, 2), (4, 16, 1), (5, 17, 2), (8, 33, 3)];
        // Past the largest tile and, in every format, the largest block of k of any variant.
        let larger = [(31, 20, 4), (17, 18, 1100 / F::LEN)];
        let all = sizes.into_iter().chain(larger);
        all.map(|(m, n, blocks)| Shape::new("test", m, n, blocks * F::LEN)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m, n, k.next_multiple_of(F::LEN))
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}×{}", s.m, s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (m, n, k) = (s.m as u64, s.n as u64, s.k as u64);
        let blocks = k / F::LEN as u64;
        let bytes = size_of::<F>() as u64 * n * blocks + m * (k + 4 * blocks) + 4 * m * n;
        Cost { operations: 2 * m * n * k, bytes, work: Work::I8 }
    }

    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        gemv_packed::tolerance(s.k, partial_sums)
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<F>, ShapeError> {
        let w = Weights::<F>::blocks(Self::NAME, s, (s.n, s.k), input)?;
        let blocks = s.k / F::LEN;
        let groups = gemv_packed::groups(w.as_slice(), s.n, input);
        Ok(Data {
            size: (s.m, s.n, blocks),
            w,
            groups: Copies::new(groups, input),
            x: Activations::seeded(s.m * s.k, F::LEN, F::SUB, input),
            c: Buffer::zeroed(s.m * s.n),
            strips: Buffer::zeroed(s.m * s.n.next_multiple_of(GROUP_ROWS)),
            packed: Buffer::zeroed(packed_bytes::<F>(s.m, blocks)),
        })
    }

    fn args(d: &mut Data<F>) -> Args<'_, F> {
        let (m, n, blocks) = d.size;
        Args {
            m,
            n,
            blocks,
            w: d.w.as_slice(),
            groups: d.groups.as_slice(),
            x: X { quants: d.x.quants.as_slice(), scales: d.x.scales.as_slice(), sums: d.x.sums.as_slice() },
            values: d.x.values.as_slice(),
            c: d.c.as_mut_slice(),
            strips: d.strips.as_mut_slice(),
            packed: d.packed.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data<F>) -> Vec<Operand<'_>> {
        vec![
            Operand::Weights(&mut d.w),
            Operand::Repacked(&mut d.groups),
            Operand::Input(&mut d.x.quants),
            Operand::Input(&mut d.x.scales),
            Operand::Input(&mut d.x.sums),
            Operand::Input(&mut d.x.values),
            Operand::Output(&mut d.c),
            Operand::Scratch(&mut d.strips),
            Operand::Scratch(&mut d.packed),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data<F>, row: usize) -> RowReference {
        let (_, n, blocks) = d.size;
        let quants = &d.x.quants.as_slice()[row * blocks * F::LEN..(row + 1) * blocks * F::LEN];
        reference::row(d.w.as_slice(), n, quants, &d.x.scales.as_slice()[row * blocks..(row + 1) * blocks])
    }

    fn output(d: &Data<F>, row: usize) -> Vec<f32> {
        let n = d.size.1;
        d.c.as_slice()[row * n..(row + 1) * n].to_vec()
    }
}

/// Bytes of A as the rungs in intrinsics read it.
pub fn packed_bytes<F: Format>(m: usize, blocks: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    return x86_product::packed_bytes::<F>(m, blocks);
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (m, blocks);
        0
    }
}

/// Rows of weights after which costs repeat.
fn row_period<F: Format>(blocks: usize) -> usize {
    rows_per_whole_lines(blocks * size_of::<F>())
}

/// Rows of groups after which costs repeat.
fn group_period<F: Format>(blocks: usize) -> usize {
    rows_per_whole_lines(blocks * size_of::<F::Group>())
}
