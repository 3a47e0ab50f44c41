//! `y[n] = W[n, k] x[k]`, weights -1, 0 and 1, a byte each, i8 activations, sums in i32, exact. The plain form of
//! [`crate::gemv_ternary`] (which packs four weights to a byte and has scales): what machines without a multiplier run,
//! where a weight may be an entry of a list, or an instruction.
//!
//! A third of the weights are zero, a third each 1 and -1, about as BitNet b1.58 (arXiv 2402.17764) trains them.

mod dot4;
mod naive;
mod reference;
mod select;
mod simd_madd;

use crate::dot_fixed::{check_columns, seeded};
use crate::foreign::{MachineCode, Processor};
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::Copies;

/// The contract.
pub struct DotTernary;

/// Operands of one run.
pub struct Args<'a> {
    /// Weights, `y.len()` rows of `x.len()`: -1, 0 or 1.
    pub w: &'a [i8],
    /// Activations, in -127..=127.
    pub x: &'a [i8],
    /// Output, one sum per row.
    pub y: &'a mut [i32],
}

/// Owned operands.
pub struct Data {
    w: Copies<i8>,
    x: Buffer<i8>,
    y: Buffer<i32>,
}

impl Contract for DotTernary {
    const NAME: &'static str = "dot_ternary";
    const ABOUT: &'static str =
        "y[n] = W[n, k] x[k], weights -1, 0, 1 in bytes, i8 activations, exact: nothing to multiply";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "the weight is a factor like any other: every product is made, also those with 0 and 1",
        ),
        Variant::new::<select::Select>(
            "select",
            Width::Scalar,
            "no multiplier: the weight's lowest bit lets the activation through, its sign takes it off twice",
        )
        .after("naive"),
        Variant::new::<simd_madd::SimdMadd>(
            "simd_madd",
            Width::SimdMadd,
            "one instruction multiplies a register of i16 and adds pairs; that the factors are small no longer pays",
        )
        .after("naive"),
        Variant::new::<dot4::Dot4>("dot4", Width::Dot4, "the byte dot product of four to a lane needs no widening")
            .after("simd_madd"),
    ];
    const OPERAND_NAMES: &'static [&'static str] = &["w", "x", "y"];
    const MACHINE_CODE: &'static [MachineCode] = &[
        MachineCode::new(
            Processor::Mos6510,
            "branch",
            None,
            "each weight is looked at, and a branch adds its activation, takes it off, or does neither",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "index_lists",
            Some("branch"),
            "a row is two lists of columns, those of its ones and of its minus ones: zeros cost nothing, and nothing is decided",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "compiled",
            Some("index_lists"),
            "the weights are the program: each that is not zero is an instruction that adds its activation or takes it off",
        ),
        MachineCode::new(
            Processor::Z80,
            "branch",
            None,
            "each weight is looked at, and a branch adds its activation, takes it off, or does neither",
        ),
        MachineCode::new(
            Processor::Z80,
            "index_lists",
            Some("branch"),
            "a row is two lists of columns, those of its ones and of its minus ones: zeros cost nothing, and nothing is decided",
        ),
        MachineCode::new(
            Processor::Z80,
            "compiled",
            Some("index_lists"),
            "the weights are the program: each that is not zero is an instruction that adds its activation or its complement",
        ),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories260k/attn-q", 1, 64, 64),
            Shape::new("stories260k/ffn-up", 1, 172, 64),
            Shape::tour("r1-distill-qwen-1.5b/attn-k", 1, 256, 1536),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(0, 5), (5, 0), (1, 1), (3, 7), (4, 64), (5, 33), (7, 200), (64, 130), (6, 2500)];
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
        Cost { operations: 2 * n * k, bytes: n * k + k + 4 * n, work: Work::I8 }
    }

    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 0.0, backward: 0.0 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        check_columns::<Self>(s)?;
        let blank = input.flavor == Flavor::Blank;
        let w = if blank { Buffer::zeroed(s.n * s.k) } else { seeded(input, 0, s.n * s.k, 1.5, -1.0..=1.0) };
        let x = seeded(input, 1, s.k, 100.0, -127.0..=127.0);
        Ok(Data { w: Copies::new(w, input), x, y: Buffer::zeroed(s.n) })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args { w: d.w.as_slice(), x: d.x.as_slice(), y: d.y.as_mut_slice() }
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
        vec![d.y.as_slice()[row] as f32]
    }
}
