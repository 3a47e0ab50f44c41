//! The attention in multi-head latent attention (DeepSeek-V2, arXiv 2405.04434) of several sequences at once, over latents
//! in f16: `m` queries of a sequence, already in latent form, attend over its `n` cached rows, and `parts` sequences are
//! decoded together. It is `mla_decode` without the products on either side, as FlashMLA takes it (which stores bf16; no
//! matrix unit that WGSL reaches has that): all heads share one row a token, `k` values of latent, which are also the
//! values that are weighed, and `k / 8` behind them that carry the position. With many heads it is a race for products,
//! with few for bytes.

mod naive;
pub(crate) mod online;
mod reference;
mod shaders;

use half::f16;

use crate::attention_decode::blocks::{BLOCK, Plain};
use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::mla_decode::Size;
use crate::operand::Operand;
use crate::weights::Copies;

/// The contract.
pub struct MlaAttend;

/// Operands of one run.
pub struct Args<'a> {
    /// Sizes of one sequence.
    pub size: Size,
    /// Sequences.
    pub sequences: usize,
    /// Queries in latent form, `sequences × heads × row`.
    pub q: &'a [f16],
    /// Latent caches, `sequences × tokens × row`.
    pub latents: &'a [f16],
    /// Outputs in latent form, `sequences × heads × latent`.
    pub o: &'a mut [f32],
    /// Room for a sequence's queries in f32 and its scores.
    pub scratch: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    size: Size,
    sequences: usize,
    q: Buffer<f16>,
    latents: Copies<f16>,
    o: Buffer<f32>,
    scratch: Buffer<f32>,
}

/// Keys and values of one sequence: rows, and rows without what carries the position.
fn rows<'a>(latents: &'a [f16], size: &Size, sequence: usize) -> (Plain<'a, f16>, Plain<'a, f16>) {
    let (stride, count) = (size.row(), size.tokens);
    let data = &latents[sequence * count * stride..(sequence + 1) * count * stride];
    let rows = |width| Plain { data, stride, width, count };
    (rows(stride), rows(size.latent))
}

/// What a latent's width is a multiple of: a row is then whole fours of f16.
const UNIT: usize = 32;
/// The widest latent that shaders have room for: DeepSeek's.
const WIDEST: usize = 512;

/// Sizes of one sequence.
fn sizes(s: &Shape) -> Result<Size, ShapeError> {
    if s.parts == 0 || s.k > WIDEST {
        return Err(ShapeError {
            kernel: MlaAttend::NAME,
            shape: format!("{} {}", s.name, MlaAttend::dims(s)),
            reason: format!("there must be a sequence, and a latent of at most {WIDEST} values"),
        });
    }
    Size::of::<MlaAttend>(s, UNIT)
}

impl Contract for MlaAttend {
    const NAME: &'static str = "mla_attend_f16";
    const FOLDER: &'static str = "mla_attend";
    const ABOUT: &'static str = "o[heads] = softmax(q C^T) C over one f16 latent per token, several sequences: DeepSeek's attention as GPUs do it";
    // Few rungs on processors, to check shaders against: `mla_decode` has the ladder.
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "head by head: all scores over the latents, the C library's softmax, then the weighted sum of the latents",
        ),
        Variant::new::<online::Online>(
            "online",
            Width::SimdF32,
            "all heads of a sequence pass over its latents together in blocks, with running maximums: each is read once",
        )
        .after("naive")
        .accumulators(1),
    ];
    const SHADERS: &'static [Shader] = shaders::LADDER;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("deepseek-v2-lite/t256", 16, 256, 512),
            Shape::new("deepseek-v3/t4096", 128, 4096, 512),
            // Eight sequences decoded at once.
            Shape::new("deepseek-v2-lite/t4096-batch", 16, 4096, 512).parts(8),
            Shape::new("deepseek-v3/t4096-batch", 128, 4096, 512).parts(8),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let ragged =
            [(1, 1, 32, 1), (2, 5, 64, 3), (3, 33, 32, 1), (17, 70, 96, 2), (5, 128, 160, 1), (2, 300, 128, 2)];
        // The whole width, and more heads and tokens than any tile has.
        let whole = [(9, 130, 512, 1), (66, 65, 288, 1)];
        let all = ragged.into_iter().chain(whole);
        all.map(|(heads, tokens, latent, sequences)| Shape::new("test", heads, tokens, latent).parts(sequences))
            .collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        let latent = (k / 2).next_multiple_of(UNIT).clamp(UNIT, WIDEST);
        Shape::new("near", m.max(1), n.max(1), latent).parts(m % 3 + 1)
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}, {} tokens of {}", s.m, s.k, s.n, s.parts)
    }

    fn cost(s: &Shape) -> Cost {
        let size = Size::given(s);
        let [sequences, heads, tokens] = [s.parts, s.m, s.n].map(|n| n as u64);
        let (row, latent) = (size.row() as u64, size.latent as u64);
        // Per score: its product, scale, compare, subtract, exp, add, normalise, and the weighted latent.
        let operations = sequences * heads * tokens * (2 * row + 2 * latent + 6);
        let bytes = sequences * (2 * (tokens + heads) * row + 4 * heads * latent);
        Cost { operations, bytes, work: Work::F16 }
    }

    // Sums are f32: as for attention over f32.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let sums = dot_error_bound(s.k + s.k / 8, partial_sums) + dot_error_bound(s.n, 1);
        Tolerance { nmse: 1e-10, backward: sums + 4e-7 }
    }

    // On GPUs a weight may be rounded to f16 before it meets a latent: matrix units take both sides in it, and FlashMLA
    // rounds to bf16 there. Each weight is then off by up to 2^-11 of itself, and an output by as much of its magnitude.
    fn foreign_tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let exact = Self::tolerance(s, partial_sums);
        Tolerance { nmse: ROUNDED * ROUNDED, backward: exact.backward + ROUNDED }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let size = sizes(s)?;
        let (heads, row) = (size.heads, size.row());
        let tame = |x: f32| f16::from_f32(x.clamp(-1.0, 1.0));
        Ok(Data {
            size,
            sequences: s.parts,
            q: input.encoded(1, s.parts * heads * row, 1.0, tame),
            latents: Copies::new(input.encoded(0, s.parts * size.tokens * row, 1.0, tame), input),
            o: Buffer::zeroed(s.parts * heads * size.latent),
            scratch: Buffer::zeroed(size.tokens.max(heads * (row + 2 + BLOCK))),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            size: d.size,
            sequences: d.sequences,
            q: d.q.as_slice(),
            latents: d.latents.as_slice(),
            o: d.o.as_mut_slice(),
            scratch: d.scratch.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.q),
            Operand::Weights(&mut d.latents),
            Operand::Output(&mut d.o),
            Operand::Scratch(&mut d.scratch),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.parts * s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let (width, cache) = (d.size.row(), d.size.tokens * d.size.row());
        let sequence = row / d.size.heads;
        let latents = &d.latents.as_slice()[sequence * cache..(sequence + 1) * cache];
        reference::head(&d.size, &d.q.as_slice()[row * width..(row + 1) * width], latents)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        let latent = d.size.latent;
        d.o.as_slice()[row * latent..(row + 1) * latent].to_vec()
    }
}

/// Half of the last place of an f16, beside the number.
const ROUNDED: f64 = 1.0 / 2048.0;
