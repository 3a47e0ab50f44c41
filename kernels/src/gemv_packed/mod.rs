//! GEMV of weights smaller than a byte: `y[n] = W[n, k] x[k]`, activations quantized to i8 once before. One ladder makes
//! three kernels: `gemv_q4_0`, `gemv_q4_k`, `gemv_q6_k`. Fewer bytes a weight, more work to take them apart: the formats'
//! own arithmetic is in `q4_0.rs`, `q4_k.rs`, `q6_k.rs`, the loops round it in the rungs.

mod format;
pub(crate) mod hoisted;
pub(crate) mod integer;
pub(crate) mod interleaved;
pub(crate) mod naive;
pub(crate) mod parallel;
pub(crate) mod q4_0;
pub(crate) mod q4_k;
pub(crate) mod q6_k;
pub(crate) mod q8_0;
pub(crate) mod reference;
mod shaders;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_vnni;
#[cfg(target_arch = "x86_64")]
mod x86_vnni_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_vnni_streams;

use std::marker::PhantomData;

use crate::activations::Activations;
use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Canary, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::{Copies, Source, Weights};

pub use format::{Format, Packed, X};

/// What a format can do beside, for the rung in intrinsics.
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_vnni::Interleaved as ArchDot;

/// Nothing, where no rung is written in intrinsics.
#[cfg(not(target_arch = "x86_64"))]
pub trait ArchDot<G> {}
#[cfg(not(target_arch = "x86_64"))]
impl<F, G> ArchDot<G> for F {}

/// The contract, for weights in blocks of `F`.
pub struct GemvPacked<F>(PhantomData<F>);

/// Operands of one run.
pub struct Args<'a, F: Format> {
    /// Weights, `y.len()` rows of blocks.
    pub w: &'a [F],
    /// The same weights, sixteen rows interleaved: `y.len() / 16` rows of groups, rounded up.
    pub groups: &'a [F::Group],
    /// Activations, quantized.
    pub x: X<'a>,
    /// The same as f32, for rungs that compute in f32.
    pub values: &'a [f32],
    /// Output, one value per row.
    pub y: &'a mut [f32],
}

/// Owned operands.
pub struct Data<F: Format> {
    pub(crate) w: Weights<F>,
    groups: Copies<F::Group>,
    pub(crate) x: Activations,
    pub(crate) y: Buffer<f32>,
}

impl<F: Format> Data<F> {
    /// These weights of `n` rows, interleaved too, with these activations.
    pub(crate) fn new(w: Weights<F>, n: usize, x: Activations, input: &Input) -> Self {
        let groups = groups(w.as_slice(), n, input);
        Self { w, groups: Copies::new(groups, input), x, y: Buffer::zeroed(n) }
    }
}

/// Rows of blocks, sixteen rows interleaved to a row of groups.
pub(crate) fn groups<F: Packed>(w: &[F], n: usize, input: &Input) -> Buffer<F::Group> {
    interleaved(w, n, input, |g: [&F; GROUP_ROWS]| F::interleave(&g.map(|block| *block)))
}

/// `G` blocks, one of each of so many of the `n` rows, as one group, block after block and `G` rows after `G` rows. Rows
/// beyond the last are zeros.
pub(crate) fn interleaved<F: Packed, T: Canary, const G: usize>(
    w: &[F],
    n: usize,
    input: &Input,
    interleave: impl Fn([&F; G]) -> T,
) -> Buffer<T> {
    let blocks = w.len() / n.max(1);
    if input.flavor == Flavor::Blank {
        return Buffer::zeroed(n.div_ceil(G) * blocks);
    }
    let none = F::zeroed();
    let row = |r: usize, b: usize| if r < n { &w[r * blocks + b] } else { &none };
    Buffer::filled(n.div_ceil(G) * blocks, |g| interleave(std::array::from_fn(|r| row(g / blocks * G + r, g % blocks))))
}

/// Rows that lie interleaved.
pub const GROUP_ROWS: usize = 16;

