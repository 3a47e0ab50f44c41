//! Multi-head latent attention of one token (DeepSeek-V2, arXiv 2405.04434): keys and values of all `m` heads are products
//! of one latent row per cached token, `k` wide, so either the heads' own keys and values are cached ("expanded"), or the
//! latents alone, with the products moved over to the query and the output ("absorbed").
//!
//! The other widths follow from `k`, as in DeepSeek-V2-Lite and V3 (512: 64, 128, 128): `k / 8` values of a key carry the
//! position and are shared by all heads, `k / 4` do not, and a value has `k / 4`.
//!
//! One ladder makes two kernels, by what the caches are stored as: `mla_decode` (f32) and `mla_decode_bf16`. Queries,
//! matrices, products, sums and outputs are f32 in both.
//!
//! Per cached token and head the expanded form does `4 k / 4 + 2 k / 8` operations on as many values of its own; the
//! absorbed one `2 (k + k / 8) + 2 k` on values that all heads share. With f32 caches absorbing wins where a machine does
//! more than 1.7 operations in the time of a byte, with bf16 ones 3.4: 34816 against 20480 or 10240 (V2-Lite). The products
//! with the matrices beside, `k k` operations and `2 k k` bytes a head, are the same in both: of queries and outputs, or of
//! the newest token's key and value.
//!
//! What the contract is about are the latents, and the reference takes them as they are stored. Expanded keys and values are
//! products of them, rounded once when they are cached. To f32 that is one rounding among many, and the tolerance holds it.
//! In bf16 it is larger than all others together: expanded rungs of `mla_decode_bf16` are held to the reference over the keys
//! and values that they read, at the same tolerance, and the error that is told of them is that against the latents (NMSE
//! about 1e-6), as of rungs that round their inputs to bf16.

pub(crate) mod absorbed;
pub(crate) mod absorbed_online;
mod absorbed_simd;
mod element;
mod expand;
mod expanded;
mod expanded_simd;
mod latents;
mod naive;
pub(crate) mod parallel;
pub(crate) mod reference;
mod shaders;

use std::marker::PhantomData;

use crate::attention_decode::blocks::BLOCK;
use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{About, Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::Copies;

pub use element::Cached;
pub use latents::{Absorbing, Latents, PlainLatents};

/// The contract, for caches of `E`.
pub struct MlaDecode<E>(PhantomData<E>);

/// Sizes of one run.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Heads.
    pub heads: usize,
    /// Cached tokens.
    pub tokens: usize,
    /// Tokens that the expanded caches have room for.
    pub capacity: usize,
    /// Width of a latent.
    pub latent: usize,
    /// Values of a key that carry the position.
    pub rope: usize,
    /// The other values of a key.
    pub plain: usize,
    /// Values of a value.
    pub value: usize,
    /// What scores are multiplied by.
    pub scale: f32,
}

impl Size {
    /// Those of a shape, whatever they are.
    pub fn given(s: &Shape) -> Self {
        let (rope, plain) = (s.k / 8, s.k / 4);
        let scale = 1.0 / ((plain + rope) as f32).sqrt();
        Self { heads: s.m, tokens: s.n, capacity: s.n, latent: s.k, rope, plain, value: plain, scale }
    }

    /// Those of a shape whose latents are a multiple of `unit` wide.
    ///
    /// # Errors
    /// [`ShapeError`] where they are not, or there is nothing.
    pub fn of<C: Contract>(s: &Shape, unit: usize) -> Result<Self, ShapeError> {
        let size = Self::given(s);
        if size.heads > 0 && size.tokens > 0 && size.latent > 0 && size.latent.is_multiple_of(unit) {
            return Ok(size);
        }
        Err(ShapeError {
            kernel: C::NAME,
            shape: format!("{} {}", s.name, C::dims(s)),
            reason: format!("there must be a head, a token, and a latent width that is a multiple of {unit}"),
        })
    }

