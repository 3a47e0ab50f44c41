//! Attention of one token over a cache in q8_0: `o[h] = softmax(q[h] K^T / sqrt(width)) V`, keys and values in blocks of 32
//! with one scale, head by head, and the query quantized the same way once before. As `attention_decode` in little more
//! than a quarter of the bytes; what was a race for bytes becomes one for taking them apart. `keys.rs` holds the cache.

mod grouped;
mod integer;
mod keys;
mod keys_abreast;
mod naive;
mod online;
mod parallel;
mod reference;
mod simd;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86_vnni;
#[cfg(target_arch = "x86_64")]
mod x86_vnni_parallel;

use bytemuck::Zeroable;

use crate::activations::Activations;
use crate::attention_decode::{LARGEST, Size, parallel::room};
use crate::compare::dot_error_bound;
use crate::dtype::Block;
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::{Copies, within_f16_scales};

use keys::{BlockRows, GroupDots};
pub use keys::{Group, Queries, TOKENS};

/// The contract.
pub struct AttentionDecodeQ8;

/// Operands of one run.
pub struct Args<'a> {
    /// Sizes.
    pub size: Size,
    /// Queries, `heads × width`, quantized.
    pub q: Queries<'a>,
    /// The same queries as f32, `scale * quant` rounded, for rungs that compute in f32.
    pub q_values: &'a [f32],
    /// Keys, `kv_heads × capacity × width`.
    pub k: &'a [BlockQ8_0],
    /// Values, as the keys.
    pub v: &'a [BlockQ8_0],
    /// The keys, sixteen tokens abreast: `kv_heads × capacity / 16 × width / 32` groups, rounded up.
    pub k_groups: &'a [Group],
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
    q: Activations,
    k: Copies<BlockQ8_0>,
    v: Copies<BlockQ8_0>,
    k_groups: Copies<Group>,
    o: Buffer<f32>,
    scores: Buffer<f32>,
    partial: Buffer<f32>,
}

impl<'a> Args<'a> {
    #[inline(always)]
    fn rows(&self, cache: &'a [BlockQ8_0], kv_head: usize) -> BlockRows<'a> {
        let (blocks, count) = (self.size.width / BLOCK_LEN, self.size.tokens);
        let first = kv_head * self.size.capacity * blocks;
        BlockRows { data: &cache[first..first + count * blocks], blocks, count }
    }

    /// The keys of one head of the cache.
    #[inline(always)]
    fn keys(&self, kv_head: usize) -> BlockRows<'a> {
        self.rows(self.k, kv_head)
    }

    /// Its values.
    #[inline(always)]
    fn values(&self, kv_head: usize) -> BlockRows<'a> {
        self.rows(self.v, kv_head)
    }

    /// The queries that share it.
    #[inline(always)]
    fn queries(&self, kv_head: usize) -> Queries<'a> {
        let group = self.size.group();
        self.q.part(&self.size, kv_head * group..(kv_head + 1) * group)
    }

    /// Those queries before its keys abreast.
    #[inline(always)]
    fn abreast(&self, kv_head: usize) -> GroupDots<'a> {
        let (blocks, count) = (self.size.width / BLOCK_LEN, self.size.tokens);
        let groups = self.size.capacity.div_ceil(TOKENS) * blocks;
        let k = &self.k_groups[kv_head * groups..(kv_head + 1) * groups];
        GroupDots { q: self.queries(kv_head), k, blocks, count }
    }
}

/// Tokens after which rows of blocks begin a cache line again, whatever their number of blocks.
const TOKENS_PER_PERIOD: usize = 32;

/// What a sum counts for in the error bound of a score: rungs above the first round once or twice a block.
const BLOCK_SUMS: usize = 8;

