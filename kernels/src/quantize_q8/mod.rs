//! Activations to bytes: m rows of n f32 become i8 quants and an f32 scale for each block of them, which is what the integer
//! GEMVs take. Once for every group of products that share an input. One ladder makes two kernels: `quantize_q8_0` with
//! blocks of 32, `quantize_q8_k` with those of 256 that meet ggml's K formats. The scale is `max|x| / 127`, at least the smallest
//! normal f32 so that it has a reciprocal; a quant is `x * (1 / scale)` rounded to the nearest integer, halves to even.
//! Each step is one rounding of IEEE arithmetic, so every variant gives the same bits. ggml's rule differs in its halves,
//! which go away from zero, and in its scales, which are f16.

mod blocks;
mod naive;
mod parallel;
mod reference;
mod shaders;
mod simd;
#[cfg(test)]
mod tests;
mod unrolled;
#[cfg(target_arch = "x86_64")]
mod x86_avx512;

use std::marker::PhantomData;

use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Work};
use crate::machine::{Machine, OneF, tasks};
use crate::operand::Operand;

pub use blocks::{Blocks, Of32, Of256};

/// The contract, for blocks of some length.
pub struct QuantizeQ8<B>(PhantomData<B>);

/// Operands of one run.
pub struct Args<'a> {
    /// Values, finite, in whole blocks.
    pub x: &'a [f32],
    /// Output, one for each value. Begins at a multiple of four bytes.
    pub quants: &'a mut [i8],
    /// Output, one for each block.
    pub scales: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    n: usize,
    x: Buffer<f32>,
    quants: Buffer<i8>,
    scales: Buffer<f32>,
}

/// Largest quant.
const LARGEST: f32 = 127.0;

impl<B: Blocks> Contract for QuantizeQ8<B> {
    const NAME: &'static str = B::KERNEL;
    const FOLDER: &'static str = "quantize_q8";
    const ABOUT: &'static str = B::ABOUT;
    const LADDER: &'static [Variant<Self>] = B::LADDER;
    const SHADERS: &'static [Shader] = B::SHADERS;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("r1-distill-qwen-1.5b/decode", 1, 1536, 1),
            Shape::new("r1-distill-qwen-1.5b/ffn-down", 1, 8960, 1),
            Shape::new("r1-distill-qwen-1.5b/prefill-512", 512, 1536, 1),
            Shape::new("r1-distill-qwen-1.5b/ffn-down-prefill-512", 512, 8960, 1),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1), (1, 2), (3, 3), (5, 48), (7, 5), (2, 65), (0, 1), (3, 0)];
        sizes.into_iter().map(|(m, blocks)| Shape::new("test", m, blocks * B::LEN, 1)).collect()
    }

    fn shape_near(m: usize, n: usize, _: usize) -> Shape {
        Shape::new("near", m, n.next_multiple_of(B::LEN), 1)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.m, s.n)
    }

    fn cost(s: &Shape) -> Cost {
        // Per value: magnitude, compare, scale; rounding is a conversion.
        let values = (s.m * s.n) as u64;
        Cost { operations: 3 * values, bytes: 5 * values + 4 * values / B::LEN as u64, work: Work::F32 }
    }

    // The same bits everywhere.
    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 0.0, backward: 0.0 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        if !s.n.is_multiple_of(B::LEN) {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: format!("n = {} is not a multiple of {}, the values of a block", s.n, B::LEN),
            });
        }
        let len = s.m * s.n;
        Ok(Data {
            n: s.n,
            x: input.values(0, len, 1.0),
            quants: Buffer::zeroed(len),
            scales: Buffer::zeroed(len / B::LEN),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args { x: d.x.as_slice(), quants: d.quants.as_mut_slice(), scales: d.scales.as_mut_slice() }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![Operand::Input(&mut d.x), Operand::Output(&mut d.quants), Operand::Output(&mut d.scales)]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        reference::row::<B>(&d.x.as_slice()[row * d.n..(row + 1) * d.n])
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        let quants = d.quants.as_slice()[row * d.n..(row + 1) * d.n].iter().map(|q| f32::from(*q));
        let blocks = d.n / B::LEN;
        quants.chain(d.scales.as_slice()[row * blocks..(row + 1) * blocks].iter().copied()).collect()
    }
}

/// Blocks of one task: their scales are a cache line.
const BLOCKS_PER_TASK: usize = 16;

/// Calls `each` with the values, quants and scale of every block.
#[inline(always)]
fn every_block<M: Machine, B: Blocks>(m: M, a: Args<'_>, mut each: impl FnMut(&[f32], &mut [i8], &mut [f32])) {
    let blocks = a.scales.len();
    tasks!(m, blocks.div_ceil(BLOCKS_PER_TASK), 1, |t| {
        for b in m.steps(t * BLOCKS_PER_TASK, blocks.min((t + 1) * BLOCKS_PER_TASK), 1) {
            let at = b * B::LEN..(b + 1) * B::LEN;
            each(&a.x[at.clone()], &mut a.quants[at], &mut a.scales[b..b + 1]);
        }
    });
}

/// A block whose largest magnitude is known: its scale, and its quants in lanes.
#[inline(always)]
fn scaled<M: Machine>(m: M, largest: &OneF<M>, x: &[f32], quants: &mut [i8], scale: &mut [f32]) {
    let one = m.one();
    let d = one.max(&one.div(largest, &one.splat(LARGEST)), &one.splat(f32::MIN_POSITIVE));
    one.store(&d, scale, 0);
    let reciprocal = m.broadcast(&one.div(&one.splat(1.0), &d));
    for c in m.steps(0, x.len(), m.lanes()) {
        m.store_i8(&m.round_i(&m.mul(&m.load(x, c), &reciprocal)), quants, c);
    }
}

/// The largest magnitude of a block, kept in `N` registers that are compared in the end.
#[inline(always)]
fn largest<M: Machine, const N: usize>(m: M, x: &[f32]) -> OneF<M> {
    let mut tops = m.zeros::<N>();
    for c in m.steps(0, x.len(), N * m.lanes()) {
        for (s, top) in tops.iter_mut().enumerate() {
            *top = m.max(&m.abs(&m.load(x, c + s * m.lanes())), top);
        }
    }
    for s in 1..N {
        tops[0] = m.max(&tops[0], &tops[s]);
    }
    m.largest(&tops[0])
}
