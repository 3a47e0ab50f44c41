//! GEMV, f32: `y[n] = W[n, k] x[k]`, row-major weights. The decode step of a dense layer; every weight is used once, so
//! out of cache it is a race for bytes.

mod multi_row;
mod naive;
mod parallel;
mod reference;
mod simd;
mod unrolled;
#[cfg(target_arch = "x86_64")]
mod x86_avx512;

use crate::compare::dot_error_bound;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, OneF};
use crate::model::Dtype;
use crate::operand::Operand;
use crate::weights::{Source, Weights};

/// The contract.
pub struct GemvF32;

/// Operands of one run.
pub struct Args<'a> {
    /// Weights, `y.len()` rows of `k`.
    pub w: &'a [f32],
    /// Columns.
    pub k: usize,
    /// Activations, `k` values.
    pub x: &'a [f32],
    /// Output, one value per row.
    pub y: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    w: Weights<f32>,
    x: Buffer<f32>,
    y: Buffer<f32>,
}

impl Contract for GemvF32 {
    const NAME: &'static str = "gemv_f32";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], f32: one token through a dense layer";
    const LADDER: &'static [Variant<Self>] = &[
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
        Variant::<Self>::arch("x86_avx512", crate::machine::Isa::Avx512, x86_avx512::IDEA, x86_avx512::run)
            .after("multi_row")
            .accumulators(1),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("stories260k/attn-q", 1, 64, 64),
            Shape::new("stories260k/ffn-up", 1, 172, 64),
            Shape::tour("r1-distill-qwen-1.5b/attn-k", 1, 256, 1536),
            Shape::tour("r1-distill-qwen-1.5b/ffn-down", 1, 1536, 8960),
            Shape::new("r1-distill-llama-8b/ffn-down", 1, 4096, 14336),
        ]
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(Dtype::F32, 1)
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes =
            [(1, 1), (1, 64), (3, 7), (4, 16), (5, 33), (7, 129), (33, 65), (64, 64), (31, 1000), (0, 5), (5, 0)];
        sizes.into_iter().map(|(n, k)| Shape::new("test", 1, n, k)).collect()
    }

    fn shape_near(_: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", 1, n, k)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (n, k) = (s.n as u64, s.k as u64);
        Cost { operations: 2 * n * k, bytes: 4 * (n * k + n + k), work: Work::F32 }
    }

    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: dot_error_bound(s.k, partial_sums) }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        Ok(Data {
            w: Weights::f32(Self::NAME, s, (s.n, s.k), input)?,
            x: input.values(1, s.k, 1.0),
            y: Buffer::zeroed(s.n),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args { w: d.w.as_slice(), k: d.x.as_slice().len(), x: d.x.as_slice(), y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![Operand::Weights(&mut d.w), Operand::Input(&mut d.x), Operand::Output(&mut d.y)]
    }

    fn rows(s: &Shape) -> usize {
        s.n
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let x = d.x.as_slice();
        reference::row(&d.w.as_slice()[row * x.len()..(row + 1) * x.len()], x)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        vec![d.y.as_slice()[row]]
    }
}

/// The dot product of two equal-length slices in `SUMS` independent registers, the tail on the scalar unit.
#[inline(always)]
fn dot<M: Machine, const SUMS: usize>(m: M, w: &[f32], x: &[f32]) -> OneF<M> {
    let k = w.len();
    let mut sums = m.zeros::<SUMS>();
    let main = m.steps(0, k, SUMS * M::LANES);
    let tail = main.tail();
    for c in main {
        for (s, sum) in sums.iter_mut().enumerate() {
            let at = c + s * M::LANES;
            *sum = m.mul_add(&m.load(w, at), &m.load(x, at), sum);
        }
    }
    let [mut all] = m.zeros();
    for sum in &sums {
        all = m.add(&all, sum);
    }
    let one = m.one();
    let mut total = m.sum(&all);
    for c in one.steps(tail, k, 1) {
        total = one.mul_add(&one.load(w, c), &one.load(x, c), &total);
    }
    total
}
