//! Softmax over rows: `y[r, c] = exp(x[r, c] - max_c x[r, c]) / sum of the same over c`. Attention scores and the logits
//! of the head. Two rungs call the C library's exp, two carry their own in lanes ([`crate::exp`]).

mod naive;
mod online;
mod parallel;
mod reciprocal;
mod reference;
mod shaders;
mod simd_exp;
#[cfg(test)]
mod tests;

use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, OneF};
use crate::operand::Operand;

/// The contract.
pub struct Softmax;

/// Operands of one run.
pub struct Args<'a> {
    /// Scores, rows of `n`; finite or minus infinity (masked), at least one of each row finite.
    pub x: &'a [f32],
    /// Columns.
    pub n: usize,
    /// Output, as large as `x`.
    pub y: &'a mut [f32],
}

impl Args<'_> {
    /// Rows of both.
    #[inline(always)]
    fn rows(&self) -> usize {
        self.y.len().checked_div(self.n).unwrap_or(0)
    }
}

/// Owned operands.
pub struct Data {
    x: Buffer<f32>,
    n: usize,
    y: Buffer<f32>,
}

/// Size of typical scores: a query times its keys over the root of the head size; outliers reach twenty times that.
const SCORE_SCALE: f32 = 1.0;
/// Largest relative error of an output, apart from that of the sum it is divided by.
const BACKWARD: f64 = 2e-6;

/// Where running maxima start: below every score but finite, so that `start - start` is 0 and not NaN.
const LOWEST: f32 = f32::MIN;

impl Contract for Softmax {
    const NAME: &'static str = "softmax";
    const ABOUT: &'static str = "y = exp(x - max x) / sum exp(x - max x) along each row, f32: attention scores, logits";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "the definition in three passes: the maximum, the exponentials and their sum, a division per value",
        ),
        Variant::new::<reciprocal::Reciprocal>(
            "reciprocal",
            Width::Scalar,
            "one division per row, then multiplies by the reciprocal",
        )
        .after("naive"),
        Variant::new::<simd_exp::SimdExp>(
            "simd_exp",
            Width::SimdF32,
            "a polynomial replaces the library's exp, so that all three passes run in SIMD lanes without a call",
        )
        .after("reciprocal")
        .accumulators(2),
        Variant::new::<online::Online>(
            "online",
            Width::Any,
            "maximum and sum in one pass, rescaling the sum when the maximum grows: one trip over the row less for more exps",
        )
        .after("simd_exp")
        .accumulators(1),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdF32,
            "rows go to every core, a few pages at a time",
        )
        .after("simd_exp")
        .accumulators(2)
        .threads(),
    ];
    const SHADERS: &'static [Shader] = shaders::LADDER;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories260k/head", 1, 512, 1),
            Shape::tour("r1-distill-qwen-1.5b/attention-t1024", 12, 1024, 1),
            Shape::tour("r1-distill-qwen-1.5b/prefill-512", 12 * 512, 512, 1),
            Shape::tour("r1-distill-qwen-1.5b/prefill-4096-one-head", 4096, 4096, 1),
            Shape::new("r1-distill-qwen-1.5b/head", 1, 151_936, 1),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes =
            [(1, 1), (1, 5), (2, 16), (3, 31), (5, 64), (4, 129), (7, 200), (3, 1000), (1, 4096), (0, 8), (3, 0)];
        sizes.into_iter().map(|(m, n)| Shape::new("test", m, n, 1)).collect()
    }

    fn shape_near(m: usize, n: usize, _: usize) -> Shape {
        Shape::new("near", m, n, 1)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.m, s.n)
    }

    fn cost(s: &Shape) -> Cost {
        // Per value: compare, subtract, exp, add, scale.
        let values = (s.m * s.n) as u64;
        Cost { operations: 5 * values, bytes: 8 * values, work: Work::F32 }
    }

    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let backward = BACKWARD + sum_error(s.n, partial_sums);
        Tolerance { nmse: backward.powi(2).max(1e-10), backward }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        Ok(Data { x: input.values(0, s.m * s.n, SCORE_SCALE), n: s.n, y: Buffer::zeroed(s.m * s.n) })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args { x: d.x.as_slice(), n: d.n, y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![Operand::Input(&mut d.x), Operand::Output(&mut d.y)]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        reference::row(&d.x.as_slice()[row * d.n..(row + 1) * d.n])
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        d.y.as_slice()[row * d.n..(row + 1) * d.n].to_vec()
    }
}

/// Largest relative error of the sum of `n` exponentials in `partial_sums` sums, plus a tail: one rounding per addition
/// of the longest chain. It is not pessimistic: once a sum holds one outlier far above the rest, each small term added
/// to it is rounded away whole, always downwards (measured: a plain running sum of 1000 typical scores lost 6e-6).
fn sum_error(n: usize, partial_sums: usize) -> f64 {
    let chain = n.div_ceil(partial_sums.max(1)) + partial_sums;
    chain.min(n) as f64 * 2f64.powi(-24)
}

/// `y *= scale` in lanes.
#[inline(always)]
fn scale_row<M: Machine>(m: M, y: &mut [f32], scale: &OneF<M>) {
    let wide = m.broadcast(scale);
    let main = m.steps(0, y.len(), m.lanes());
    let tail = main.tail();
    for c in main {
        let p = m.mul(&m.load(y, c), &wide);
        m.store(&p, y, c);
    }
    let one = m.one();
    for c in one.steps(tail, y.len(), 1) {
        let p = one.mul(&one.load(y, c), scale);
        one.store(&p, y, c);
    }
}
