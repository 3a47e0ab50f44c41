//! RMSNorm over rows of bytes: `y = x / sqrt(mean(x^2)) * w`, weights and results in steps of a 32nd, results kept to
//! +-127 of them. The unit of `x` does not matter, as it divides out: a residual stream of more bits is shifted to bytes
//! before. What machines without floating point run: squares are entries of a table, the inverse root is one.
//!
//! The format's own error: a result is rounded to a 32nd, an NMSE of 1/12 of 32^-2 = 8e-5 where it is about one. A scale
//! of eight bits adds up to 0.2 %, and rounding in two steps as much again as the first.

mod integer;
mod naive;
pub mod reference;
mod simd;

use crate::foreign::{MachineCode, Processor};
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, tasks};
use crate::operand::Operand;

/// The contract.
pub struct RmsNormFixed;

/// Steps of a weight and of a result in one.
pub const STEPS: i32 = 32;
/// Largest result.
pub const LARGEST: i32 = 127;
/// An entry of [`Args::roots`] for an inverse of one.
pub const ROOT_ONE: i32 = 1 << 13;
/// Most columns: the sum of their squares stays below 2^24.
pub const MOST: usize = 1024;

/// Operands of one run.
pub struct Args<'a> {
    /// Values, rows of `w.len()`, in -127..=127.
    pub x: &'a [i8],
    /// Weights, in 32nds.
    pub w: &'a [i8],
    /// `ROOT_ONE sqrt(w.len() / i)`, rounded, for `i` from 64 to 255, zeros below. A sum of squares is `i 4^e`; the inverse
    /// root of their mean is entry `i` over `ROOT_ONE 2^e`.
    pub roots: &'a [i32],
    /// Output, as large as `x`, in 32nds, in -127..=127.
    pub y: &'a mut [i8],
}

/// Owned operands.
pub struct Data {
    x: Buffer<i8>,
    w: Buffer<i8>,
    roots: Buffer<i32>,
    y: Buffer<i8>,
}

