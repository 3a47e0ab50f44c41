//! Attention of one token over the cache: `o[h] = softmax(q[h] K^T / sqrt(hd)) V` for `m` query heads over `n` cached
//! tokens of `parts` heads of `k` values; `m / parts` query heads share a head of the cache (grouped-query attention). The
//! cache is read once a token and grows with the text: a race for bytes, if each byte is used by all heads at once.
//! One ladder makes two kernels, by what the cache is stored as: `attention_decode` (f32) and `attention_decode_bf16`.
//! `blocks.rs` holds the two small products and the softmax between that rungs share.

pub(crate) mod blocks;
mod element;
mod grouped;
mod head_major;
pub(crate) mod naive;
pub(crate) mod online;
mod panels;
pub(crate) mod parallel;
pub(crate) mod reference;
mod shaders;
pub(crate) mod simd;

use std::marker::PhantomData;

use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::Copies;

use blocks::{BLOCK, PANEL};
pub use element::Cached;

/// The contract, for a cache of `E`.
pub struct AttentionDecode<E>(PhantomData<E>);

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
    /// Tokens that caches have room for whose heads lie one after the other.
    pub capacity: usize,
}

/// Operands of one run.
pub struct Args<'a, E> {
    /// Sizes.
    pub size: Size,
    /// Queries, `heads × width`.
    pub q: &'a [f32],
    /// Keys, `tokens × kv_heads × width`.
    pub k: &'a [E],
    /// Values, as the keys.
    pub v: &'a [E],
    /// The keys, `kv_heads × capacity × width`.
    pub k_by_head: &'a [E],
    /// The values in the same order.
    pub v_by_head: &'a [E],
    /// The keys of each head as [`blocks::Abreast`] has them.
    pub k_panels: &'a [E],
    /// The values of each head as [`blocks::Panels`] has them.
    pub v_panels: &'a [E],
    /// Output, `heads × width`.
    pub o: &'a mut [f32],
    /// Room for the scores of every head and token.
    pub scores: &'a mut [f32],
    /// Room for what tasks on parts of the tokens leave to be merged.
    pub partial: &'a mut [f32],
}

/// Owned operands.
pub struct Data<E: Cached> {
    size: Size,
    q: Buffer<f32>,
    k: Copies<E>,
    v: Copies<E>,
    k_by_head: Copies<E>,
    v_by_head: Copies<E>,
    k_panels: Copies<E>,
    v_panels: Copies<E>,
    o: Buffer<f32>,
    scores: Buffer<f32>,
    partial: Buffer<f32>,
}

impl Size {
    /// Those of a shape; none where queries do not share the cache's heads evenly, or there is nothing.
    pub fn of(s: &Shape) -> Option<Self> {
        let fits = s.parts > 0 && s.m.is_multiple_of(s.parts) && s.m > 0 && s.n > 0 && s.k > 0;
        fits.then_some(Self { heads: s.m, kv_heads: s.parts, width: s.k, tokens: s.n, capacity: s.n })
    }

    /// Query heads that share a head of the cache.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// What scores are multiplied by.
    pub fn scale(&self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// The queries that share head `kv_head` of the cache.
    pub fn queries<'a, T>(&self, q: &'a [T], kv_head: usize) -> &'a [T] {
        let each = self.group() * self.width;
        &q[kv_head * each..(kv_head + 1) * each]
    }

    /// Head `head` of a cache (keys or values) from token `first` on; tokens are `kv_heads × width` apart.
    pub fn cache<'a, E>(&self, cache: &'a [E], head: usize, first: usize) -> &'a [E] {
        &cache[(first * self.kv_heads + head) * self.width..]
    }
}

/// Orders of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `tokens × kv_heads × width`.
    ByToken,
    /// `kv_heads × capacity × width`.
    ByHead,
    /// Each head's keys as [`blocks::Abreast`] has them, its values as [`blocks::Panels`] has them.
    InPanels,
}

/// The order that a variant reads.
pub fn order(variant: &str) -> Order {
    match variant {
        "head_major" => Order::ByHead,
        "panels" | "parallel" => Order::InPanels,
        _ => Order::ByToken,
    }
}

/// Where value `c` of key `t` lies among its head's keys abreast.
pub fn place_of_key(t: usize, c: usize, width: usize) -> usize {
    (t / PANEL * width + c) * PANEL + t % PANEL
}

/// Where value `c` of token `t` lies among its head's values in panels.
pub fn place_of_value(t: usize, c: usize, width: usize) -> usize {
    let panel = c / PANEL * PANEL;
    let narrow = PANEL.min(width - panel);
    (t / BLOCK * width + panel) * BLOCK + t % BLOCK * narrow + c - panel
}

/// Largest query and key. Scores of a trained model stay within tens; huge ones pick one token, and rounding which.
pub(crate) const LARGEST: f32 = 2.0;

