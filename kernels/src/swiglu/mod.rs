//! SwiGLU: `y = g / (1 + e^-g) * u`, value by value over m rows of n. The gate of every feed-forward layer, between its
//! first two products and its third; exp is all of it.

mod naive;
mod parallel;
mod reference;
mod shaders;
pub(crate) mod simd;

use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;

/// The contract.
pub struct SwiGlu;

/// Operands of one run.
pub struct Args<'a> {
    /// Gate.
    pub g: &'a [f32],
    /// What passes it, as large as `g`.
    pub u: &'a [f32],
    /// Output, as large as `g`.
    pub y: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    n: usize,
    g: Buffer<f32>,
    u: Buffer<f32>,
    y: Buffer<f32>,
}

/// Size of the gates: so large that some of them close.
const GATE_SCALE: f32 = 4.0;

/// Largest relative error: that of the polynomial exp, of which the rest is a few roundings.
const RELATIVE: f64 = 2e-6;

impl Contract for SwiGlu {
    const NAME: &'static str = "swiglu";
    const ABOUT: &'static str = "y = g / (1 + exp(-g)) * u, f32: the gate between the products of a feed-forward layer";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>("naive", Width::Scalar, "the definition, with the C library's exp"),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "a polynomial replaces the library's exp: a register's worth of values without a call",
        )
        .after("naive"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdF32,
            "pieces of the rows go to every core, which pays where a piece is worth waking one",
        )
        .after("simd")
        .threads(),
    ];
    const SHADERS: &'static [Shader] = shaders::LADDER;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("stories260k/ffn", 1, 172, 1),
            Shape::tour("r1-distill-qwen-1.5b/ffn", 1, 8960, 1),
            Shape::new("r1-distill-qwen-1.5b/ffn-prefill-64", 64, 8960, 1),
            Shape::new("r1-distill-llama-8b/ffn", 1, 14336, 1),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1), (1, 5), (2, 16), (3, 31), (5, 64), (4, 129), (1, 5000), (0, 8), (3, 0)];
        sizes.into_iter().map(|(m, n)| Shape::new("test", m, n, 1)).collect()
    }

    fn shape_near(m: usize, n: usize, _: usize) -> Shape {
        Shape::new("near", m, n, 1)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.m, s.n)
    }

    fn cost(s: &Shape) -> Cost {
        // Per value: negate, exp, add, divide, multiply.
        let values = (s.m * s.n) as u64;
        Cost { operations: 5 * values, bytes: 12 * values, work: Work::F32 }
    }

    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: RELATIVE }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let len = s.m * s.n;
        Ok(Data { n: s.n, g: input.values(0, len, GATE_SCALE), u: input.values(1, len, 1.0), y: Buffer::zeroed(len) })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args { g: d.g.as_slice(), u: d.u.as_slice(), y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![Operand::Input(&mut d.g), Operand::Input(&mut d.u), Operand::Output(&mut d.y)]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let at = row * d.n..(row + 1) * d.n;
        reference::row(&d.g.as_slice()[at.clone()], &d.u.as_slice()[at])
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        d.y.as_slice()[row * d.n..(row + 1) * d.n].to_vec()
    }
}
