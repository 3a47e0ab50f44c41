//! Attention of a text's first tokens over themselves as GPUs hold them: queries, keys and values in f16, what comes out in
//! f32. `attention_prefill` has the ladder for processors and says what is computed; here are two rungs of it, to check
//! shaders against, and what GPUs add: matrix units.

mod naive;
mod reference;
mod shaders;
mod simd;

use half::f16;

use crate::attention_decode::{LARGEST, Size};
use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;

/// The contract.
pub struct AttentionPrefillF16;

/// Operands of one run.
pub struct Args<'a> {
    /// Sizes.
    pub size: Size,
    /// Queries, `tokens × heads × width`.
    pub q: &'a [f16],
    /// Keys, `tokens × kv_heads × width`.
    pub k: &'a [f16],
    /// Values, as the keys.
    pub v: &'a [f16],
    /// Output, as the queries.
    pub o: &'a mut [f32],
    /// Room for a query in f32 and for its scores.
    pub scratch: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    size: Size,
    q: Buffer<f16>,
    k: Buffer<f16>,
    v: Buffer<f16>,
    o: Buffer<f32>,
    scratch: Buffer<f32>,
}

/// What a head's width is a multiple of: the side of a matrix of f16 on matrix units.
const UNIT: usize = 16;
/// The widest head that shaders have room for.
const WIDEST: usize = 128;

fn size_of_shape(s: &Shape) -> Result<Size, ShapeError> {
    let refused = |reason: String| ShapeError {
        kernel: AttentionPrefillF16::NAME,
        shape: format!("{} {}", s.name, AttentionPrefillF16::dims(s)),
        reason,
    };
    if !s.k.is_multiple_of(UNIT) || s.k > WIDEST {
        return Err(refused(format!("a head must have a multiple of {UNIT} values, and at most {WIDEST}")));
    }
    Size::of(&Shape { m: s.n, n: s.m, ..s.clone() })
        .ok_or_else(|| refused("query heads must be a multiple of the heads of keys, and there must be a token".into()))
}

impl Contract for AttentionPrefillF16 {
    const NAME: &'static str = "attention_prefill_f16";
    const ABOUT: &'static str =
        "o[m, heads] = softmax(causal(q K^T / sqrt(width))) V, f16 in, f32 out: a prompt's attention as GPUs do it";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "token by token: the scores over those before it, the C library's softmax, then the weighted sum of the values",
        ),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "scores, exps and weighted sums in SIMD lanes, f16 made f32 as they are loaded",
        )
        .after("naive")
        .accumulators(2),
    ];
    const SHADERS: &'static [Shader] = shaders::LADDER;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("r1-distill-qwen-1.5b/prefill-128", 128, 12, 128).parts(2),
            Shape::new("r1-distill-qwen-1.5b/prefill-512", 512, 12, 128).parts(2),
            Shape::new("r1-distill-llama-8b/prefill-512", 512, 32, 128).parts(8),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [
            (1, 1, 1, 16),
            (5, 2, 2, 32),
            (33, 4, 1, 16),
            (64, 2, 1, 128),
            (70, 6, 2, 80),
            (129, 3, 1, 48),
            (200, 1, 1, 112),
        ];
        sizes.into_iter().map(|(m, heads, kv, width)| Shape::new("test", m, heads, width).parts(kv)).collect()
    }

    // As over f32: heads few and narrow, so that the tests stay quick.
    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        let parts = m % 2 + 1;
        let width = (k / 8).next_multiple_of(UNIT).clamp(UNIT, WIDEST);
        Shape::new("near", n.max(1), parts * (m % 3 + 1), width).parts(parts)
    }

    fn dims(s: &Shape) -> String {
        format!("{} tokens, {}/{}×{}", s.m, s.n, s.parts, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (tokens, heads, width) = (s.m as u64, s.n as u64, s.k as u64);
        // Per score as in decode, of pairs of tokens in order.
        let operations = heads * (tokens * (tokens + 1) / 2) * (4 * width + 6);
        let bytes = tokens * width * (2 * (heads + 2 * s.parts as u64) + 4 * heads);
        Cost { operations, bytes, work: Work::F16 }
    }

    // Sums are f32: as over f32.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let sums = dot_error_bound(s.k, partial_sums) + dot_error_bound(s.m, 1);
        Tolerance { nmse: 1e-10, backward: sums + 4e-7 }
    }

    // On GPUs a weight may be rounded to f16 before it meets a value: matrix units take both sides in it. Each weight is then
    // off by up to 2^-11 of itself, and an output by as much of its magnitude.
    fn foreign_tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let exact = Self::tolerance(s, partial_sums);
        Tolerance { nmse: ROUNDED * ROUNDED, backward: exact.backward + ROUNDED }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let size = size_of_shape(s)?;
        let tame = |x: f32| f16::from_f32(x.clamp(-LARGEST, LARGEST));
        let (queries, keys) = (size.tokens * size.heads * size.width, size.tokens * size.kv_heads * size.width);
        Ok(Data {
            size,
            q: input.encoded(1, queries, 1.0, tame),
            k: input.encoded(0, keys, 1.0, tame),
            v: input.encoded(2, keys, 1.0, tame),
            o: Buffer::zeroed(queries),
            scratch: Buffer::zeroed(size.width + size.tokens),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            size: d.size,
            q: d.q.as_slice(),
            k: d.k.as_slice(),
            v: d.v.as_slice(),
            o: d.o.as_mut_slice(),
            scratch: d.scratch.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.q),
            Operand::Input(&mut d.k),
            Operand::Input(&mut d.v),
            Operand::Output(&mut d.o),
            Operand::Scratch(&mut d.scratch),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m * s.n
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        reference::row(d, row / d.size.heads, row % d.size.heads)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        d.o.as_slice()[row * d.size.width..(row + 1) * d.size.width].to_vec()
    }
}

/// Half of the last place of an f16, beside the number.
const ROUNDED: f64 = 1.0 / 2048.0;