impl<E: Cached> Contract for AttentionDecode<E> {
    const NAME: &'static str = E::ATTENTION;
    const FOLDER: &'static str = "attention_decode";
    const ABOUT: &'static str = E::ATTENTION_ABOUT;
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
            Width::Any,
            "query heads that share a head of the cache pass over it together: each key and value is loaded once for all",
        )
        .after("simd")
        .accumulators(2),
        Variant::new::<online::Online>(
            "online",
            Width::Any,
            "a running maximum rescales what was summed before, so tokens go by in blocks and no row of scores is kept",
        )
        .after("grouped")
        .accumulators(2),
        Variant::new::<head_major::HeadMajor>(
            "head_major",
            Width::Any,
            "the cache keeps each head's tokens together, so a head streams through whole lines and pages in order",
        )
        .after("online")
        .accumulators(2),
        Variant::new::<panels::InPanels>(
            "panels",
            Width::Any,
            "the cache lies as tiles read it, keys sixteen abreast, values in panels of columns: no sums across, no strides",
        )
        .after("head_major")
        .accumulators(1),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::Any,
            "the tokens are split over every core and the parts merged by their maximums: few heads still use all cores",
        )
        .after("panels")
        .accumulators(1)
        .threads(),
    ];
    const SHADERS: &'static [Shader] = E::ATTENTION_SHADERS;
    const RUNG_0_OPERATIONS: f64 = E::RUNG_0_OPERATIONS;
    type Data = Data<E>;
    type Args<'a> = Args<'a, E>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories260k/t512", 8, 512, 8).parts(4),
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
        let bytes = size_of::<E>() as u64 * 2 * tokens * s.parts as u64 * width + 4 * 2 * heads * width;
        Cost { operations, bytes, work: Work::F32 }
    }

    // An error of a score is a relative error of its exp; the reference's magnitudes count the scores' own terms. The sum
    // over tokens rounds like a dot product, and exp adds a few units.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let sums = dot_error_bound(s.k, partial_sums) + dot_error_bound(s.n, 1);
        Tolerance { nmse: 1e-10, backward: sums + 4e-7 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<E>, ShapeError> {
        let size = Size::of(s).ok_or_else(|| ShapeError {
            kernel: Self::NAME,
            shape: format!("{} {}", s.name, Self::dims(s)),
            reason: "query heads must be a multiple of the cache's heads, and there must be a token".into(),
        })?;
        let cached = size.tokens * size.kv_heads * size.width;
        let stored = |values: Buffer<f32>| match input.flavor {
            Flavor::Blank => Buffer::zeroed(cached),
            _ => Buffer::filled(cached, |i| E::encode(values.as_slice()[i])),
        };
        let (k, v) = (stored(input.values_within(0, cached, 1.0, LARGEST)), stored(input.values(2, cached, 1.0)));
        // Value `c` of token `t` in a head's part of another order.
        let by_head = |cache: &Buffer<E>, of_head: usize, place: &dyn Fn(usize, usize) -> usize| {
            let mut ordered = Buffer::zeroed(size.kv_heads * of_head);
            if input.flavor != Flavor::Blank {
                for (i, value) in cache.as_slice().iter().enumerate() {
                    let (row, c) = (i / size.width, i % size.width);
                    let (t, head) = (row / size.kv_heads, row % size.kv_heads);
                    ordered.as_mut_slice()[head * of_head + place(t, c)] = *value;
                }
            }
            Copies::new(ordered, input)
        };
        let in_rows = |t: usize, c: usize| t * size.width + c;
        let abreast = |t: usize, c: usize| place_of_key(t, c, size.width);
        let in_panels = |t: usize, c: usize| place_of_value(t, c, size.width);
        Ok(Data {
            size,
            q: input.values_within(1, size.heads * size.width, 1.0, LARGEST),
            k_by_head: by_head(&k, size.tokens * size.width, &in_rows),
            v_by_head: by_head(&v, size.tokens * size.width, &in_rows),
            k_panels: by_head(&k, size.tokens.next_multiple_of(PANEL) * size.width, &abreast),
            v_panels: by_head(&v, size.tokens.next_multiple_of(BLOCK) * size.width, &in_panels),
            k: Copies::new(k, input),
            v: Copies::new(v, input),
            o: Buffer::zeroed(size.heads * size.width),
            scores: Buffer::zeroed(size.heads * size.tokens),
            partial: Buffer::zeroed(parallel::room(&size)),
        })
    }

    fn args(d: &mut Data<E>) -> Args<'_, E> {
        Args {
            size: d.size,
            q: d.q.as_slice(),
            k: d.k.as_slice(),
            v: d.v.as_slice(),
            k_by_head: d.k_by_head.as_slice(),
            v_by_head: d.v_by_head.as_slice(),
            k_panels: d.k_panels.as_slice(),
            v_panels: d.v_panels.as_slice(),
            o: d.o.as_mut_slice(),
            scores: d.scores.as_mut_slice(),
            partial: d.partial.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data<E>) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.q),
            Operand::Weights(&mut d.k),
            Operand::Weights(&mut d.v),
            Operand::Repacked(&mut d.k_by_head),
            Operand::Repacked(&mut d.v_by_head),
            Operand::Repacked(&mut d.k_panels),
            Operand::Repacked(&mut d.v_panels),
            Operand::Output(&mut d.o),
            Operand::Scratch(&mut d.scores),
            Operand::Scratch(&mut d.partial),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data<E>, row: usize) -> RowReference {
        let width = d.size.width;
        reference::head(&d.q.as_slice()[row * width..(row + 1) * width], d.k.as_slice(), d.v.as_slice(), &d.size, row)
    }

    fn output(d: &Data<E>, row: usize) -> Vec<f32> {
        d.o.as_slice()[row * d.size.width..(row + 1) * d.size.width].to_vec()
    }
}
