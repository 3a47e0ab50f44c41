//! Fixed point: `y[n] = W[n, k] x[k]`, i8 by i8 into i32, exact. What a machine without a floating-point unit runs, and
//! down to the 8-bit ones without a multiplier: there a product is eight shifts and adds, or two entries of a table of
//! squares. Scales, where there are any, are a matter of the block and not of this loop.

mod bytes;
mod dot4;
mod fixed_base;
mod integer;
mod naive;
mod parallel;
mod quarter_square;
pub(crate) mod reference;
mod shift_add;
mod simd_madd;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86_vnni;

use crate::foreign::{MachineCode, Processor};
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, Registers, tasks};
use crate::operand::Operand;
use crate::weights::Copies;

#[cfg(test)]
pub(crate) use bytes::MOST_COLUMNS;
pub(crate) use bytes::{check_columns, halves, seeded};
pub(crate) use simd_madd::every_row as simd_rows;

/// The contract.
pub struct DotFixed;

/// Operands of one run.
pub struct Args<'a> {
    /// Weights, `y.len()` rows of `x.len()`.
    pub w: &'a [i8],
    /// Activations, in -127..=127.
    pub x: &'a [i8],
    /// The weights plus [`W_BIAS`], for rungs that make indices of them.
    pub w_biased: &'a [u8],
    /// The activations plus [`X_BIAS`], for the same.
    pub x_biased: &'a [u8],
    /// `floor(i^2 / 4)` for `i` from `-(W_BIAS + X_BIAS)` to as much.
    pub squares: &'a [i32],
    /// Output, one sum per row.
    pub y: &'a mut [i32],
}

/// Owned operands.
pub struct Data {
    w: Copies<i8>,
    x: Buffer<i8>,
    w_biased: Copies<i8>,
    x_biased: Buffer<i8>,
    squares: Buffer<i32>,
    y: Buffer<i32>,
}

/// Makes a weight an index.
pub const W_BIAS: i32 = 128;
/// Makes an activation an index.
pub const X_BIAS: i32 = 127;

