//! GEMV: `y[n] = W[n, k] x[k]`, row-major weights stored as f32, bf16 or f16, all else f32. The decode step of a dense
//! layer; every weight is used once, so out of cache it is a race for bytes. One ladder makes three kernels: `gemv_f32`,
//! `gemv_bf16`, `gemv_f16`.

mod element;
pub(crate) mod multi_row;
mod naive;
mod parallel;
mod reference;
mod shaders;
pub(crate) mod simd;
mod unrolled;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_avx512;
#[cfg(target_arch = "x86_64")]
mod x86_bf16;
#[cfg(target_arch = "x86_64")]
mod x86_bf16_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_eight_rows;
#[cfg(target_arch = "x86_64")]
mod x86_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_stream;

use std::marker::PhantomData;

use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Work};
use crate::machine::{Machine, OneF};
use crate::operand::Operand;
use crate::weights::{Source, Weights};

pub use element::Element;

/// What an element can do beside, for the rungs in intrinsics.
#[cfg(not(target_arch = "x86_64"))]
use core::marker::Sized as ArchLoad;
#[cfg(target_arch = "x86_64")]
use x86_eight_rows::Load32 as ArchLoad;

/// The contract, for weights stored as `E`.
pub struct Gemv<E>(PhantomData<E>);

/// Operands of one run.
pub struct Args<'a, E> {
    /// Weights, `y.len()` rows of `k`.
    pub w: &'a [E],
    /// Columns.
    pub k: usize,
    /// Activations, `k` values.
    pub x: &'a [f32],
    /// Output, one value per row.
    pub y: &'a mut [f32],
}

/// Owned operands.
pub struct Data<E: Element> {
    w: Weights<E>,
    x: Buffer<f32>,
    y: Buffer<f32>,
}

impl<E: Element> Contract for Gemv<E> {
    const NAME: &'static str = E::KERNEL;
    const FOLDER: &'static str = "gemv";
    const ABOUT: &'static str = E::ABOUT;
    const LADDER: &'static [Variant<Self>] = E::LADDER;
    const SHADERS: &'static [Shader] = E::SHADERS;
    const RUNG_0_OPERATIONS: f64 = E::RUNG_0_OPERATIONS;
    type Data = Data<E>;
    type Args<'a> = Args<'a, E>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("stories260k/attn-q", 1, 64, 64),
            Shape::new("stories260k/ffn-up", 1, 172, 64),
            Shape::tour("r1-distill-qwen-1.5b/attn-k", 1, 256, 1536),
            Shape::tour("r1-distill-qwen-1.5b/ffn-down", 1, 1536, 8960),
            Shape::new("r1-distill-llama-8b/ffn-down", 1, 4096, 14336),
        ]
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(E::DTYPE, 1)
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes =
            [(1, 1), (1, 64), (3, 7), (4, 16), (5, 33), (7, 129), (33, 65), (64, 64), (31, 1000), (0, 5), (5, 0)];
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
        Cost { operations: 2 * n * k, bytes: size_of::<E>() as u64 * n * k + 4 * (n + k), work: Work::F32 }
    }

    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: dot_error_bound(s.k, partial_sums) }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<E>, ShapeError> {
        Ok(Data {
            w: Weights::dense((s.n, s.k), input, E::encode),
            x: input.values(1, s.k, 1.0),
            y: Buffer::zeroed(s.n),
        })
    }

    fn args(d: &mut Data<E>) -> Args<'_, E> {
        Args { w: d.w.as_slice(), k: d.x.as_slice().len(), x: d.x.as_slice(), y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data<E>) -> Vec<Operand<'_>> {
        vec![Operand::Weights(&mut d.w), Operand::Input(&mut d.x), Operand::Output(&mut d.y)]
    }

    fn rows(s: &Shape) -> usize {
        s.n
    }

    fn reference(d: &Data<E>, row: usize) -> RowReference {
        let x = d.x.as_slice();
        reference::row(&d.w.as_slice()[row * x.len()..(row + 1) * x.len()], x)
    }

    fn output(d: &Data<E>, row: usize) -> Vec<f32> {
        vec![d.y.as_slice()[row]]
    }
}

/// The dot product of two equal-length slices in `SUMS` independent registers, the tail on the scalar unit.
#[inline(always)]
pub(crate) fn dot<M: Machine, E: Element, const SUMS: usize>(m: M, w: &[E], x: &[f32]) -> OneF<M> {
    let k = w.len();
    let mut sums = m.zeros::<SUMS>();
    let main = m.steps(0, k, SUMS * m.lanes());
    let tail = main.tail();
    for c in main {
        for (s, sum) in sums.iter_mut().enumerate() {
            let at = c + s * m.lanes();
            *sum = m.mul_add(&E::load(m, w, at), &m.load(x, at), sum);
        }
    }
    let [mut all] = m.zeros();
    for sum in &sums {
        all = m.add(&all, sum);
    }
    let one = m.one();
    let mut total = m.sum(&all);
    for c in one.steps(tail, k, 1) {
        total = one.mul_add(&E::load(one, w, c), &one.load(x, c), &total);
    }
    total
}