impl<F: Format> Contract for GemvPacked<F> {
    const NAME: &'static str = F::KERNEL;
    const FOLDER: &'static str = "gemv_packed";
    const ABOUT: &'static str = F::ABOUT;
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "each weight is taken out of its byte, becomes f32 by its scales and goes into one running sum",
        ),
        Variant::new::<integer::Integer>(
            "integer",
            Width::Scalar,
            "the products of a sub-block are summed as integers, so its scales are applied once",
        )
        .after("naive")
        .accumulators(SUMS),
        Variant::new::<hoisted::Hoisted>(
            "hoisted",
            Width::Scalar,
            "what is taken off every quant leaves the inner loop: it meets the sum of the activations, made once",
        )
        .after("integer")
        .accumulators(SUMS),
        Variant::new::<interleaved::Interleaved>(
            "interleaved",
            Width::SimdMadd,
            "sixteen rows lie interleaved by four weights, a row to a lane: nothing is summed across lanes, scales are vectors",
        )
        .after("hoisted")
        .accumulators(SUMS),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdMadd,
            "groups of rows go to every core: taking bytes apart is work that threads share",
        )
        .after("interleaved")
        .accumulators(SUMS)
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_vnni", crate::machine::Isa::Avx512, x86_vnni::IDEA, x86_vnni::run::<F>)
            .after("interleaved")
            .accumulators(SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_vnni_streams",
            crate::machine::Isa::Avx512,
            x86_vnni_streams::IDEA,
            x86_vnni_streams::run::<F>,
        )
        .after("x86_vnni")
        .accumulators(SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_vnni_parallel",
            crate::machine::Isa::Avx512,
            x86_vnni_parallel::IDEA,
            x86_vnni_parallel::run::<F>,
        )
        .after("x86_vnni_streams")
        .accumulators(SUMS)
        .threads(),
    ];
    const SHADERS: &'static [Shader] = F::SHADERS;
    const RUNG_0_OPERATIONS: f64 = F::RUNG_0_OPERATIONS;
    type Data = Data<F>;
    type Args<'a> = Args<'a, F>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("r1-distill-qwen-1.5b/attn-k", 1, 256, 1536),
            Shape::tour("r1-distill-qwen-1.5b/ffn-down", 1, 1536, 8960),
            Shape::new("r1-distill-llama-8b/ffn-down", 1, 4096, 14336),
        ]
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(F::DTYPE, 1)
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(0, 1), (1, 0), (1, 1), (3, 3), (15, 2), (16, 1), (17, 2), (33, 5), (64, 4)];
        sizes.into_iter().map(|(n, blocks)| Shape::new("test", 1, n, blocks * F::LEN)).collect()
    }

    fn shape_near(_: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", 1, n, k.next_multiple_of(F::LEN))
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (n, k) = (s.n as u64, s.k as u64);
        let blocks = k / F::LEN as u64;
        let bytes = size_of::<F>() as u64 * n * blocks + k + 4 * blocks + 4 * n;
        Cost { operations: 2 * n * k, bytes, work: Work::I8 }
    }

    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        tolerance(s.k, partial_sums)
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<F>, ShapeError> {
        let w = Weights::<F>::blocks(Self::NAME, s, (s.n, s.k), input)?;
        Ok(Data::new(w, s.n, Activations::seeded(s.k, F::LEN, F::SUB, input), input))
    }

    fn args(d: &mut Data<F>) -> Args<'_, F> {
        let x = X { quants: d.x.quants.as_slice(), scales: d.x.scales.as_slice(), sums: d.x.sums.as_slice() };
        Args { w: d.w.as_slice(), groups: d.groups.as_slice(), x, values: d.x.values.as_slice(), y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data<F>) -> Vec<Operand<'_>> {
        vec![
            Operand::Weights(&mut d.w),
            Operand::Repacked(&mut d.groups),
            Operand::Input(&mut d.x.quants),
            Operand::Input(&mut d.x.scales),
            Operand::Input(&mut d.x.sums),
            Operand::Input(&mut d.x.values),
            Operand::Output(&mut d.y),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.n
    }

    fn reference(d: &Data<F>, row: usize) -> RowReference {
        let scales = d.x.scales.as_slice();
        let w = &d.w.as_slice()[row * scales.len()..(row + 1) * scales.len()];
        reference::row(w, d.x.quants.as_slice(), scales)
    }

    fn output(d: &Data<F>, row: usize) -> Vec<f32> {
        vec![d.y.as_slice()[row]]
    }
}

/// Integers are exact. Rounded are the additions, one for each sub-block and scale, and a few products of scales: a
/// block's value is a difference of two sums, each bounded by the magnitude that the reference states.
pub(crate) fn tolerance(k: usize, partial_sums: usize) -> Tolerance {
    Tolerance { nmse: 1e-9, backward: dot_error_bound(k, partial_sums) + 4.0 * 2f64.powi(-24) }
}

/// What a sum counts for in the error bound: rungs above the first round once or twice a sub-block.
pub(crate) const SUMS: usize = 8;

/// Rows of `bytes` after which the weights begin a cache line again: the period of what a row costs.
pub(crate) fn rows_per_whole_lines(bytes: usize) -> usize {
    64 >> bytes.trailing_zeros().min(6)
}
