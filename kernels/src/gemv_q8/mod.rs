//! GEMV, q8_0: `y[n] = W[n, k] x[k]`, weights in blocks of 32 with one scale, activations quantized the same way once
//! before. The decode step of a dense layer at 8.5 bits per weight. `blocks.rs` holds the block dots that rungs share.

pub(crate) mod blocks;
mod dot4;
mod dot4_parallel;
mod integer;
mod multi_row;
mod naive;
mod parallel;
mod reference;
mod shaders;
mod simd_madd;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86_scales_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_vnni;
#[cfg(target_arch = "x86_64")]
mod x86_vnni_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_vnni_scales;
#[cfg(target_arch = "x86_64")]
mod x86_vnni_stream;

use crate::activations::Activations;
use crate::compare::dot_error_bound;
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::model::Dtype;
use crate::operand::Operand;
use crate::weights::{Source, Weights};

/// The contract.
pub struct GemvQ8;

/// Operands of one run.
pub struct Args<'a> {
    /// Weights, `y.len()` rows of `xd.len()` blocks.
    pub w: &'a [BlockQ8_0],
    /// Activations, quantized: in -127..=127, 32 per block.
    pub xq: &'a [i8],
    /// Scales of the activations, one per block.
    pub xd: &'a [f32],
    /// The same activations as f32, `xd * xq` rounded, for rungs that compute in f32.
    pub x: &'a [f32],
    /// Output, one value per row.
    pub y: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    w: Weights<BlockQ8_0>,
    x: Activations,
    y: Buffer<f32>,
}

impl Contract for GemvQ8 {
    const NAME: &'static str = "gemv_q8";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], q8_0 weights and activations: one token through a dense layer";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "each weight becomes f32 by its block's scale and goes into one running sum",
        ),
        Variant::new::<integer::Integer>(
            "integer",
            Width::Scalar,
            "the 32 products of a block are summed as integers, so scales are applied once per block",
        )
        .after("naive")
        .accumulators(BLOCK_LEN),
        Variant::new::<simd_madd::SimdMadd>(
            "simd_madd",
            Width::SimdMadd,
            "one instruction multiplies a register of i16 and adds pairs; lanes are summed once per row, not per block",
        )
        .after("integer")
        .accumulators(LANE_SUMS),
        Variant::new::<multi_row::MultiRow>(
            "multi_row",
            Width::SimdMadd,
            "four rows share each block of x and its scale, and keep four sums in flight",
        )
        .after("simd_madd")
        .accumulators(LANE_SUMS),
        Variant::new::<dot4::Dot4>(
            "dot4",
            Width::Dot4,
            "the byte dot product of four to a lane needs no widening: a block is one instruction of 32 bytes",
        )
        .after("multi_row")
        .max_lanes(8)
        .accumulators(LANE_SUMS),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdMadd,
            "blocks of rows go to every core, until their misses together fill the memory bus",
        )
        .after("simd_madd")
        .accumulators(LANE_SUMS)
        .threads(),
        Variant::new::<dot4_parallel::Dot4Parallel>(
            "dot4_parallel",
            Width::Dot4,
            "blocks of rows go to every core, which multiplies by the byte dot product: few instructions a byte, so the bus fills",
        )
        .after("dot4")
        .max_lanes(8)
        .accumulators(LANE_SUMS)
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_vnni", crate::machine::Isa::Avx512, x86_vnni::IDEA, x86_vnni::run)
            .after("dot4")
            .accumulators(LANE_SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_vnni_scales",
            crate::machine::Isa::Avx512,
            x86_vnni_scales::IDEA,
            x86_vnni_scales::run,
        )
        .after("x86_vnni")
        .accumulators(LANE_SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_scales_parallel",
            crate::machine::Isa::Avx512,
            x86_scales_parallel::IDEA,
            x86_scales_parallel::run,
        )
        .after("x86_vnni_scales")
        .accumulators(LANE_SUMS)
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_vnni_stream",
            crate::machine::Isa::Avx512,
            x86_vnni_stream::IDEA,
            x86_vnni_stream::run,
        )
        .after("x86_vnni")
        .accumulators(LANE_SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_vnni_parallel",
            crate::machine::Isa::Avx512,
            x86_vnni_parallel::IDEA,
            x86_vnni_parallel::run,
        )
        .after("x86_vnni_stream")
        .accumulators(LANE_SUMS)
        .threads(),
    ];
    const SHADERS: &'static [Shader] = shaders::LADDER;
    // Rung 0 multiplies each weight by its scale.
    const RUNG_0_OPERATIONS: f64 = 1.5;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("stories260k/attn-q", 1, 64, 64),
            Shape::tour("r1-distill-qwen-1.5b/attn-k", 1, 256, 1536),
            Shape::tour("r1-distill-qwen-1.5b/ffn-down", 1, 1536, 8960),
            Shape::new("r1-distill-llama-8b/ffn-down", 1, 4096, 14336),
        ]
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(Dtype::Q8_0, 1)
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(0, 32), (1, 0), (1, 32), (3, 96), (5, 32), (33, 96), (3, 1024), (5, 1024), (33, 1024), (8, 64)];
        sizes.into_iter().map(|(n, k)| Shape::new("test", 1, n, k)).collect()
    }

    fn shape_near(_: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", 1, n, k.next_multiple_of(BLOCK_LEN))
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (n, k) = (s.n as u64, s.k as u64);
        let blocks = k / BLOCK_LEN as u64;
        Cost {
            operations: 2 * n * k,
            bytes: size_of::<BlockQ8_0>() as u64 * n * blocks + k + 4 * blocks + 4 * n,
            work: Work::I8,
        }
    }

    // Products of a block are exact integers. What is rounded beside the additions: the product of two scales and its
    // product with the block's sum, or, dequantizing, x and its product with the weight. Two units instead of the one
    // that `dot_error_bound` has for products.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-9, backward: dot_error_bound(s.k, partial_sums) + 2f64.powi(-24) }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let w = Weights::blocks(Self::NAME, s, (s.n, s.k), input)?;
        Ok(Data { w, x: Activations::seeded(s.k, BLOCK_LEN, BLOCK_LEN, input), y: Buffer::zeroed(s.n) })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            w: d.w.as_slice(),
            xq: d.x.quants.as_slice(),
            xd: d.x.scales.as_slice(),
            x: d.x.values.as_slice(),
            y: d.y.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Weights(&mut d.w),
            Operand::Input(&mut d.x.quants),
            Operand::Input(&mut d.x.scales),
            Operand::Input(&mut d.x.values),
            Operand::Output(&mut d.y),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.n
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let xd = d.x.scales.as_slice();
        reference::row(&d.w.as_slice()[row * xd.len()..(row + 1) * xd.len()], d.x.quants.as_slice(), xd)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        vec![d.y.as_slice()[row]]
    }
}

/// What a lane's sum counts for in the error bound. A lane adds once per block: a chain of `k / 32`. There are at most
/// sixteen lanes, so with eight here the tree bound's `4 k / (16 * 8)` is just that.
const LANE_SUMS: usize = 8;

/// Rows after which the weights begin a cache line again: the period of what a row costs.
fn rows_per_whole_lines(blocks: usize) -> usize {
    64 >> (blocks * size_of::<BlockQ8_0>()).trailing_zeros().min(6)
}
