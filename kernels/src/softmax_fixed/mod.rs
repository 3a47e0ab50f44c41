//! Softmax over rows of bytes: scores in sixteenths (`x / 16` is what the exponential takes), shares of 2^15. What machines
//! without floating point run: the exponential of a difference of bytes is an entry of a table, and dividing by the sum is
//! subtracting its logarithm, which is an entry of another.
//!
//! The format's own error: a share is rounded to 2^-15, up to 0.8 % of the least that a mean share of [`MOST`] is; a
//! logarithm rounded to a 64th moves all shares of a row by as much, and one made of a sum's upper eight bits by 0.2 %.

mod naive;
mod reciprocal;
pub mod reference;
mod table;

use crate::dot_fixed::seeded;
use crate::foreign::{MachineCode, Processor};
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, tasks};
use crate::operand::Operand;

/// The contract.
pub struct SoftmaxFixed;

/// Steps of a score's byte in one.
pub const STEPS: i32 = 16;
/// What all shares of a row sum to.
pub const ONE: i32 = 1 << 15;
/// Steps of [`Args::exps`]'s index in one.
pub const EXP_STEPS: i32 = 64;
/// Entries of it: as far as differences of bytes and the largest logarithm of a sum reach together.
pub const EXP_ENTRIES: usize = 1536;
/// Steps of [`Args::logs`]'s entries in one.
pub const LOG_STEPS: i32 = 2048;
/// Most columns: their sum of exponentials needs nine bits more than [`ONE`].
pub const MOST: usize = 512;

/// Operands of one run.
pub struct Args<'a> {
    /// Scores, rows of `n`.
    pub x: &'a [i8],
    /// Columns.
    pub n: usize,
    /// `ONE exp(-i / EXP_STEPS)`, rounded.
    pub exps: &'a [i32],
    /// Logarithms in steps of one [`LOG_STEPS`]th. For a sum of entries of `exps`, ONE or more: its upper eight bits less
    /// 128 are an index to what they add (0 to 127), and how often it was halved to have 16 bits, plus 128, to what that
    /// adds. Together the logarithm of the sum over ONE.
    pub logs: &'a [i32],
    /// Output, as large as `x`.
    pub y: &'a mut [i32],
}

/// Owned operands.
pub struct Data {
    x: Buffer<i8>,
    n: usize,
    exps: Buffer<i32>,
    logs: Buffer<i32>,
    y: Buffer<i32>,
}

