//! Attention of one token over the cache: `o[h] = softmax(q[h] K^T / sqrt(hd)) V` for `m` query heads over `n` cached
//! tokens of `parts` heads of `k` values; `m / parts` query heads share a head of the cache (grouped-query attention). The
//! cache is read once a token and grows with the text: a race for bytes, if each byte is used by all heads at once.
//! `blocks.rs` holds the two small products and the softmax between that rungs share.

pub(crate) mod blocks;
mod grouped;
mod head_major;
pub(crate) mod naive;
pub(crate) mod online;
pub(crate) mod parallel;
mod reference;
mod simd;

use crate::compare::dot_error_bound;
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::Copies;

/// The contract.
pub struct AttentionDecode;

/// Sizes of one run.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Query heads.
    pub heads: usize,
    /// Heads of the cache.
    pub kv_heads: usize,
    /// Values of a head.
    pub width: usize,
    /// Cached tokens.
    pub tokens: usize,
}

/// Operands of one run.
pub struct Args<'a> {
    /// Sizes.
    pub size: Size,
    /// Queries, `heads × width`.
    pub q: &'a [f32],
    /// Keys, `tokens × kv_heads × width`.
    pub k: &'a [f32],
    /// Values, as the keys.
    pub v: &'a [f32],
    /// The keys, `kv_heads × tokens × width`.
    pub k_by_head: &'a [f32],
    /// The values in the same order.
    pub v_by_head: &'a [f32],
    /// Output, `heads × width`.
    pub o: &'a mut [f32],
    /// Room for the scores of every head and token.
    pub scores: &'a mut [f32],
    /// Room for what tasks on parts of the tokens leave to be merged.
    pub partial: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    size: Size,
    q: Buffer<f32>,
    k: Copies<f32>,
    v: Copies<f32>,
    k_by_head: Copies<f32>,
    v_by_head: Copies<f32>,
    o: Buffer<f32>,
    scores: Buffer<f32>,
    partial: Buffer<f32>,
}

impl Size {
    fn of(s: &Shape) -> Self {
        Self { heads: s.m, kv_heads: s.parts, width: s.k, tokens: s.n }
    }

    /// Query heads that share a head of the cache.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// What scores are multiplied by.
    pub fn scale(&self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }
}

