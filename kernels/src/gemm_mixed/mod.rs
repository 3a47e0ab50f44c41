//! GEMM of packed weights with activations in f16: `C[m, n] = A[m, k] W[n, k]^T`, sums and C f32. A prompt through a packed
//! layer as GPUs do it, whose matrix units take f16: each weight may be rounded to f16 before it is multiplied. One ladder
//! makes four kernels, `gemm_f16_q8_0`, `gemm_f16_q4_0`, `gemm_f16_q4_k`, `gemm_f16_q6_k`. Processors have one rung, to
//! check shaders against: theirs for such weights are in `gemm_packed`, which takes activations in bytes.

mod naive;
mod reference;
mod shaders;

use std::marker::PhantomData;

use half::f16;

use crate::compare::dot_error_bound;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::foreign::Shader;
use crate::gemv::Element;
use crate::gemv_packed::{self, Packed};
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::{Source, Weights};

/// The contract, for weights in blocks of `F`.
pub struct GemmMixed<F>(PhantomData<F>);

/// A format of the weights.
pub trait Format: Packed {
    /// Name of the kernel.
    const KERNEL: &'static str;
    /// What the kernel computes.
    const ABOUT: &'static str;
    /// Its ladder for GPUs.
    const SHADERS: &'static [Shader];
}

macro_rules! of_format {
    ($block:ty, $kernel:literal, $name:literal, $shaders:ident) => {
        impl Format for $block {
            const KERNEL: &'static str = $kernel;
            const ABOUT: &'static str = concat!(
                "C[m, n] = A[m, k] W[n, k]^T, A f16, ",
                $name,
                " weights, sums f32: a prompt through a layer, as GPUs do it"
            );
            const SHADERS: &'static [Shader] = shaders::$shaders;
        }
    };
}
of_format!(BlockQ8_0, "gemm_f16_q8_0", "q8_0", Q8_0);
of_format!(BlockQ4_0, "gemm_f16_q4_0", "q4_0", Q4_0);
of_format!(BlockQ4K, "gemm_f16_q4_k", "q4_K", Q4_K);
of_format!(BlockQ6K, "gemm_f16_q6_k", "q6_K", Q6_K);

/// Operands of one run.
pub struct Args<'a, F> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of C, rows of W.
    pub n: usize,
    /// Columns of A and W.
    pub k: usize,
    /// A as f32, for processors.
    pub values: &'a [f32],
    /// Weights, `n` rows of blocks.
    pub w: &'a [F],
    /// Output, `m × n`.
    pub c: &'a mut [f32],
}

/// Owned operands.
pub struct Data<F: Format> {
    size: (usize, usize, usize),
    a: Buffer<f16>,
    values: Buffer<f32>,
    w: Weights<F>,
    c: Buffer<f32>,
}

/// The smallest normal f16.
const SMALLEST: f64 = 1.0 / 16_384.0;
/// Largest relative error of a weight that becomes f16.
const F16_UNIT: f64 = 1.0 / 2048.0;
/// Largest weight: half of what an f16 holds, for an encoder may go beyond what it is given.
const LARGEST: f32 = 32_000.0;

impl<F: Format> Contract for GemmMixed<F> {
    const NAME: &'static str = F::KERNEL;
    const FOLDER: &'static str = "gemm_mixed";
    const ABOUT: &'static str = F::ABOUT;
    const LADDER: &'static [Variant<Self>] = &[Variant::new::<naive::Naive>(
        "naive",
        Width::Scalar,
        "an output at a time: each weight is taken out of its block, becomes f32 and goes into one running sum",
    )];
    const SHADERS: &'static [Shader] = F::SHADERS;
    const RUNG_0_OPERATIONS: f64 = F::RUNG_0_OPERATIONS;
    type Data = Data<F>;
    type Args<'a> = Args<'a, F>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape { gpu_tour: false, ..Shape::tour("r1-distill-qwen-1.5b/attn-q-prefill", 128, 1536, 1536) },
            Shape::gpu_tour("r1-distill-qwen-1.5b/attn-q-prefill-2048", 2048, 1536, 1536),
            Shape::new("r1-distill-qwen-1.5b/ffn-down-prefill", 512, 1536, 8960),
            Shape::new("r1-distill-llama-8b/ffn-down-prefill", 512, 4096, 14336),
        ]
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(F::DTYPE, 64)
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(0, 3, 1), (3, 0, 1), (2, 2, 0), (1, 1, 1), (5, 17, 2), (130, 9, 1), (20, 132, 1), (16, 140, 3)];
        sizes.into_iter().map(|(m, n, blocks)| Shape::new("test", m, n, blocks * F::LEN)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m, n, k.next_multiple_of(F::LEN))
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}×{}", s.m, s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (m, n, k) = (s.m as u64, s.n as u64, s.k as u64);
        let weights = size_of::<F>() as u64 * n * (k / F::LEN as u64);
        Cost { operations: 2 * m * n * k, bytes: 2 * m * k + weights + 4 * m * n, work: Work::F16 }
    }

    // Weights are taken out of their blocks in f32.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        gemv_packed::tolerance(s.k, partial_sums)
    }

    // GPUs may round them to f16. Sums that cancel keep the weights' errors: those are bounded term by term.
    fn foreign_tolerance(s: &Shape, _partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-5, backward: dot_error_bound(s.k, 1) + F16_UNIT }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<F>, ShapeError> {
        let w = Weights::blocks_within(Self::NAME, s, (s.n, s.k), input, F::LARGEST.min(LARGEST))?;
        let a: Buffer<f16> = input.encoded(1, s.m * s.k, 1.0, f16::encode);
        let values = Buffer::filled(s.m * s.k, |i| a.as_slice()[i].to_f32());
        Ok(Data { size: (s.m, s.n, s.k), a, values, w, c: Buffer::zeroed(s.m * s.n) })
    }

    fn args(d: &mut Data<F>) -> Args<'_, F> {
        let (m, n, k) = d.size;
        Args { m, n, k, values: d.values.as_slice(), w: d.w.as_slice(), c: d.c.as_mut_slice() }
    }

    fn operands(d: &mut Data<F>) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.a),
            Operand::Input(&mut d.values),
            Operand::Weights(&mut d.w),
            Operand::Output(&mut d.c),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data<F>, row: usize) -> RowReference {
        let (_, n, k) = d.size;
        reference::row(&d.a.as_slice()[row * k..(row + 1) * k], d.w.as_slice(), n)
    }

    fn output(d: &Data<F>, row: usize) -> Vec<f32> {
        let n = d.size.1;
        d.c.as_slice()[row * n..(row + 1) * n].to_vec()
    }
}