impl Contract for DotFixed {
    const NAME: &'static str = "dot_fixed";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], i8 by i8 into i32, exact: a layer without floating point";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "both bytes become f32 and their product goes into a running sum, emptied before it needs more than 24 bits",
        ),
        Variant::new::<integer::Integer>(
            "integer",
            Width::Scalar,
            "the integer multiplier makes the product of two bytes; nothing is converted",
        )
        .after("naive"),
        Variant::new::<shift_add::ShiftAdd>(
            "shift_add",
            Width::Scalar,
            "no multiplier: for each bit of the weight the activation is added or not, by a mask, and the sum doubled",
        )
        .after("naive"),
        Variant::new::<quarter_square::QuarterSquare>(
            "quarter_square",
            Width::Scalar,
            "a product is the difference of two quarter squares, (w + x)^2 / 4 - (w - x)^2 / 4, from a table of 511",
        )
        .after("shift_add"),
        Variant::new::<fixed_base::FixedBase>(
            "fixed_base",
            Width::Scalar,
            "an activation that meets four rows fixes where in the table both lookups begin, so a weight is their index as it is",
        )
        .after("quarter_square"),
        Variant::new::<simd_madd::SimdMadd>(
            "simd_madd",
            Width::SimdMadd,
            "one instruction multiplies a register of i16 and adds pairs",
        )
        .after("integer"),
        Variant::new::<dot4::Dot4>(
            "dot4",
            Width::Dot4,
            "the byte dot product of four to a lane needs no widening",
        )
        .after("simd_madd"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdMadd,
            "blocks of rows go to every core, until their misses together fill the memory bus",
        )
        .after("simd_madd")
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_vnni", crate::machine::Isa::Avx512, x86_vnni::IDEA, x86_vnni::run).after("dot4"),
    ];
    const OPERAND_NAMES: &'static [&'static str] = &["w", "w_biased", "x", "x_biased", "squares", "y"];
    const MACHINE_CODE: &'static [MachineCode] = &[
        MachineCode::new(
            Processor::Mos6510,
            "soft_float",
            None,
            "the textbook's f32 on a machine without any: both bytes are converted, multiplied and added by routines in integers",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "shift_add",
            Some("soft_float"),
            "no multiplier: the magnitudes are multiplied by eight shifts and adds, and the product gets its sign back",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "quarter_square",
            Some("shift_add"),
            "a product is the difference of two quarter squares, (w + x)^2 / 4 - (w - x)^2 / 4, from tables in pages",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "axpy",
            Some("quarter_square"),
            "a column of weights meets one activation, which is written into the code: its four tables and the column are constants",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "zero_page",
            Some("quarter_square"),
            "64 rows have code of their own and their sums in the zero page; a column only moves four pointers",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "zero_page_blank",
            Some("zero_page"),
            "the screen is blanked while it computes: the video chip fetches no characters and takes no cycles",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "zero_page_bytes",
            Some("zero_page_blank"),
            "weights lie in the RAM expansion and come one by one, each by a command to its controller",
        ),
        MachineCode::new(
            Processor::Mos6510,
            "zero_page_dma",
            Some("zero_page_bytes"),
            "weights lie in the RAM expansion; its DMA brings 64 rows at a time, a byte a cycle, into the place of those before",
        ),
        MachineCode::new(
            Processor::R3000a,
            "soft_float",
            None,
            "the textbook's f32 on a machine without any: both bytes are converted, multiplied and added by routines in integers",
        ),
        MachineCode::new(
            Processor::R3000a,
            "fixed_point",
            Some("soft_float"),
            "the integer multiplier makes the product of two bytes as they lie in memory; nothing is converted",
        ),
        MachineCode::new(
            Processor::R3000a,
            "scratchpad",
            Some("fixed_point"),
            "activations lie in the scratchpad, one load brings four weights, and the multiplier's time is spent on unpacking",
        ),
        MachineCode::new(
            Processor::R3000a,
            "packed",
            Some("scratchpad"),
            "two weights go into one register with 16 bits for each product, so one multiplication makes two",
        ),
        MachineCode::new(
            Processor::R3000a,
            "gte_gpl",
            Some("scratchpad"),
            "the GTE's interpolation multiplies three rows' weights by one activation and adds them to three sums, in 5 cycles",
        ),
        MachineCode::new(
            Processor::Z80,
            "shift_add",
            None,
            "no multiplier: eight times the product is doubled and, where the weight has a one, the activation added",
        ),
        MachineCode::new(
            Processor::Z80,
            "shift_add_upper",
            Some("shift_add"),
            "the same code and data in the upper 32 KB, which the ULA does not share: nothing waits for the picture",
        ),
        MachineCode::new(
            Processor::Z80,
            "shift_add_unrolled",
            Some("shift_add_upper"),
            "the eight steps of a product stand one after the other, and the first only decides what the product begins with",
        ),
        MachineCode::new(
            Processor::Z80,
            "quarter_square",
            Some("shift_add_unrolled"),
            "a product is the difference of two quarter squares, (w + x)^2 / 4 - (w - x)^2 / 4, from a table laid out in pages",
        ),
        MachineCode::new(
            Processor::Z80,
            "quarter_square_code",
            Some("quarter_square"),
            "the activations stand in the code as constants, set once for all rows; weights come off the stack two at a time",
        ),
        MachineCode::new(
            Processor::Z80,
            "subset_sums",
            Some("quarter_square_code"),
            "seven activations have 128 subsets; with their sums in a page, one lookup does seven weights of one bit",
        ),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories260k/attn-q", 1, 64, 64),
            Shape::new("stories260k/ffn-up", 1, 172, 64),
            Shape::tour("r1-distill-qwen-1.5b/attn-k", 1, 256, 1536),
            Shape::new("r1-distill-qwen-1.5b/ffn-down", 1, 1536, 8960),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(0, 5), (5, 0), (1, 1), (3, 7), (4, 64), (5, 33), (7, 1029), (33, 130), (6, 2500)];
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
        let biased = |of: &Buffer<i8>, bias: i32| {
            Buffer::filled(of.as_slice().len(), |i| (i32::from(of.as_slice()[i]) + bias) as i8)
        };
        // A timing model looks at no value: its zeros are indices, whichever they are.
        let blank = input.flavor == Flavor::Blank;
        let w = if blank { Buffer::zeroed(s.n * s.k) } else { seeded(input, 0, s.n * s.k, 100.0, -128.0..=127.0) };
        let w_biased = if blank { Buffer::zeroed(s.n * s.k) } else { biased(&w, W_BIAS) };
        let x = seeded(input, 1, s.k, 100.0, -127.0..=127.0);
        Ok(Data {
            w: Copies::new(w, input),
            w_biased: Copies::new(w_biased, input),
            x_biased: biased(&x, X_BIAS),
            x,
            squares: squares(),
            y: Buffer::zeroed(s.n),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            w: d.w.as_slice(),
            x: d.x.as_slice(),
            w_biased: bytemuck::cast_slice(d.w_biased.as_slice()),
            x_biased: bytemuck::cast_slice(d.x_biased.as_slice()),
            squares: d.squares.as_slice(),
            y: d.y.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Weights(&mut d.w),
            Operand::Repacked(&mut d.w_biased),
            Operand::Input(&mut d.x),
            Operand::Input(&mut d.x_biased),
            Operand::Input(&mut d.squares),
            Operand::Output(&mut d.y),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.n
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let x = d.x.as_slice();
        reference::row(&d.w.as_slice()[row * x.len()..(row + 1) * x.len()], x)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        halves(d.y.as_slice()[row])
    }
}

/// The table of [`Args::squares`].
fn squares() -> Buffer<i32> {
    let most = W_BIAS + X_BIAS;
    Buffer::filled(2 * most as usize + 1, |i| (i as i32 - most).pow(2) / 4)
}

/// Calls `sum` with each row's weights and keeps what it gives, as independent tasks. Neighbouring rows share a line.
#[inline(always)]
pub(crate) fn every_row<M: Machine<One = M>, W>(
    m: M,
    w: &[W],
    k: usize,
    y: &mut [i32],
    mut sum: impl FnMut(&[W]) -> M::I,
) {
    tasks!(m, y.len(), rows_per_whole_lines(k), |r| keep(m, &sum(&w[r * k..(r + 1) * k]), y, r));
}

/// Every row as the sum of what `product` makes of its bytes.
#[inline(always)]
fn every_product<M: Machine<One = M>>(m: M, a: Args<'_>, product: impl Fn(&M::I, &M::I) -> M::I) {
    every_row(
        m,
        a.w,
        a.x.len(),
        a.y,
        #[inline(always)]
        |row| {
            let mut sum = m.zero_i();
            for c in m.steps(0, row.len(), 1) {
                sum = m.add_i(&sum, &product(&m.load_i8(row, c), &m.load_i8(a.x, c)));
            }
            sum
        },
    );
}

/// `y[r] = sum`, by its bits.
#[inline(always)]
fn keep<M: Machine<One = M>>(m: M, sum: &<M as Registers>::I, y: &mut [i32], r: usize) {
    m.store(&m.bits_as_f32(sum), bytemuck::cast_slice_mut(y), r);
}

/// Rows after which the weights begin a cache line again: the period of what a row costs.
fn rows_per_whole_lines(k: usize) -> usize {
    64 >> k.trailing_zeros().min(6)
}