impl Contract for SoftmaxFixed {
    const NAME: &'static str = "softmax_fixed";
    const ABOUT: &'static str =
        "y = exp(x / 16) / sum exp(x / 16) along each row, bytes in, fixed point out: scores by table";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "the definition in floating point, the C library's exp and a division for each byte of score",
        ),
        Variant::new::<table::Table>(
            "table",
            Width::Scalar,
            "a byte less a byte is a byte: the exponential is an entry of a table, and sums are whole numbers",
        )
        .after("naive"),
        Variant::new::<reciprocal::Reciprocal>(
            "reciprocal",
            Width::Scalar,
            "one division a row, then a multiply for each share",
        )
        .after("table"),
    ];
    const OPERAND_NAMES: &'static [&'static str] = &["x", "exps", "logs", "y"];
    const MACHINE_CODE: &'static [MachineCode] = &[
        MachineCode::new(
            Processor::R3000a,
            "divide",
            None,
            "exponentials come from a table, sums are whole numbers, and every share is a division",
        ),
        MachineCode::new(
            Processor::R3000a,
            "logs",
            Some("divide"),
            "dividing by the sum is subtracting its logarithm from an exponent: a share is one more entry of the same table",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "divide",
            None,
            "exponentials come from a table, sums are whole numbers, and every share is a division bit by bit",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "logs",
            Some("divide"),
            "a score is an entry of a table, and so is its share: dividing by the sum is subtracting its logarithm",
        ),
        MachineCode::new(
            Processor::Z80,
            "divide",
            None,
            "exponentials come from a table, sums are whole numbers, and every share is a division bit by bit",
        ),
        MachineCode::new(
            Processor::Z80,
            "logs",
            Some("divide"),
            "a score is an entry of a table, and so is its share: dividing by the sum is subtracting its logarithm",
        ),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories260k/attention-t64", 8, 64, 1),
            Shape::tour("stories260k/attention-t256", 8, 256, 1),
            Shape::tour("stories260k/head", 1, 512, 1),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1), (1, 5), (2, 16), (3, 31), (5, 64), (4, 129), (7, 200), (2, 256), (1, 512), (0, 8), (3, 0)];
        sizes.into_iter().map(|(m, n)| Shape::new("test", m, n, 1)).collect()
    }

    fn shape_near(m: usize, n: usize, _: usize) -> Shape {
        Shape::new("near", m, n.min(MOST), 1)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.m, s.n)
    }

    fn cost(s: &Shape) -> Cost {
        // Per value: compare, subtract, exp, add, and the share's division and scale.
        let values = (s.m * s.n) as u64;
        Cost { operations: 6 * values, bytes: 5 * values, work: Work::F32 }
    }

    // Rung 0 makes each exponential twice, rather than keep them: a subtraction, a division and an exp more, and it
    // divides where a table has sixteenths.
    const RUNG_0_OPERATIONS: f64 = 10.0 / 6.0;

    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 4e-4, backward: 0.012 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        if s.n > MOST {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: format!("n = {} shares may be less than a step of 2^-15 each, at most {MOST}", s.n),
            });
        }
        Ok(Data {
            x: seeded(input, 0, s.m * s.n, 32.0, -128.0..=127.0),
            n: s.n,
            exps: exps(),
            logs: logs(),
            y: Buffer::zeroed(s.m * s.n),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args { x: d.x.as_slice(), n: d.n, exps: d.exps.as_slice(), logs: d.logs.as_slice(), y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.x),
            Operand::Input(&mut d.exps),
            Operand::Input(&mut d.logs),
            Operand::Output(&mut d.y),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        reference::row(&d.x.as_slice()[row * d.n..(row + 1) * d.n])
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        d.y.as_slice()[row * d.n..(row + 1) * d.n].iter().map(|&y| y as f32).collect()
    }
}

/// The table of [`Args::exps`].
pub fn exps() -> Buffer<i32> {
    Buffer::filled(EXP_ENTRIES, |i| (f64::from(ONE) * (-(i as f64) / f64::from(EXP_STEPS)).exp()).round() as i32)
}

/// The table of [`Args::logs`].
pub fn logs() -> Buffer<i32> {
    let log = |of: f64| (f64::from(LOG_STEPS) * of.ln()).round() as i32;
    // The eight bits stand for the middle of what they leave open.
    Buffer::filled(128 + 10, |i| if i < 128 { log((i as f64 + 128.5) / 128.0) } else { log(2f64.powi(i as i32 - 128)) })
}

/// Calls `each` with the scores, the table and the output of every row, as independent tasks.
#[inline(always)]
fn rows<M: Machine>(m: M, a: Args<'_>, mut each: impl FnMut(&[i8], &[i32], &mut [i32])) {
    let n = a.n;
    let Some(rows) = a.y.len().checked_div(n) else { return };
    tasks!(m, rows, 1, |r| each(&a.x[r * n..(r + 1) * n], a.exps, &mut a.y[r * n..(r + 1) * n]));
}

/// The largest score.
#[inline(always)]
fn top<M: Machine<One = M>>(m: M, x: &[i8]) -> M::F {
    let mut top = m.splat(-128.0);
    for c in m.steps(0, x.len(), 1) {
        top = m.max(&m.to_f32(&m.load_i8(x, c)), &top);
    }
    top
}

/// The exponential of a score, by table.
#[inline(always)]
fn entry<M: Machine<One = M>>(m: M, exps: &[i32], x: &[i8], top: &M::I, c: usize) -> M::I {
    let below = m.sub_i(top, &m.load_i8(x, c));
    m.lookup(exps, &m.shl_i::<2>(&below))
}

/// The sum of a row's exponentials.
#[inline(always)]
fn sum<M: Machine<One = M>>(m: M, exps: &[i32], x: &[i8], top: &M::I) -> M::I {
    let mut sum = m.zero_i();
    for c in m.steps(0, x.len(), 1) {
        sum = m.add_i(&sum, &entry(m, exps, x, top, c));
    }
    sum
}