impl Contract for AttentionDecodeQ8 {
    const NAME: &'static str = "attention_decode_q8";
    const ABOUT: &'static str =
        "o[heads] = softmax(q K^T / sqrt(width)) V over a cache in q8_0, i8 queries: one token's attention";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "head by head, each key and value of the cache becomes f32 by its block's scale and is used once",
        ),
        Variant::new::<integer::Integer>(
            "integer",
            Width::Scalar,
            "the query is i8 too, so a block's products sum up as integers; a value's block is scaled by its weight, once",
        )
        .after("naive")
        .accumulators(BLOCK_SUMS),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdMadd,
            "the pairwise i16 multiply-add makes scores, and values become f32 a register at a time",
        )
        .after("integer")
        .accumulators(BLOCK_SUMS),
        Variant::new::<grouped::Grouped>(
            "grouped",
            Width::SimdMadd,
            "query heads that share a head of the cache pass over it together: each value is made f32 once for all",
        )
        .after("simd")
        .accumulators(BLOCK_SUMS),
        Variant::new::<online::Online>(
            "online",
            Width::SimdMadd,
            "a running maximum rescales what was summed before, so tokens go by in blocks and no row of scores is kept",
        )
        .after("grouped")
        .accumulators(BLOCK_SUMS),
        Variant::new::<keys_abreast::KeysAbreast>(
            "keys_abreast",
            Width::SimdMadd,
            "keys lie sixteen abreast by four bytes, so the byte dot product makes sixteen scores and their scales are a vector",
        )
        .after("online")
        .accumulators(BLOCK_SUMS),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdMadd,
            "the tokens are split over every core and the parts merged by their maximums",
        )
        .after("keys_abreast")
        .accumulators(BLOCK_SUMS)
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_vnni", crate::machine::Isa::Avx512, x86_vnni::IDEA, x86_vnni::run)
            .after("keys_abreast")
            .accumulators(BLOCK_SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_vnni_parallel",
            crate::machine::Isa::Avx512,
            x86_vnni_parallel::IDEA,
            x86_vnni_parallel::run,
        )
        .after("x86_vnni")
        .accumulators(BLOCK_SUMS)
        .threads(),
    ];
    // Rung 0 multiplies each key and value by its scale.
    const RUNG_0_OPERATIONS: f64 = 1.5;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("stories110m/t256", 12, 256, 64).parts(12),
            Shape::tour("r1-distill-qwen-1.5b/t1024", 12, 1024, 128).parts(2),
            Shape::new("r1-distill-qwen-1.5b/t4096", 12, 4096, 128).parts(2),
            Shape::new("r1-distill-llama-8b/t4096", 32, 4096, 128).parts(8),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [
            (1, 1, 1, 32),
            (2, 2, 5, 32),
            (4, 1, 33, 64),
            (6, 2, 70, 96),
            (5, 1, 129, 64),
            (12, 2, 300, 128),
            (8, 4, 600, 32),
        ];
        sizes.into_iter().map(|(heads, kv, t, width)| Shape::new("test", heads, t, width).parts(kv)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        let parts = m % 3 + 1;
        let width = k.next_multiple_of(BLOCK_LEN).max(BLOCK_LEN);
        Shape::new("near", m.next_multiple_of(parts).max(parts), n.max(1), width).parts(parts)
    }

    fn dims(s: &Shape) -> String {
        format!("{}/{}×{}, {} tokens", s.m, s.parts, s.k, s.n)
    }

    fn cost(s: &Shape) -> Cost {
        let (heads, tokens, width) = (s.m as u64, s.n as u64, s.k as u64);
        let blocks = width / BLOCK_LEN as u64;
        let cache = size_of::<BlockQ8_0>() as u64 * 2 * tokens * s.parts as u64 * blocks;
        // As for a cache in f32. Half of it may be i8.
        let operations = heads * tokens * (4 * width + 6);
        Cost { operations, bytes: cache + heads * (width + 4 * blocks + 4 * width), work: Work::I8 }
    }

    // As for a cache in f32, and two units more: products with scales are rounded, of keys and of values.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let sums = dot_error_bound(s.k, partial_sums) + dot_error_bound(s.n, 1);
        Tolerance { nmse: 1e-9, backward: sums + 4e-7 + 2.0 * 2f64.powi(-24) }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let size = Size::of(s).filter(|size| size.width.is_multiple_of(BLOCK_LEN)).ok_or_else(|| ShapeError {
            kernel: Self::NAME,
            shape: format!("{} {}", s.name, Self::dims(s)),
            reason:
                "query heads must be a multiple of the cache's heads, there must be a token, and the width must be a \
                     multiple of 32, the values of a Q8_0 block"
                    .into(),
        })?;
        let blocks = size.width / BLOCK_LEN;
        let rows = size.kv_heads * size.tokens;
        let stored = |mut values: Buffer<f32>| {
            if input.flavor == Flavor::Blank {
                return Buffer::zeroed(rows * blocks);
            }
            values.as_mut_slice().iter_mut().for_each(|v| *v = within_f16_scales(*v, <BlockQ8_0 as Block>::LARGEST));
            Buffer::filled(rows * blocks, |b| BlockQ8_0::encode(&values.as_slice()[b * BLOCK_LEN..(b + 1) * BLOCK_LEN]))
        };
        let k: Buffer<BlockQ8_0> = stored(input.values_within(0, rows * size.width, 1.0, LARGEST));
        let v = stored(input.values(2, rows * size.width, 1.0));
        let of_head = size.tokens.div_ceil(TOKENS);
        let key = |head: usize, t: usize, b: usize| {
            if t < size.tokens { k.as_slice()[(head * size.tokens + t) * blocks + b] } else { BlockQ8_0::zeroed() }
        };
        let group = |i: usize| {
            let (row, b) = (i / blocks, i % blocks);
            let (head, first) = (row / of_head, row % of_head * TOKENS);
            Group::interleave(&std::array::from_fn(|t| key(head, first + t, b)))
        };
        let groups = size.kv_heads * of_head * blocks;
        let k_groups = match input.flavor {
            Flavor::Blank => Buffer::zeroed(groups),
            _ => Buffer::filled(groups, group),
        };
        let q = input.values_within(1, size.heads * size.width, 1.0, LARGEST);
        Ok(Data {
            size,
            q: Activations::of(q.as_slice(), BLOCK_LEN, BLOCK_LEN),
            k_groups: Copies::new(k_groups, input),
            k: Copies::new(k, input),
            v: Copies::new(v, input),
            o: Buffer::zeroed(size.heads * size.width),
            scores: Buffer::zeroed(size.heads * size.tokens),
            partial: Buffer::zeroed(room(&size)),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            size: d.size,
            q: Queries { quants: d.q.quants.as_slice(), scales: d.q.scales.as_slice() },
            q_values: d.q.values.as_slice(),
            k: d.k.as_slice(),
            v: d.v.as_slice(),
            k_groups: d.k_groups.as_slice(),
            o: d.o.as_mut_slice(),
            scores: d.scores.as_mut_slice(),
            partial: d.partial.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.q.quants),
            Operand::Input(&mut d.q.scales),
            Operand::Input(&mut d.q.values),
            Operand::Weights(&mut d.k),
            Operand::Weights(&mut d.v),
            Operand::Repacked(&mut d.k_groups),
            Operand::Output(&mut d.o),
            Operand::Scratch(&mut d.scores),
            Operand::Scratch(&mut d.partial),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        reference::head(d, row)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        d.o.as_slice()[row * d.size.width..(row + 1) * d.size.width].to_vec()
    }
}
