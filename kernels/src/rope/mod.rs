//! RoPE: every pair of values of every head turned by `position * frequency of the pair`, for m heads of k values at n
//! consecutive positions. Once a layer for the queries and the keys; six operations a pair, if its sine and cosine were
//! free. One ladder makes three kernels that differ in which values are a pair and how fast it turns: `rope`,
//! `rope_neox`, `rope_yarn`. They come to positions of any text: the frequencies are those of one position and of a run of
//! [`NEAR`]. `table.rs` makes sines and cosines, `turn.rs` uses them.

mod naive;
mod parallel;
mod polynomial;
mod recurrence;
mod reference;
mod shaders;
mod shared;
mod simd;
mod sine;
mod table;
#[cfg(test)]
mod tests;
mod turn;
mod variety;

use std::marker::PhantomData;

use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;

pub use variety::{Halves, Interleaved, Pairs, Variety, Yarn};

/// The contract.
pub struct Rope<V>(PhantomData<V>);

/// Operands of one run.
pub struct Args<'a> {
    /// Heads at each position.
    pub heads: usize,
    /// Values of a head, even.
    pub width: usize,
    /// The first position.
    pub first: usize,
    /// What [`frequencies`] gives: four parts of `width / 2` values.
    pub frequencies: &'a [f32],
    /// Input, `positions × heads × width`.
    pub x: &'a [f32],
    /// Output, as large as `x`: a buffer of its own, so that a run can be repeated.
    pub y: &'a mut [f32],
    /// Room for the cosines and sines of every position, and of steps between positions.
    pub room: &'a mut [f32],
}

impl Args<'_> {
    /// Values of one position.
    #[inline(always)]
    fn stride(&self) -> usize {
        self.heads * self.width
    }

    /// Consecutive positions.
    #[inline(always)]
    fn positions(&self) -> usize {
        self.y.len().checked_div(self.stride()).unwrap_or(0)
    }
}

/// Values of `room` that rungs need.
pub fn room(positions: usize, width: usize) -> usize {
    (positions + recurrence::STEPS) * width
}

/// Owned operands.
pub struct Data {
    heads: usize,
    width: usize,
    first: usize,
    frequencies: Buffer<f32>,
    x: Buffer<f32>,
    y: Buffer<f32>,
    room: Buffer<f32>,
}

/// Positions of a run; as many runs are a text at most. The first part of a frequency has as many bits as are left of 24.
pub const NEAR: usize = 1 << NEAR_BITS;
const NEAR_BITS: u32 = 12;
/// Positions of the longest text.
pub const POSITIONS: usize = NEAR * NEAR;

/// Turns that each of `width / 2` pairs makes from one position to the next, as the sum of two parts: the first parts, of
/// so few bits that their product with a position of a run is exact, then the others; and the same from one run of [`NEAR`]
/// positions to the next, without whole turns. In one f32 the angle of a late position would be wrong in the fourth digit,
/// and a power computed in f32 is no better. `radians`: what a pair turns by from one position to the next.
pub fn frequencies(width: usize, radians: impl Fn(usize) -> f64) -> Buffer<f32> {
    let half = width / 2;
    Buffer::filled(4 * half, |at| {
        let (part, turns) = (at / half, radians(at % half) / std::f64::consts::TAU);
        let run = turns * NEAR as f64;
        split(if part < 2 { turns } else { run - run.round() })[part % 2]
    })
}

/// The two parts of a frequency, turns a position.
fn split(turns: f64) -> [f32; 2] {
    // Masking bits off an f32 rounds it towards zero.
    let high = f32::from_bits((turns as f32).to_bits() & !((1 << NEAR_BITS) - 1));
    [high, (turns - f64::from(high)) as f32]
}

impl<V: Variety> Contract for Rope<V> {
    const NAME: &'static str = V::KERNEL;
    const FOLDER: &'static str = "rope";
    const ABOUT: &'static str = V::ABOUT;
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "every pair of every head asks the C library for the sine and cosine of its own angle",
        ),
        Variant::new::<shared::Shared>(
            "shared",
            Width::Scalar,
            "sines and cosines are made once a position and serve all its heads",
        )
        .after("naive"),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "a register's worth of pairs is turned at once; pairs of neighbours are taken apart by shuffles",
        )
        .after("shared"),
        Variant::new::<recurrence::Recurrence>(
            "recurrence",
            Width::Any,
            "sines of later positions follow from earlier ones by one turn more, so of 64 positions one calls the library",
        )
        .after("shared"),
        Variant::new::<polynomial::Polynomial>(
            "polynomial",
            Width::Any,
            "an angle in turns folds into a quarter without a branch, where five coefficients make a sine in lanes, without a call",
        )
        .after("simd"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdF32,
            "positions go to every core, which pays for a prompt and not for one token",
        )
        .after("polynomial")
        .threads(),
    ];
    const SHADERS: &'static [Shader] = V::SHADERS;
    // For a pair: six for the angle in turns, one for radians, sine, cosine, six for the turn.
    const RUNG_0_OPERATIONS: f64 = 15.0 / 6.0;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        V::shapes()
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [
            (1, 1, 2),
            (3, 1, 8),
            (12, 1, 8),
            (2, 3, 34),
            (1, 64, 6),
            (2, 65, 10),
            (5, 2, 64),
            (3, 130, 32),
            (14, 3, 128),
            (0, 3, 8),
            (3, 0, 8),
            (2, 2, 0),
        ];
        sizes.into_iter().map(|(m, n, k)| Shape::new("test", m, n, k)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m, n, k.next_multiple_of(2))
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{} at {} position{}", s.m, s.k, s.n, if s.n == 1 { "" } else { "s" })
    }

    fn cost(s: &Shape) -> Cost {
        // Per pair: four products, a difference and a sum.
        let (values, width) = ((s.m * s.n * s.k) as u64, s.k as u64);
        Cost { operations: 3 * values, bytes: 4 * (2 * values + width), work: Work::F32 }
    }

    // Relative to the length of the pair: half of it is the rounding of an angle of up to half a turn.
    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: 2e-6 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        if !s.k.is_multiple_of(2) || s.n > NEAR {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: format!("a head has an even number of values, and there are at most {NEAR} positions"),
            });
        }
        let values = s.m * s.n * s.k;
        Ok(Data {
            heads: s.m,
            width: s.k,
            // The last positions of a run: its hardest angles.
            first: NEAR - s.n,
            frequencies: frequencies(s.k, |i| V::frequency(i, s.k)),
            x: input.values(0, values, 1.0),
            y: Buffer::zeroed(values),
            room: Buffer::zeroed(room(s.n, s.k)),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            heads: d.heads,
            width: d.width,
            first: d.first,
            frequencies: d.frequencies.as_slice(),
            x: d.x.as_slice(),
            y: d.y.as_mut_slice(),
            room: d.room.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.frequencies),
            Operand::Input(&mut d.x),
            Operand::Output(&mut d.y),
            Operand::Scratch(&mut d.room),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m * s.n
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let head = &d.x.as_slice()[row * d.width..(row + 1) * d.width];
        reference::head::<V>(head, d.frequencies.as_slice(), d.first + row / d.heads)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        d.y.as_slice()[row * d.width..(row + 1) * d.width].to_vec()
    }
}
