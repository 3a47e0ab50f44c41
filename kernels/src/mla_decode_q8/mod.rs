//! Multi-head latent attention of one token over a latent cache in i8: `mla_decode`'s absorbed form in a little more than a
//! quarter of the bytes. Of a latent 128 values share an f32 scale, and the part of the key with the position in it stays
//! bf16: the row of FlashMLA's FP8 cache (512 values, 4 scales, 64 bf16: 656 bytes) with i8 for e4m3. Queries, matrices
//! and sums are f32. `latents.rs` holds the cache; the passes over it are those of `mla_decode`.

mod latents;
mod naive;
mod online;
mod parallel;
mod reference;
mod simd;

use half::bf16;

use crate::activations::Activations;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::mla_decode::{Absorbing, MlaDecode, Size};
use crate::operand::Operand;
use crate::weights::Copies;

pub use latents::{QuantizedLatents, RUN};

/// The contract.
pub struct MlaDecodeQ8;

/// Operands of one run.
pub type Args<'a> = Absorbing<'a, QuantizedLatents<'a>>;

/// Owned operands.
pub struct Data {
    size: Size,
    q: Buffer<f32>,
    quants: Copies<i8>,
    scales: Copies<f32>,
    rope: Copies<bf16>,
    to_key: Copies<f32>,
    to_value: Copies<f32>,
    o: Buffer<f32>,
    q_latent: Buffer<f32>,
    o_latent: Buffer<f32>,
    scratch: Buffer<f32>,
}

impl Contract for MlaDecodeQ8 {
    const NAME: &'static str = "mla_decode_q8";
    const ABOUT: &'static str =
        "o[heads] = softmax(q K^T) V, K and V products of one latent per token, cached in i8: DeepSeek's attention";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "head by head, latents become f32 by their scales wherever they are used: every latent twice for every head",
        ),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "latents become f32 in SIMD lanes, still for one head after the other",
        )
        .after("naive"),
        Variant::new::<online::Online>(
            "online",
            Width::SimdF32,
            "several heads share each latent that is made f32, and all pass over the cache together with running maximums",
        )
        .after("simd"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdF32,
            "heads are absorbed on every core, tokens split over them, and the parts merged by their maximums",
        )
        .after("online")
        .threads(),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("deepseek-v2-lite/t32", 16, 32, 512),
            Shape::new("deepseek-v2-lite/t1024", 16, 1024, 512),
            Shape::new("deepseek-v3/t1024", 128, 1024, 512),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1, 128), (2, 5, 128), (3, 33, 256), (7, 70, 128), (4, 300, 128)];
        sizes.into_iter().map(|(heads, tokens, latent)| Shape::new("test", heads, tokens, latent)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m.clamp(1, 6), n.max(1), k.clamp(1, 200).next_multiple_of(RUN))
    }

    fn dims(s: &Shape) -> String {
        MlaDecode::<f32>::dims(s)
    }

    fn cost(s: &Shape) -> Cost {
        let size = Size::given(s);
        let (attend, absorb, others) = size.work();
        let token = size.latent + 4 * (size.latent / RUN) + 2 * size.rope;
        Cost { operations: attend + absorb, bytes: (size.tokens * token) as u64 + 4 * others, work: Work::F32 }
    }

    // Rung 0 scales every latent twice for every head, and shifts every bf16 to its place.
    fn rung_0_operations(s: &Shape) -> f64 {
        let size = Size::given(s);
        let more = (size.heads * size.tokens * (2 * size.latent + size.rope)) as f64;
        1.0 + more / Self::cost(s).operations as f64
    }

    // One unit more than over latents in f32: values times scales are rounded.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let over_f32 = MlaDecode::<f32>::tolerance(s, partial_sums);
        Tolerance { backward: over_f32.backward + 2f64.powi(-24), ..over_f32 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let size = Size::of::<Self>(s, RUN)?;
        let matrix = size.heads * size.plain * size.latent;
        let unit = size.unit();
        let latents = input.values_within(0, size.tokens * size.latent, 1.0, 1.0);
        let Activations { quants, scales, .. } = Activations::of(latents.as_slice(), RUN, RUN);
        let rope = input.values_within(4, size.tokens * size.rope, 1.0, 1.0);
        let rope = Buffer::filled(rope.as_slice().len(), |i| bf16::from_f32(rope.as_slice()[i]));
        Ok(Data {
            size,
            q: input.values_within(1, size.heads * size.key(), 1.0, 1.0),
            quants: Copies::new(quants, input),
            scales: Copies::new(scales, input),
            rope: Copies::new(rope, input),
            to_key: Copies::new(input.values_within(2, matrix, unit, unit), input),
            to_value: Copies::new(input.values_within(3, matrix, unit, unit), input),
            o: Buffer::zeroed(size.heads * size.value),
            q_latent: Buffer::zeroed(size.heads * size.row()),
            o_latent: Buffer::zeroed(size.heads * size.latent),
            scratch: Buffer::zeroed(size.room()),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Absorbing {
            size: d.size,
            q: d.q.as_slice(),
            latents: QuantizedLatents {
                size: d.size,
                quants: d.quants.as_slice(),
                scales: d.scales.as_slice(),
                rope: d.rope.as_slice(),
            },
            to_key: d.to_key.as_slice(),
            to_value: d.to_value.as_slice(),
            o: d.o.as_mut_slice(),
            q_latent: d.q_latent.as_mut_slice(),
            o_latent: d.o_latent.as_mut_slice(),
            scratch: d.scratch.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.q),
            Operand::Weights(&mut d.quants),
            Operand::Weights(&mut d.scales),
            Operand::Weights(&mut d.rope),
            Operand::Weights(&mut d.to_key),
            Operand::Weights(&mut d.to_value),
            Operand::Output(&mut d.o),
            Operand::Scratch(&mut d.q_latent),
            Operand::Scratch(&mut d.o_latent),
            Operand::Scratch(&mut d.scratch),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        reference::head(d, row)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        let value = d.size.value;
        d.o.as_slice()[row * value..(row + 1) * value].to_vec()
    }
}
