//! Attention of a text's first tokens over themselves: `o[i, h] = softmax(q[i, h] · k[j] / sqrt(width), j <= i) V` for `m`
//! tokens of `n` query heads, `k` values wide, over `parts` heads of keys and values that the query heads share in groups.
//! Work grows with the square of the text, bytes with its length: a compute kernel, if scores never leave the caches.
//! `blocks.rs` of `attention_decode` holds the small products; `tile.rs` what the tiled rungs do with them. GPUs hold f16:
//! `attention_prefill_f16`.

pub(crate) mod causal;
mod naive;
mod parallel;
mod reference;
pub(crate) mod shaders;
mod simd;
mod tile;
mod tiles;

use crate::attention_decode::{LARGEST, Size};
use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::machine::{Machine, tasks};
use crate::operand::Operand;

/// The contract.
pub struct AttentionPrefill;

/// Operands of one run.
pub struct Args<'a> {
    /// Sizes.
    pub size: Size,
    /// Queries, `tokens × heads × width`.
    pub q: &'a [f32],
    /// Keys, `tokens × kv_heads × width`.
    pub k: &'a [f32],
    /// Values, as the keys.
    pub v: &'a [f32],
    /// Output, as the queries.
    pub o: &'a mut [f32],
    /// Room for one head's scores, see [`rooms`].
    pub scores: &'a mut [f32],
    /// Room for the keys abreast, see `tile.rs`.
    pub abreast: &'a mut [f32],
    /// Room for what tasks compute.
    pub scratch: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    size: Size,
    q: Buffer<f32>,
    k: Buffer<f32>,
    v: Buffer<f32>,
    o: Buffer<f32>,
    scores: Buffer<f32>,
    abreast: Buffer<f32>,
    scratch: Buffer<f32>,
}

fn size_of_shape(s: &Shape) -> Option<Size> {
    Size::of(&Shape { m: s.n, n: s.m, ..s.clone() })
}

/// Values of `scores`, `abreast` and `scratch` that rungs need; rung 0 alone needs a square of scores, the others a row.
pub fn rooms(size: &Size, rung_0: bool) -> [usize; 3] {
    let rows = if rung_0 { size.tokens } else { 1 };
    [rows * size.tokens, tile::abreast_room(size), parallel::room(size)]
}

/// Runs `body` for every one of `n` parts of a triangle, the shortest with the longest: a task is as long as any other.
#[inline(always)]
pub(crate) fn in_pairs<M: Machine>(m: M, n: usize, mut body: impl FnMut(usize)) {
    tasks!(m, n.div_ceil(2), 1, |i| {
        body(i);
        if n - 1 - i != i {
            body(n - 1 - i);
        }
    });
}

impl Contract for AttentionPrefill {
    const NAME: &'static str = "attention_prefill";
    const ABOUT: &'static str =
        "o[m, heads] = softmax(causal(q K^T / sqrt(width))) V, f32: attention of a text's tokens over themselves";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "a head's scores of all tokens by all tokens, later ones masked, the C library's softmax, the weighted sums",
        ),
        Variant::new::<causal::Causal>(
            "causal",
            Width::Scalar,
            "token by token, only over the tokens before it: half the work, and a row of scores instead of a square",
        )
        .after("naive"),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "scores, exps and weighted sums in SIMD lanes, a token at a time over all before it",
        )
        .after("causal")
        .accumulators(2),
        Variant::new::<tiles::Tiles>(
            "tiles",
            Width::Any,
            "64 queries meet 64 keys, packed abreast, at a time: both products in register tiles, with a running maximum",
        )
        .after("simd"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::Any,
            "heads and pairs of query blocks, a short with a long one, go to every core",
        )
        .after("tiles")
        .threads(),
    ];
    const SHADERS: &'static [Shader] = shaders::LADDER;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories260k/prefill-256", 256, 8, 8).parts(4),
            Shape::tour("r1-distill-qwen-1.5b/prefill-128", 128, 12, 128).parts(2),
            Shape::new("stories260k/prefill-512", 512, 8, 8).parts(4),
            Shape::new("r1-distill-qwen-1.5b/prefill-512", 512, 12, 128).parts(2),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [
            (1, 1, 1, 1),
            (5, 2, 2, 8),
            (33, 4, 1, 16),
            (64, 2, 1, 32),
            (70, 6, 2, 40),
            (129, 3, 1, 24),
            (200, 2, 2, 7),
        ];
        sizes.into_iter().map(|(m, heads, kv, width)| Shape::new("test", m, heads, width).parts(kv)).collect()
    }

    // Work grows with the square of the tokens: heads few and narrow, so that the tests stay quick.
    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        let parts = m % 2 + 1;
        Shape::new("near", n.max(1), parts * (m % 3 + 1), k / 8 + 1).parts(parts)
    }

    fn dims(s: &Shape) -> String {
        format!("{} tokens, {}/{}×{}", s.m, s.n, s.parts, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (tokens, heads, width) = (s.m as u64, s.n as u64, s.k as u64);
        // Per score as in decode, of pairs of tokens in order.
        let operations = heads * (tokens * (tokens + 1) / 2) * (4 * width + 6);
        Cost { operations, bytes: 4 * tokens * width * (2 * heads + 2 * s.parts as u64), work: Work::F32 }
    }

    // Rung 0 makes the scores of pairs in both orders.
    fn rung_0_operations(s: &Shape) -> f64 {
        2.0 * s.m as f64 / (s.m as f64 + 1.0)
    }

    // As in decode.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let sums = dot_error_bound(s.k, partial_sums) + dot_error_bound(s.m, 1);
        Tolerance { nmse: 1e-10, backward: sums + 4e-7 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let size = size_of_shape(s).ok_or_else(|| ShapeError {
            kernel: Self::NAME,
            shape: format!("{} {}", s.name, Self::dims(s)),
            reason: "query heads must be a multiple of the heads of keys, and there must be a token".into(),
        })?;
        let [scores, abreast, scratch] = rooms(&size, true);
        let (queries, keys) = (size.tokens * size.heads * size.width, size.tokens * size.kv_heads * size.width);
        Ok(Data {
            size,
            q: input.values_within(1, queries, 1.0, LARGEST),
            k: input.values_within(0, keys, 1.0, LARGEST),
            v: input.values(2, keys, 1.0),
            o: Buffer::zeroed(queries),
            scores: Buffer::zeroed(scores),
            abreast: Buffer::zeroed(abreast),
            scratch: Buffer::zeroed(scratch),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            size: d.size,
            q: d.q.as_slice(),
            k: d.k.as_slice(),
            v: d.v.as_slice(),
            o: d.o.as_mut_slice(),
            scores: d.scores.as_mut_slice(),
            abreast: d.abreast.as_mut_slice(),
            scratch: d.scratch.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.q),
            Operand::Input(&mut d.k),
            Operand::Input(&mut d.v),
            Operand::Output(&mut d.o),
            Operand::Scratch(&mut d.scores),
            Operand::Scratch(&mut d.abreast),
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
