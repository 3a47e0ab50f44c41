//! RMSNorm with the residual add before it: `h_out = h + delta`, `y = h_out / sqrt(mean(h_out^2) + eps) * w` along each
//! row. Twice a layer; no arithmetic to speak of, so what counts is how often a row is walked.

mod fused;
mod naive;
mod parallel;
mod reference;
mod shaders;
mod simd;

use crate::foreign::Shader;
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, OneF, tasks};
use crate::operand::Operand;

/// The contract.
pub struct RmsNorm;

/// `rms_norm_eps` of Qwen and DeepSeek; Llama's is 1e-5.
const EPSILON: f32 = 1e-6;

/// Operands of one run. The sum goes to a buffer of its own instead of back to `h`, so that a run can be repeated.
pub struct Args<'a> {
    /// Residual stream, rows of `w.len()`.
    pub h: &'a [f32],
    /// What the layer adds to it, as large as `h`.
    pub delta: &'a [f32],
    /// Weights, one per column.
    pub w: &'a [f32],
    /// Keeps the root away from zero.
    pub epsilon: f32,
    /// Output: `h + delta`.
    pub h_out: &'a mut [f32],
    /// Output: the normalised rows.
    pub y: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    h: Buffer<f32>,
    delta: Buffer<f32>,
    w: Buffer<f32>,
    h_out: Buffer<f32>,
    y: Buffer<f32>,
}

impl Contract for RmsNorm {
    const NAME: &'static str = "rmsnorm";
    const ABOUT: &'static str = "h' = h + delta, y = h' / sqrt(mean(h'^2) + eps) * w along each row, f32";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "three passes over the row, one value at a time: add, sum the squares, scale",
        ),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "the same passes in SIMD lanes, the squares in four independent sums",
        )
        .after("naive")
        .accumulators(4),
        Variant::new::<fused::Fused>(
            "fused",
            Width::Any,
            "squares are summed while the residual is added, which saves one of three passes",
        )
        .after("simd")
        .accumulators(4),
        Variant::new::<parallel::Parallel>("parallel", Width::Any, "rows go to every core, a few pages at a time")
            .after("fused")
            .accumulators(4)
            .threads(),
    ];
    const SHADERS: &'static [Shader] = shaders::LADDER;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("stories260k/norm", 1, 64, 1),
            Shape::tour("r1-distill-qwen-1.5b/decode", 1, 1536, 1),
            Shape::tour("r1-distill-qwen-1.5b/prefill-512", 512, 1536, 1),
            Shape::tour("r1-distill-qwen-1.5b/prefill-8192", 8192, 1536, 1),
            Shape::new("r1-distill-llama-8b/decode", 1, 4096, 1),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes =
            [(1, 1), (1, 5), (2, 16), (3, 31), (5, 64), (4, 129), (7, 200), (3, 1000), (2, 8960), (0, 8), (3, 0)];
        sizes.into_iter().map(|(m, n)| Shape::new("test", m, n, 1)).collect()
    }

    fn shape_near(m: usize, n: usize, _: usize) -> Shape {
        Shape::new("near", m, n, 1)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.m, s.n)
    }

    fn cost(s: &Shape) -> Cost {
        // Per value: add, square and sum, scale, weight.
        let values = (s.m * s.n) as u64;
        Cost { operations: 5 * values, bytes: 4 * (4 * values + s.n as u64), work: Work::F32 }
    }

    // Relative: the residual sum is one rounding of the exact one, and squares do not cancel.
    fn tolerance(_: &Shape, _partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: 2e-6 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        // Trained norm weights lie near one, whatever the activations do.
        let near = if input.flavor == Flavor::Blank { input.clone() } else { Input::typical(input.seed) };
        let mut w = near.values(0, s.n, 0.1);
        if input.flavor != Flavor::Blank {
            w.as_mut_slice().iter_mut().for_each(|w| *w += 1.0);
        }
        Ok(Data {
            h: input.values(1, s.m * s.n, 1.0),
            delta: input.values(2, s.m * s.n, 0.5),
            w,
            h_out: Buffer::zeroed(s.m * s.n),
            y: Buffer::zeroed(s.m * s.n),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            h: d.h.as_slice(),
            delta: d.delta.as_slice(),
            w: d.w.as_slice(),
            epsilon: EPSILON,
            h_out: d.h_out.as_mut_slice(),
            y: d.y.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.h),
            Operand::Input(&mut d.delta),
            Operand::Input(&mut d.w),
            Operand::Output(&mut d.h_out),
            Operand::Output(&mut d.y),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let w = d.w.as_slice();
        let at = row * w.len()..(row + 1) * w.len();
        reference::row(&d.h.as_slice()[at.clone()], &d.delta.as_slice()[at], w)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        let n = d.w.as_slice().len();
        let at = row * n..(row + 1) * n;
        [&d.y.as_slice()[at.clone()], &d.h_out.as_slice()[at]].concat()
    }
}

/// One row of every operand.
struct Row<'a> {
    h: &'a [f32],
    delta: &'a [f32],
    w: &'a [f32],
    epsilon: f32,
    h_out: &'a mut [f32],
    y: &'a mut [f32],
}

/// Calls `each` with every row, as independent tasks.
#[inline(always)]
fn rows<M: Machine>(m: M, a: Args<'_>, mut each: impl FnMut(Row<'_>)) {
    let n = a.w.len();
    let Some(rows) = a.y.len().checked_div(n) else { return };
    tasks!(m, rows, 1, |r| {
        let at = r * n..(r + 1) * n;
        each(Row {
            h: &a.h[at.clone()],
            delta: &a.delta[at.clone()],
            w: a.w,
            epsilon: a.epsilon,
            h_out: &mut a.h_out[at.clone()],
            y: &mut a.y[at],
        });
    });
}

/// `1 / sqrt(sum of squares / n + eps)`.
#[inline(always)]
fn inverse_rms<M: Machine>(m: M, squares: &M::F, n: usize, epsilon: f32) -> M::F {
    let mean = m.div(squares, &m.splat(n as f32));
    m.div(&m.splat(1.0), &m.sqrt(&m.add(&mean, &m.splat(epsilon))))
}

/// `y = h_out * inverse * w` in lanes.
#[inline(always)]
fn scale<M: Machine>(m: M, row: &mut Row<'_>, inverse: &OneF<M>) {
    let n = row.w.len();
    let wide = m.broadcast(inverse);
    let main = m.steps(0, n, m.lanes());
    let tail = main.tail();
    for c in main {
        let unit = m.mul(&m.load(row.h_out, c), &wide);
        m.store(&m.mul(&unit, &m.load(row.w, c)), row.y, c);
    }
    let one = m.one();
    for c in one.steps(tail, n, 1) {
        let unit = one.mul(&one.load(row.h_out, c), inverse);
        one.store(&one.mul(&unit, &one.load(row.w, c)), row.y, c);
    }
}