impl Contract for RmsNormFixed {
    const NAME: &'static str = "rmsnorm_fixed";
    const ABOUT: &'static str = "y = x / sqrt(mean(x^2)) * w along each row, bytes in 32nds: a norm by table";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "the definition in floating point: the squares' sum, then a division and a multiply for each value",
        ),
        Variant::new::<integer::Integer>(
            "integer",
            Width::Scalar,
            "squares of bytes sum as whole numbers, and one division a row makes the others multiplies",
        )
        .after("naive"),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdMadd,
            "pairs of bytes are squared and summed by one instruction, and values are scaled in lanes",
        )
        .after("integer"),
    ];
    const OPERAND_NAMES: &'static [&'static str] = &["x", "w", "roots", "y"];
    const MACHINE_CODE: &'static [MachineCode] = &[
        MachineCode::new(
            Processor::R3000a,
            "divide",
            None,
            "the definition in whole numbers: squares by the multiplier, a square root bit by bit, a division for each value",
        ),
        MachineCode::new(
            Processor::R3000a,
            "table",
            Some("divide"),
            "the inverse root is an entry of a table, so nothing is divided: a value is multiplied by its weight and by that",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "divide",
            None,
            "the definition in whole numbers: products by shifts and adds, a square root bit by bit, a division for each value",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "reciprocal",
            Some("divide"),
            "one division a row gives the inverse root, so a value is divided by multiplying: two products of bytes instead",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "table",
            Some("reciprocal"),
            "the inverse root is an entry of a table and a factor of eight bits: a value takes three products by quarter squares",
        ),
        MachineCode::new(
            Processor::Z80,
            "divide",
            None,
            "the definition in whole numbers: products by shifts and adds, a square root bit by bit, a division for each value",
        ),
        MachineCode::new(
            Processor::Z80,
            "reciprocal",
            Some("divide"),
            "one division a row gives the inverse root, so a value is divided by multiplying: eight steps instead of 24",
        ),
        MachineCode::new(
            Processor::Z80,
            "table",
            Some("reciprocal"),
            "the inverse root is an entry of a table and a factor of eight bits: two products by shifts and adds for each value",
        ),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![Shape::tour("stories260k/norm", 1, 64, 1), Shape::tour("stories260k/prefill-256", 256, 64, 1)]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes =
            [(1, 1), (1, 5), (2, 16), (3, 31), (5, 64), (4, 129), (7, 200), (2, 256), (1, 1000), (0, 8), (3, 0)];
        sizes.into_iter().map(|(m, n)| Shape::new("test", m, n, 1)).collect()
    }

    fn shape_near(m: usize, n: usize, _: usize) -> Shape {
        Shape::new("near", m, n.min(MOST), 1)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.m, s.n)
    }

    fn cost(s: &Shape) -> Cost {
        // Per value: square and sum, scale, weight, and the two comparisons that keep it to a byte.
        let values = (s.m * s.n) as u64;
        Cost { operations: 6 * values, bytes: 2 * values + s.n as u64, work: Work::F32 }
    }

    // A machine that has no minimum takes the larger of what is negated.
    const RUNG_0_OPERATIONS: f64 = 9.0 / 6.0;

    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 1e-3, backward: 2.0 / 127.0 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        if s.n > MOST {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: format!("n = {} squares may sum to more than 24 bits, at most {MOST}", s.n),
            });
        }
        let blank = input.flavor == Flavor::Blank;
        let bytes = |input: &Input, stream: u64, len: usize, mean: f32, scale: f32| {
            let values = input.values(stream, len, scale);
            let byte = |i: usize| (values.as_slice()[i] + mean).round().clamp(-127.0, 127.0) as i8;
            Buffer::filled(len, |i| if blank { 0 } else { byte(i) })
        };
        Ok(Data {
            x: bytes(input, 1, s.m * s.n, 0.0, 60.0),
            // Trained norm weights lie near one, whatever the activations do.
            w: bytes(&Input::typical(input.seed), 0, s.n, STEPS as f32, 4.0),
            roots: roots(s.n),
            y: Buffer::zeroed(s.m * s.n),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args { x: d.x.as_slice(), w: d.w.as_slice(), roots: d.roots.as_slice(), y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.x),
            Operand::Input(&mut d.w),
            Operand::Input(&mut d.roots),
            Operand::Output(&mut d.y),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let w = d.w.as_slice();
        reference::row(&d.x.as_slice()[row * w.len()..(row + 1) * w.len()], w)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        let n = d.w.as_slice().len();
        d.y.as_slice()[row * n..(row + 1) * n].iter().map(|&y| f32::from(y)).collect()
    }
}

/// The table of [`Args::roots`] for rows of `n`.
pub fn roots(n: usize) -> Buffer<i32> {
    let root = |i: usize| (f64::from(ROOT_ONE) * (n as f64 / i as f64).sqrt()).round() as i32;
    Buffer::filled(256, |i| if i < 64 { 0 } else { root(i) })
}

/// Calls `each` with the values, the weights and the output of every row, as independent tasks.
#[inline(always)]
fn rows<M: Machine>(m: M, a: Args<'_>, mut each: impl FnMut(&[i8], &[i8], &mut [i8])) {
    let n = a.w.len();
    let Some(rows) = a.y.len().checked_div(n) else { return };
    tasks!(m, rows, 1, |r| each(&a.x[r * n..(r + 1) * n], a.w, &mut a.y[r * n..(r + 1) * n]));
}

/// The squares' sum where there is one: a row of zeros has zeros for results, and nothing is divided by zero.
#[inline(always)]
fn squares<M: Machine<One = M>>(m: M, sum: &M::F) -> M::F {
    m.max(sum, &m.splat(f32::MIN_POSITIVE))
}

/// `1 / sqrt(sum / n)`.
#[inline(always)]
fn inverse<M: Machine<One = M>>(m: M, sum: &M::F, n: usize) -> M::F {
    m.div(&m.splat(1.0), &m.sqrt(&m.div(&squares(m, sum), &m.splat(n as f32))))
}

/// Stores values as bytes, the nearest that there are.
#[inline(always)]
fn keep<M: Machine>(m: M, y: &M::F, out: &mut [i8], c: usize) {
    let largest = m.splat(LARGEST as f32);
    let zero = m.splat(0.0);
    // No minimum: the larger of the negated.
    let high = m.sub(&zero, &m.max(&m.sub(&zero, y), &m.sub(&zero, &largest)));
    m.store_i8(&m.round_i(&m.max(&high, &m.splat(-(LARGEST as f32)))), out, c);
}
