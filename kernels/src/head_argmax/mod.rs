//! The head, greedy: which row of `W[v, h] x[h]` is the largest, and how large it is. A GEMV over the vocabulary of which
//! one number is kept: in small models most of a token's time, in all models the largest single matrix. Of equal rows the
//! lowest wins, whatever the threads do. One ladder, of weights in f32 and in bf16.

mod fused;
mod multi_row;
mod naive;
mod parallel;
mod reference;
mod simd;
#[cfg(test)]
mod tests;
mod unrolled;
#[cfg(target_arch = "x86_64")]
mod x86_avx512;

use std::marker::PhantomData;

use half::bf16;

use crate::compare::dot_error_bound;
use crate::gemv::Element;
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, Registers};
use crate::operand::Operand;
use crate::weights::Copies;

/// The contract, for weights stored as `E`.
pub struct HeadArgmax<E>(PhantomData<E>);

/// A stored weight that has a kernel here.
pub trait HeadElement: Element {
    /// Name of the kernel.
    const HEAD: &'static str;
    /// What the kernel computes.
    const ABOUT_HEAD: &'static str;
}

impl HeadElement for f32 {
    const HEAD: &'static str = "head_argmax";
    const ABOUT_HEAD: &'static str = "argmax and max of W[v, h] x[h], f32: the next token, greedy";
}

impl HeadElement for bf16 {
    const HEAD: &'static str = "head_argmax_bf16";
    const ABOUT_HEAD: &'static str = "argmax and max of W[v, h] x[h], bf16 weights: the next token, greedy";
}

/// Operands of one run.
pub struct Args<'a, E> {
    /// Weights, rows of `x.len()`.
    pub w: &'a [E],
    /// Rows.
    pub rows: usize,
    /// Activations.
    pub x: &'a [f32],
    /// Output: the row, which f32 holds exactly, and its logit.
    pub y: &'a mut [f32],
    /// Room for a logit per row, or for what tasks leave to be merged.
    pub room: &'a mut [f32],
}

/// Values of `room` that rungs need.
pub fn room(rows: usize) -> usize {
    rows.max(parallel::room(rows))
}

/// Owned operands.
pub struct Data<E: Element> {
    rows: usize,
    w: Copies<E>,
    x: Buffer<f32>,
    y: Buffer<f32>,
    room: Buffer<f32>,
}

/// Rows lie below it, so that an f32 holds their index.
const MOST_ROWS: usize = 1 << 24;

