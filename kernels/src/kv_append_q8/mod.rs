//! Appending to a cache in q8_0: the keys and values of `m` new tokens, f32 as the projections leave them (`parts` heads of
//! `k` values a token), go to the end of caches that keep each head's tokens together and have room for `n`. A cache of
//! little more than a quarter of the bytes costs this much at every token. `block.rs` holds the rounding that all rungs
//! share.
//!
//! Blocks are exact, not near: `d = max|x| / 127`, `q = x * (1 / d)` to the nearest integer, halves to even, in f32, and `d`
//! stored as f16. ggml's reference rounds halves away from zero, its SIMD code to even; they differ nowhere else. Blocks
//! whose `d` is below 2⁻⁶⁴ are zeros. No rung uses threads: a token's keys and values are a few kilobytes.

mod block;
mod in_lanes;
mod naive;
mod reference;
mod scales_together;

use crate::dtype::Block;
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::within_f16_scales;

/// The contract.
pub struct KvAppendQ8;

/// Sizes of one run.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// New tokens.
    pub tokens: usize,
    /// Tokens that the caches have room for.
    pub capacity: usize,
    /// Place of the first new token.
    pub first: usize,
    /// Heads of keys and values.
    pub heads: usize,
    /// Blocks of a head's key or value.
    pub blocks: usize,
}

impl Size {
    /// Blocks of a new token's keys, or values.
    pub fn of_token(&self) -> usize {
        self.heads * self.blocks
    }

    /// Where block `b` of a new token, counted through its heads, goes in a cache.
    #[inline(always)]
    pub fn place(&self, token: usize, b: usize) -> usize {
        let (head, b) = (b / self.blocks, b % self.blocks);
        (head * self.capacity + self.first + token) * self.blocks + b
    }
}

/// Operands of one run.
pub struct Args<'a> {
    /// Sizes.
    pub size: Size,
    /// New keys, `tokens × heads × width`.
    pub k: &'a [f32],
    /// New values, as the keys.
    pub v: &'a [f32],
    /// Cache of keys, `heads × capacity × width`.
    pub k_cache: &'a mut [BlockQ8_0],
    /// Cache of values, as that of keys.
    pub v_cache: &'a mut [BlockQ8_0],
    /// Room for two numbers of each block of a token's keys and values.
    pub room: &'a mut [f32],
}

/// Values of `room` that rungs need.
pub fn room(size: &Size) -> usize {
    scales_together::room(size)
}

/// Owned operands.
pub struct Data {
    size: Size,
    k: Buffer<f32>,
    v: Buffer<f32>,
    k_cache: Buffer<BlockQ8_0>,
    v_cache: Buffer<BlockQ8_0>,
    room: Buffer<f32>,
}

impl Contract for KvAppendQ8 {
    const NAME: &'static str = "kv_append_q8";
    const ABOUT: &'static str =
        "the keys and values of m new tokens, f32, quantized to the end of a cache in q8_0, head by head";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "block by block, value by value: the largest, then the scale, then the quants",
        ),
        Variant::new::<in_lanes::InLanes>(
            "in_lanes",
            Width::SimdF32,
            "a block is a few registers: the largest by one reduction, quants a register at a time",
        )
        .after("naive"),
        Variant::new::<scales_together::ScalesTogether>(
            "scales_together",
            Width::SimdF32,
            "the largest of every block of a token's keys and values first, then all scales in lanes: few divisions, no waiting",
        )
        .after("in_lanes"),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("r1-distill-qwen-1.5b/append-1", 1, 1024, 128).parts(2),
            Shape::new("r1-distill-qwen-1.5b/append-512", 512, 1024, 128).parts(2),
            Shape::new("r1-distill-llama-8b/append-1", 1, 4096, 128).parts(8),
            Shape::new("r1-distill-llama-8b/append-512", 512, 4096, 128).parts(8),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(0, 4, 1, 32), (1, 1, 1, 32), (1, 7, 3, 64), (5, 9, 2, 96), (33, 40, 4, 128)];
        sizes.into_iter().map(|(m, n, heads, width)| Shape::new("test", m, n, width).parts(heads)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m, n.max(m), k.max(1).next_multiple_of(BLOCK_LEN)).parts(m % 3 + 1)
    }

    fn dims(s: &Shape) -> String {
        format!("{} of {} tokens, {}×{}", s.m, s.n, s.parts, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let values = (2 * s.m * s.parts * s.k) as u64;
        let blocks = values / BLOCK_LEN as u64;
        // Of a value its magnitude, a comparison, a product; of a block the scale, its least, its inverse.
        let operations = 3 * values + 3 * blocks;
        Cost { operations, bytes: 4 * values + size_of::<BlockQ8_0>() as u64 * blocks, work: Work::F32 }
    }

    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 0.0, backward: 0.0 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        if s.parts == 0 || s.k == 0 || !s.k.is_multiple_of(BLOCK_LEN) || s.m > s.n {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: "the width must be a multiple of 32, the values of a Q8_0 block, and the cache must have room"
                    .into(),
            });
        }
        let size = Size { tokens: s.m, capacity: s.n, first: s.n - s.m, heads: s.parts, blocks: s.k / BLOCK_LEN };
        let stored = |stream: u64| {
            let mut values = input.values(stream, s.m * s.parts * s.k, 1.0);
            if input.flavor != Flavor::Blank {
                values
                    .as_mut_slice()
                    .iter_mut()
                    .for_each(|v| *v = within_f16_scales(*v, <BlockQ8_0 as Block>::LARGEST));
            }
            values
        };
        let cache = size.heads * size.capacity * size.blocks;
        Ok(Data {
            size,
            k: stored(0),
            v: stored(1),
            k_cache: Buffer::zeroed(cache),
            v_cache: Buffer::zeroed(cache),
            room: Buffer::zeroed(room(&size)),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            size: d.size,
            k: d.k.as_slice(),
            v: d.v.as_slice(),
            k_cache: d.k_cache.as_mut_slice(),
            v_cache: d.v_cache.as_mut_slice(),
            room: d.room.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.k),
            Operand::Input(&mut d.v),
            Operand::Output(&mut d.k_cache),
            Operand::Output(&mut d.v_cache),
            Operand::Scratch(&mut d.room),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let of_token = d.size.of_token() * BLOCK_LEN;
        let at = row * of_token..(row + 1) * of_token;
        reference::token(&d.k.as_slice()[at.clone()], &d.v.as_slice()[at])
    }

    /// Scale and quants of each block, of keys and then of values.
    fn output(d: &Data, row: usize) -> Vec<f32> {
        let caches = [d.k_cache.as_slice(), d.v_cache.as_slice()];
        let blocks = caches.iter().flat_map(|cache| (0..d.size.of_token()).map(|b| &cache[d.size.place(row, b)]));
        blocks.flat_map(|b| std::iter::once(b.d.to_f32()).chain(b.qs.map(f32::from))).collect()
    }
}