impl<'a> Args<'a> {
    /// Head `head` of a cache (keys or values) from token `first` on; tokens are `kv_heads × width` apart.
    fn cache(cache: &'a [f32], size: &Size, head: usize, first: usize) -> &'a [f32] {
        &cache[(first * size.kv_heads + head) * size.width..]
    }
}

/// Largest query and key. Scores of a trained model stay within tens; huge ones pick one token, and rounding which.
const LARGEST: f32 = 2.0;

impl Contract for AttentionDecode {
    const NAME: &'static str = "attention_decode";
    const ABOUT: &'static str =
        "o[heads] = softmax(q K^T / sqrt(width)) V over cached tokens, f32: one token's attention";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "head by head: all scores, the C library's softmax, then the weighted sum of the values",
        ),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "scores, exps and weighted sums in SIMD lanes; outputs stay in registers while tokens pass",
        )
        .after("naive")
        .accumulators(2),
        Variant::new::<grouped::Grouped>(
            "grouped",
            Width::SimdF32,
            "query heads that share a head of the cache pass over it together: each key and value is loaded once for all",
        )
        .after("simd")
        .accumulators(2),
        Variant::new::<online::Online>(
            "online",
            Width::SimdF32,
            "a running maximum rescales what was summed before, so tokens go by in blocks and no row of scores is kept",
        )
        .after("grouped")
        .accumulators(2),
        Variant::new::<head_major::HeadMajor>(
            "head_major",
            Width::SimdF32,
            "the cache keeps each head's tokens together, so a head streams through whole lines and pages in order",
        )
        .after("online")
        .accumulators(2),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdF32,
            "the tokens are split over every core and the parts merged by their maximums: few heads still use all cores",
        )
        .after("head_major")
        .accumulators(2)
        .threads(),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("stories260k/t512", 8, 512, 8).parts(4),
            Shape::tour("r1-distill-qwen-1.5b/t1024", 12, 1024, 128).parts(2),
            Shape::new("r1-distill-qwen-1.5b/t4096", 12, 4096, 128).parts(2),
            Shape::new("r1-distill-llama-8b/t4096", 32, 4096, 128).parts(8),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [
            (1, 1, 1, 1),
            (2, 2, 5, 8),
            (4, 1, 33, 16),
            (6, 2, 70, 40),
            (5, 1, 129, 64),
            (12, 2, 300, 24),
            (3, 3, 17, 7),
            (8, 4, 600, 8),
        ];
        sizes.into_iter().map(|(heads, kv, t, width)| Shape::new("test", heads, t, width).parts(kv)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        let parts = m % 3 + 1;
        Shape::new("near", m.next_multiple_of(parts).max(parts), n.max(1), k.max(1)).parts(parts)
    }

    fn dims(s: &Shape) -> String {
        format!("{}/{}×{}, {} tokens", s.m, s.parts, s.k, s.n)
    }

    fn cost(s: &Shape) -> Cost {
        let (heads, tokens, width) = (s.m as u64, s.n as u64, s.k as u64);
        // Per score: its product, scale, compare, subtract, exp, add, normalise, and the weighted value.
        let operations = heads * tokens * (4 * width + 6);
        let bytes = 4 * (2 * tokens * s.parts as u64 * width + 2 * heads * width);
        Cost { operations, bytes, work: Work::F32 }
    }

    // An error of a score is a relative error of its exp; the reference's magnitudes count the scores' own terms. The sum
    // over tokens rounds like a dot product, and exp adds a few units.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let sums = dot_error_bound(s.k, partial_sums) + dot_error_bound(s.n, 1);
        Tolerance { nmse: 1e-9, backward: sums + 4e-7 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let size = Size::of(s);
        if size.kv_heads == 0 || !size.heads.is_multiple_of(size.kv_heads) || size.tokens == 0 || size.width == 0 {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: "query heads must be a multiple of the cache's heads, and there must be a token".into(),
            });
        }
        let tame = |stream: u64, len: usize| {
            let mut values = input.values(stream, len, 1.0);
            if input.flavor != Flavor::Blank {
                values.as_mut_slice().iter_mut().for_each(|v| *v = v.clamp(-LARGEST, LARGEST));
            }
            values
        };
        let cached = size.tokens * size.kv_heads * size.width;
        let (k, v) = (tame(0, cached), input.values(2, cached, 1.0));
        let by_head = |cache: &Buffer<f32>| {
            let at = |i: usize| {
                let (row, c) = (i / size.width, i % size.width);
                cache.as_slice()[(row % size.tokens * size.kv_heads + row / size.tokens) * size.width + c]
            };
            let blank = input.flavor == Flavor::Blank;
            Copies::new(if blank { Buffer::zeroed(cached) } else { Buffer::filled(cached, at) }, input)
        };
        Ok(Data {
            size,
            q: tame(1, size.heads * size.width),
            k_by_head: by_head(&k),
            v_by_head: by_head(&v),
            k: Copies::new(k, input),
            v: Copies::new(v, input),
            o: Buffer::zeroed(size.heads * size.width),
            scores: Buffer::zeroed(size.heads * size.tokens),
            partial: Buffer::zeroed(parallel::room(&size)),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            size: d.size,
            q: d.q.as_slice(),
            k: d.k.as_slice(),
            v: d.v.as_slice(),
            k_by_head: d.k_by_head.as_slice(),
            v_by_head: d.v_by_head.as_slice(),
            o: d.o.as_mut_slice(),
            scores: d.scores.as_mut_slice(),
            partial: d.partial.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.q),
            Operand::Weights(&mut d.k),
            Operand::Weights(&mut d.v),
            Operand::Repacked(&mut d.k_by_head),
            Operand::Repacked(&mut d.v_by_head),
            Operand::Output(&mut d.o),
            Operand::Scratch(&mut d.scores),
            Operand::Scratch(&mut d.partial),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let width = d.size.width;
        reference::head(&d.q.as_slice()[row * width..(row + 1) * width], d.k.as_slice(), d.v.as_slice(), &d.size, row)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        d.o.as_slice()[row * d.size.width..(row + 1) * d.size.width].to_vec()
    }
}