    /// Values of a key.
    pub fn key(&self) -> usize {
        self.plain + self.rope
    }
    /// Values cached for a token in latent form: the latent, then the part of the key that carries the position.
    pub fn row(&self) -> usize {
        self.latent + self.rope
    }
    /// Size of the matrices' values that keeps the size of what they multiply.
    pub fn unit(&self) -> f32 {
        1.0 / (self.latent as f32).sqrt()
    }
    /// Values of `scratch` that rungs need.
    pub fn room(&self) -> usize {
        parallel::room(self).max(self.heads * (2 + BLOCK).max(self.tokens))
    }
    /// Operations of attending over latents, beside making queries and outputs of them; the latter; and the values that
    /// are not in the cache: matrices, queries, outputs.
    pub fn work(&self) -> (u64, u64, u64) {
        let [heads, both, latent] = [self.heads, self.plain + self.value, self.latent].map(|n| n as u64);
        let attend = heads * self.tokens as u64 * (2 * self.row() as u64 + 2 * latent + 6);
        let (matrices, ends) = (heads * both * latent, heads * (self.key() + self.value) as u64);
        (attend, 2 * matrices, matrices + ends)
    }
}

/// Operands of one run.
pub struct Args<'a, E> {
    /// The latent form.
    pub absorbing: Absorbing<'a, PlainLatents<'a, E>>,
    /// Expanded keys, `heads × capacity × key`.
    pub keys: &'a mut [E],
    /// Expanded values, `heads × capacity × value`.
    pub values: &'a mut [E],
    /// True where these lack the newest token: expanded rungs make its keys and values of its latent.
    pub append: bool,
}

/// Owned operands.
pub struct Data<E: Cached> {
    size: Size,
    q: Buffer<f32>,
    latents: Copies<E>,
    to_key: Copies<f32>,
    to_value: Copies<f32>,
    keys: Copies<E>,
    values: Copies<E>,
    o: Buffer<f32>,
    q_latent: Buffer<f32>,
    o_latent: Buffer<f32>,
    scratch: Buffer<f32>,
}

