//! Fixed point for several tokens: `Y[m, n] = X[m, k] W[n, k]^T`, i8 by i8 into i32, exact. What a prompt, or several
//! users, make of a layer without floating point: a weight that was fetched once meets every token.

mod integer;
mod naive;
mod reference;
#[cfg(test)]
mod tests;
mod tokens_abreast;

use crate::dot_fixed::{check_columns, halves, seeded};
use crate::foreign::{MachineCode, Processor};
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, Registers, tasks};
use crate::operand::Operand;
use crate::weights::Copies;

/// The contract.
pub struct GemmFixed;

/// Operands of one run.
pub struct Args<'a> {
    /// Weights, rows of `k`.
    pub w: &'a [i8],
    /// Activations in -127..=127, a row of `k` for each token.
    pub x: &'a [i8],
    /// Columns.
    pub k: usize,
    /// Output, a row of as many sums as `w` has rows for each token.
    pub y: &'a mut [i32],
}

/// Owned operands.
pub struct Data {
    w: Copies<i8>,
    x: Buffer<i8>,
    n: usize,
    k: usize,
    y: Buffer<i32>,
}

impl Contract for GemmFixed {
    const NAME: &'static str = "gemm_fixed";
    const ABOUT: &'static str =
        "Y[m, n] = X[m, k] W[n, k]^T, i8 by i8 into i32, exact: several tokens without floating point";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "both bytes become f32 and their product goes into a running sum, token after token",
        ),
        Variant::new::<integer::Integer>(
            "integer",
            Width::Scalar,
            "the integer multiplier makes the product of two bytes; nothing is converted",
        )
        .after("naive"),
        Variant::new::<tokens_abreast::TokensAbreast>(
            "tokens_abreast",
            Width::Scalar,
            "a weight that is loaded once meets three tokens",
        )
        .after("integer"),
    ];
    const OPERAND_NAMES: &'static [&'static str] = &["w", "x", "y"];
    const MACHINE_CODE: &'static [MachineCode] = &[
        MachineCode::new(
            Processor::R3000a,
            "fixed_point",
            None,
            "the integer multiplier makes the product of two bytes as they lie in memory, token after token",
        ),
        MachineCode::new(
            Processor::R3000a,
            "gte_mvmva",
            Some("fixed_point"),
            "three rows of weights are a 3x3 matrix of the GTE and three tokens its three vectors: 9 products in 8 cycles",
        ),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories260k/attn-q", 3, 64, 64),
            Shape::new("stories260k/ffn-up", 3, 172, 64),
            Shape::tour("r1-distill-qwen-1.5b/attn-k", 3, 256, 1536),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1, 1), (3, 0, 5), (3, 5, 0), (0, 4, 4), (2, 3, 7), (3, 4, 64), (4, 5, 33), (7, 3, 1029)];
        sizes.into_iter().map(|(m, n, k)| Shape::new("test", m, n, k)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m, n, k)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}×{}", s.m, s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (m, n, k) = (s.m as u64, s.n as u64, s.k as u64);
        Cost { operations: 2 * m * n * k, bytes: n * k + m * k + 4 * m * n, work: Work::I8 }
    }

    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 0.0, backward: 0.0 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        check_columns::<Self>(s)?;
        Ok(Data {
            w: Copies::new(seeded(input, 0, s.n * s.k, 100.0, -128.0..=127.0), input),
            x: seeded(input, 1, s.m * s.k, 100.0, -127.0..=127.0),
            n: s.n,
            k: s.k,
            y: Buffer::zeroed(s.m * s.n),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args { w: d.w.as_slice(), x: d.x.as_slice(), k: d.k, y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![Operand::Weights(&mut d.w), Operand::Input(&mut d.x), Operand::Output(&mut d.y)]
    }

    fn rows(s: &Shape) -> usize {
        s.m * s.n
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let (token, row) = (row / d.n, row % d.n);
        reference::row(&d.w.as_slice()[row * d.k..(row + 1) * d.k], &d.x.as_slice()[token * d.k..(token + 1) * d.k])
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        halves(d.y.as_slice()[row])
    }
}

/// Calls `sums` with a row of weights and the activations of up to `T` tokens, the last one again where there are fewer,
/// and keeps what it gives for each.
#[inline(always)]
fn every_row<M: Machine<One = M>, const T: usize>(
    m: M,
    a: Args<'_>,
    mut sums: impl FnMut(&[i8], [&[i8]; T]) -> [<M as Registers>::I; T],
) {
    let (k, y) = (a.k, a.y);
    let tokens = a.x.len().checked_div(k).unwrap_or(0);
    let Some(n) = y.len().checked_div(tokens).filter(|&n| n > 0) else {
        y.fill(0);
        return;
    };
    for first in m.steps(0, tokens.next_multiple_of(T), T) {
        let count = T.min(tokens - first);
        let x = std::array::from_fn(|t| {
            let token = first + t.min(count - 1);
            &a.x[token * k..(token + 1) * k]
        });
        tasks!(m, n, 64 >> k.trailing_zeros().min(6), |r| {
            let sums = sums(&a.w[r * k..(r + 1) * k], x);
            for (t, sum) in sums.iter().enumerate().take(count) {
                m.store(&m.bits_as_f32(sum), bytemuck::cast_slice_mut(y), (first + t) * n + r);
            }
        });
    }
}