impl<E: HeadElement> Contract for HeadArgmax<E> {
    const NAME: &'static str = E::HEAD;
    const FOLDER: &'static str = "head_argmax";
    const ABOUT: &'static str = E::ABOUT_HEAD;
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "all logits are computed and stored, then the largest is looked for",
        ),
        Variant::new::<fused::Fused>(
            "fused",
            Width::Scalar,
            "each logit is compared as it is made: none is stored",
        )
        .after("naive"),
        Variant::new::<unrolled::Unrolled>(
            "unrolled",
            Width::Scalar,
            "eight sums a logit hide the latency of the adds",
        )
        .after("fused")
        .accumulators(8),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "a logit's sums are SIMD registers, so one instruction does a register's worth of columns",
        )
        .after("unrolled")
        .accumulators(4),
        Variant::new::<multi_row::MultiRow>(
            "multi_row",
            Width::Any,
            "four rows share each load of x, and four logits are compared after another",
        )
        .after("simd"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::Any,
            "blocks of rows go to every core and leave their best; the bests are merged in order, so ties stay what they were",
        )
        .after("multi_row")
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_avx512", crate::machine::Isa::Avx512, x86_avx512::IDEA, x86_avx512::run)
            .after("multi_row"),
    ];
    const RUNG_0_OPERATIONS: f64 = E::RUNG_0_OPERATIONS;
    type Data = Data<E>;
    type Args<'a> = Args<'a, E>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories260k/head", 1, 512, 64),
            Shape::tour("r1-distill-qwen-1.5b/head-8192-rows", 1, 8192, 1536),
            Shape::new("r1-distill-qwen-1.5b/head", 1, 151_936, 1536),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1), (1, 64), (3, 7), (4, 16), (5, 33), (64, 64), (33, 65), (131, 129), (200, 40), (5, 0)];
        sizes.into_iter().map(|(v, h)| Shape::new("test", 1, v, h)).collect()
    }

    fn shape_near(_: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", 1, n.max(1), k)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (v, h) = (s.n as u64, s.k as u64);
        Cost { operations: 2 * v * h + v, bytes: size_of::<E>() as u64 * v * h + 4 * h + 8, work: Work::F32 }
    }

    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: dot_error_bound(s.k, partial_sums) }
    }

    // A right variant may round two close logits the other way round, so one row is made to win by far: with every weight
    // twice as large as the largest elsewhere and of its activation's sign, its logit is at least about twice any other's,
    // while rounding moves a logit by less than a thousandth of that. Where all logits are zero, row 0 wins.
    fn prepare(s: &Shape, input: &Input) -> Result<Data<E>, ShapeError> {
        if s.n == 0 || s.n > MOST_ROWS {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: format!("there must be a row, and at most {MOST_ROWS}"),
            });
        }
        let x = input.values(1, s.k, 1.0);
        let blank = input.flavor == Flavor::Blank;
        let mut w = if blank {
            Buffer::zeroed(s.n * s.k)
        } else {
            let values = input.values(0, s.n * s.k, 1.0);
            Buffer::filled(s.n * s.k, |i| E::encode(values.as_slice()[i]))
        };
        if !blank {
            let largest = w.as_slice().iter().fold(0.0, |m: f64, w| m.max(w.decode().abs()));
            let winner = winner(s.n, input.seed);
            let row = &mut w.as_mut_slice()[winner * s.k..(winner + 1) * s.k];
            for (w, x) in row.iter_mut().zip(x.as_slice()) {
                *w = E::encode((2.0 * largest) as f32 * x.signum());
            }
        }
        Ok(Data { rows: s.n, w: Copies::new(w, input), x, y: Buffer::zeroed(2), room: Buffer::zeroed(room(s.n)) })
    }

    fn args(d: &mut Data<E>) -> Args<'_, E> {
        Args { w: d.w.as_slice(), rows: d.rows, x: d.x.as_slice(), y: d.y.as_mut_slice(), room: d.room.as_mut_slice() }
    }

    fn operands(d: &mut Data<E>) -> Vec<Operand<'_>> {
        vec![
            Operand::Weights(&mut d.w),
            Operand::Input(&mut d.x),
            Operand::Output(&mut d.y),
            Operand::Scratch(&mut d.room),
        ]
    }

    fn rows(_: &Shape) -> usize {
        1
    }

    fn reference(d: &Data<E>, _: usize) -> RowReference {
        reference::largest(d.w.as_slice(), d.rows, d.x.as_slice())
    }

    fn output(d: &Data<E>, _: usize) -> Vec<f32> {
        d.y.as_slice().to_vec()
    }
}

/// The row that is made to win: any, by the seed.
fn winner(rows: usize, seed: u64) -> usize {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % rows
}

/// The largest logit so far. It passes from row to row only to be compared: a modelled machine that skips rows misses
/// nothing of their time.
#[derive(Clone, Copy)]
struct Best {
    row: usize,
    logit: f32,
}

impl Best {
    /// Before the first row.
    #[inline(always)]
    fn none() -> Self {
        Self { row: 0, logit: f32::NEG_INFINITY }
    }

    /// Keeps the logit if it is larger: a compare and a branch that is rarely taken.
    #[inline(always)]
    fn meet<M: Machine<One = M>>(&mut self, m: M, logit: &<M as Registers>::F, row: usize) {
        let logit = m.reveal(logit);
        if logit > self.logit {
            *self = Self { row, logit };
        }
    }

    /// Stores row and logit.
    #[inline(always)]
    fn store<M: Machine<One = M>>(&self, m: M, out: &mut [f32]) {
        m.store(&m.splat(self.row as f32), out, 0);
        m.store(&m.splat(self.logit), out, 1);
    }
}