impl<E: Cached> Contract for MlaDecode<E> {
    const NAME: &'static str = E::MLA;
    const FOLDER: &'static str = "mla_decode";
    const ABOUT: &'static str = E::MLA_ABOUT;
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "the latents are cached, and every head makes its keys and values of them anew for each token of the text",
        ),
        Variant::new::<expanded::Expanded>(
            "expanded",
            Width::Scalar,
            "each head's keys and values are cached: only the newest token's are made, for many times the memory and its bandwidth",
        )
        .after("naive")
        .expanded(),
        Variant::new::<expanded_simd::ExpandedSimd>(
            "expanded_simd",
            Width::SimdF32,
            "scores, exps and weighted sums of the expanded cache in SIMD lanes",
        )
        .after("expanded")
        .accumulators(1)
        .expanded(),
        Variant::new::<absorbed::Absorbed>(
            "absorbed",
            Width::Scalar,
            "the products move over to the query and the output, so heads attend over the latents themselves",
        )
        .after("naive"),
        Variant::new::<absorbed_simd::AbsorbedSimd>(
            "absorbed_simd",
            Width::SimdF32,
            "attention over the latents in SIMD lanes, head by head",
        )
        .after("absorbed")
        .accumulators(1),
        Variant::new::<absorbed_online::AbsorbedOnline>(
            "absorbed_online",
            Width::Any,
            "all heads pass over the latents together, block by block with a running maximum: each latent is read once",
        )
        .after("absorbed_simd")
        .accumulators(1),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::Any,
            "heads are absorbed on every core, tokens split over them, and the parts merged by their maximums",
        )
        .after("absorbed_online")
        .accumulators(1)
        .threads(),
    ];
    const SHADERS: &'static [Shader] = E::MLA_SHADERS;
    type Data = Data<E>;
    type Args<'a> = Args<'a, E>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("tiny/t64", 4, 64, 64),
            // Rung 0 of it is among what takes the tour longest: once is enough.
            Shape { tour: !E::COARSE, ..Shape::tour("deepseek-v2-lite/t32", 16, 32, 512) },
            Shape::new("deepseek-v2-lite/t1024", 16, 1024, 512),
            Shape::new("deepseek-v2-lite/t4096", 16, 4096, 512),
            Shape::new("deepseek-v3/t1024", 128, 1024, 512),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1, 8), (2, 5, 16), (3, 33, 24), (5, 70, 64), (4, 300, 40)];
        sizes.into_iter().map(|(heads, tokens, latent)| Shape::new("test", heads, tokens, latent)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m.clamp(1, 6), n.max(1), (k / 4).next_multiple_of(8).max(8))
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}, {} tokens", s.m, s.k, s.n)
    }

    // The lesser of both forms on either side. Attending over latents takes making queries and outputs of them beside, the
    // expanded form making the newest token's keys and values: as many products with the same matrices. What is left is the
    // latents, or each head's own keys and values.
    fn cost(s: &Shape) -> Cost {
        let size = Size::given(s);
        let (attend, absorb, others) = size.work();
        let stored = size_of::<E>() as u64;
        let (heads, tokens, row) = (size.heads as u64, size.tokens as u64, size.row() as u64);
        let cached = heads * (size.key() + size.value) as u64;
        let operations = attend.min(tokens * (2 * cached + 6 * heads)) + absorb;
        let bytes = 4 * others + stored * (tokens * row).min(tokens * cached + row);
        Cost { operations, bytes, work: Work::F32 }
    }

    // Rung 0 makes a key and a value of every token for every head, each a product with the latent, whose values take what
    // they take to load.
    fn rung_0_operations(s: &Shape) -> f64 {
        let size = Size::given(s);
        let (plain, latent, rope) = (size.plain as f64, size.latent as f64, size.rope as f64);
        let term = 2.0 * E::RUNG_0_OPERATIONS;
        let per_token = 2.0 * plain * (term * latent + 2.0) + term * rope + 6.0;
        (s.m * s.n) as f64 * per_token / Self::cost(s).operations as f64
    }

    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let products = dot_error_bound(s.k + s.k / 8, partial_sums) + dot_error_bound(s.k, partial_sums);
        Tolerance { nmse: 1e-10, backward: products + dot_error_bound(s.n, 1) + 4e-7 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<E>, ShapeError> {
        let size = Size::of::<Self>(s, 8)?;
        let matrix = size.heads * size.plain * size.latent;
        let unit = size.unit();
        let latents = input.encoded(0, size.tokens * size.row(), 1.0, |x| E::encode(x.clamp(-1.0, 1.0)));
        let (to_key, to_value) =
            (input.values_within(2, matrix, unit, unit), input.values_within(3, matrix, unit, unit));
        let (keys, values) = expand::expand(&size, &latents, &to_key, &to_value, input.flavor == Flavor::Blank);
        Ok(Data {
            size,
            q: input.values_within(1, size.heads * size.key(), 1.0, 1.0),
            latents: Copies::new(latents, input),
            to_key: Copies::new(to_key, input),
            to_value: Copies::new(to_value, input),
            keys: Copies::new(keys, input),
            values: Copies::new(values, input),
            o: Buffer::zeroed(size.heads * size.value),
            q_latent: Buffer::zeroed(size.heads * size.row()),
            o_latent: Buffer::zeroed(size.heads * size.latent),
            scratch: Buffer::zeroed(size.room()),
        })
    }

    fn args(d: &mut Data<E>) -> Args<'_, E> {
        Args {
            absorbing: Absorbing {
                size: d.size,
                q: d.q.as_slice(),
                latents: PlainLatents { size: d.size, data: d.latents.as_slice() },
                to_key: d.to_key.as_slice(),
                to_value: d.to_value.as_slice(),
                o: d.o.as_mut_slice(),
                q_latent: d.q_latent.as_mut_slice(),
                o_latent: d.o_latent.as_mut_slice(),
                scratch: d.scratch.as_mut_slice(),
            },
            keys: d.keys.as_mut_slice(),
            values: d.values.as_mut_slice(),
            append: true,
        }
    }

    fn operands(d: &mut Data<E>) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.q),
            Operand::Weights(&mut d.latents),
            Operand::Weights(&mut d.to_key),
            Operand::Weights(&mut d.to_value),
            Operand::Expanded(&mut d.keys),
            Operand::Expanded(&mut d.values),
            Operand::Output(&mut d.o),
            Operand::Scratch(&mut d.q_latent),
            Operand::Scratch(&mut d.o_latent),
            Operand::Scratch(&mut d.scratch),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data<E>, row: usize) -> RowReference {
        let width = d.size.row();
        let latent = |t: usize| -> Vec<f64> {
            d.latents.as_slice()[t * width..(t + 1) * width].iter().map(|x| x.decode()).collect()
        };
        reference::head(&d.size, d.q.as_slice(), (d.to_key.as_slice(), d.to_value.as_slice()), row, latent)
    }

    fn reference_as_cached(about: &About) -> Option<fn(&Data<E>, usize) -> RowReference> {
        (E::COARSE && about.expanded).then_some(reference::expanded)
    }

    fn output(d: &Data<E>, row: usize) -> Vec<f32> {
        let value = d.size.value;
        d.o.as_slice()[row * value..(row + 1) * value].to_vec()
    }
}
