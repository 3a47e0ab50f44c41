//! GEMV of weights -1, 0 and 1: `y[n] = W[n, k] x[k]`, weights in TQ2_0 blocks of 256, activations i8, quantized once
//! before. Nothing needs multiplying, so the ladder forks: sums looked up in tables made of the activations (T-MAC, arXiv
//! 2407.00088; bitnet.cpp), which wins where a multiply is slow, and byte dot products of sixteen interleaved rows
//! (ik_llama.cpp's IQ2_BN_R4), which win where one instruction does many.
//!
//! Rungs without tables are those of [`crate::gemv_packed`] over the format in `tq2_0.rs`.

mod add_sub;
mod base3;
mod integer;
mod interleaved;
mod lut;
mod lut_shuffle;
mod naive;
mod parallel;
mod reference;
#[cfg(test)]
mod tests;
mod tq2_0;
#[cfg(target_arch = "x86_64")]
mod x86_vnni;
#[cfg(target_arch = "x86_64")]
mod x86_vnni_parallel;

use crate::activations::Activations;
use crate::dtype::tq1_0::BlockTq1_0;
use crate::dtype::tq2_0::{BLOCK_LEN, BlockTq2_0};
use crate::gemv_packed::{self, GemvPacked};
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width};
use crate::model::Dtype;
use crate::operand::Operand;
use crate::weights::{Copies, Source, Weights};

/// The contract.
pub struct GemvTernary;

/// The contract of the rungs that other packed formats have too.
type Packed = GemvPacked<BlockTq2_0>;

/// Operands of one run.
pub struct Args<'a> {
    /// Weights in TQ2_0 blocks and interleaved, activations, output.
    pub packed: gemv_packed::Args<'a, BlockTq2_0>,
    /// The same weights in TQ1_0 blocks.
    pub base3: &'a [BlockTq1_0],
    /// The same weights as bits, 64 rows interleaved.
    pub planes: &'a [lut_shuffle::Planes],
    /// Room for tables of sums of half a block.
    pub tables: &'a mut [i32],
    /// Room for tables of bytes, [`lut_shuffle::TABLE_BYTES`] for every four activations.
    pub byte_tables: &'a mut [i8],
    /// Room for the activations' low digits, then their high ones.
    pub digits: &'a mut [i8],
}

/// Owned operands.
pub struct Data {
    packed: gemv_packed::Data<BlockTq2_0>,
    base3: Weights<BlockTq1_0>,
    planes: Copies<lut_shuffle::Planes>,
    tables: Buffer<i32>,
    byte_tables: Buffer<i8>,
    digits: Buffer<i8>,
}

impl Data {
    /// These weights of `n` rows with these activations.
    fn new(w: Weights<BlockTq2_0>, base3: Weights<BlockTq1_0>, n: usize, x: Activations, input: &Input) -> Self {
        let k = x.quants.as_slice().len();
        let planes = gemv_packed::interleaved(w.as_slice(), n, input, lut_shuffle::Planes::of);
        Self {
            packed: gemv_packed::Data::new(w, n, x, input),
            base3,
            planes: Copies::new(planes, input),
            tables: Buffer::zeroed(lut::TABLE_VALUES),
            byte_tables: Buffer::zeroed(k / lut_shuffle::GROUP * lut_shuffle::TABLE_BYTES),
            digits: Buffer::zeroed(2 * k),
        }
    }
}

impl Contract for GemvTernary {
    const NAME: &'static str = "gemv_ternary";
    const ABOUT: &'static str =
        "y[n] = W[n, k] x[k], weights -1, 0, 1, i8 activations: one token through a BitNet layer";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "each weight is taken out of its byte, becomes f32 by its scale and goes into one running sum",
        ),
        Variant::new::<add_sub::AddSub>(
            "add_sub",
            Width::Scalar,
            "a bit of a weight becomes a mask that lets an activation through or not: sums without a multiply or a branch",
        )
        .after("naive")
        .accumulators(SUMS),
        Variant::new::<integer::Integer>(
            "integer",
            Width::Scalar,
            "codes 0, 1, 2 multiply the activations as they are; the one too many meets the activations' sum, made once",
        )
        .after("naive")
        .accumulators(SUMS),
        Variant::new::<base3::Base3>(
            "base3",
            Width::Any,
            "five weights to a byte, taken out by multiplying with three: a fifth fewer bytes, twice the work",
        )
        .after("integer")
        .accumulators(SUMS),
        Variant::new::<lut::Lut>(
            "lut",
            Width::Scalar,
            "all sums of two activations are made once, and half a byte of weights picks one: no multiply, half the adds",
        )
        .after("add_sub")
        .accumulators(SUMS),
        Variant::new::<lut_shuffle::LutShuffle>(
            "lut_shuffle",
            Width::SimdShuffle,
            "a byte shuffle looks up sums of four activations for a register of rows at once, in two tables of digits",
        )
        .after("lut")
        .accumulators(SUMS),
        Variant::new::<interleaved::Interleaved>(
            "interleaved",
            Width::SimdMadd,
            "sixteen rows lie interleaved by four codes, a row to a lane, multiplied where they lie in their byte",
        )
        .after("integer")
        .accumulators(SUMS),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::SimdMadd,
            "groups of interleaved rows go to every core: two bits a weight leave more to compute than to load",
        )
        .after("interleaved")
        .accumulators(SUMS)
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_vnni", crate::machine::Isa::Avx512, x86_vnni::IDEA, x86_vnni::run)
            .after("interleaved")
            .accumulators(SUMS),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_vnni_parallel",
            crate::machine::Isa::Avx512,
            x86_vnni_parallel::IDEA,
            x86_vnni_parallel::run,
        )
        .after("x86_vnni")
        .accumulators(SUMS)
        .threads(),
    ];
    const RUNG_0_OPERATIONS: f64 = Packed::RUNG_0_OPERATIONS;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("bitnet-2b/attn-k", 1, 640, 2560),
            Shape::new("bitnet-2b/ffn-down", 1, 2560, 6912),
            Shape::new("square-2048", 1, 2048, 2048),
            Shape::new("llama3-8b-1.58/ffn-down", 1, 4096, 14336),
        ]
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(Dtype::Tq2_0, 1).or_else(|| source.shape(Dtype::Tq1_0, 1))
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(0, 1), (1, 0), (1, 1), (3, 3), (16, 1), (17, 2), (63, 2), (64, 1), (65, 2), (130, 1)];
        sizes.into_iter().map(|(n, blocks)| Shape::new("test", 1, n, blocks * BLOCK_LEN)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Packed::shape_near(m, n, k)
    }

    fn dims(s: &Shape) -> String {
        Packed::dims(s)
    }

    fn cost(s: &Shape) -> Cost {
        Packed::cost(s)
    }

    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        Packed::tolerance(s, partial_sums)
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let blank = input.flavor == Flavor::Blank;
        let stored = Weights::<BlockTq1_0>::in_file(input, s.n * s.k / BLOCK_LEN);
        let w = match &stored {
            Some(base3) => {
                let base3 = base3.as_slice();
                Weights::Owned(Copies::new(Buffer::filled(base3.len(), |i| BlockTq2_0::from(&base3[i])), input))
            }
            None => Weights::<BlockTq2_0>::blocks(Self::NAME, s, (s.n, s.k), input)?,
        };
        if !blank && let Some(block) = w.as_slice().iter().position(|block| block.codes().contains(&3)) {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: format!("block {block} holds a weight that is not -1, 0 or 1"),
            });
        }
        let base3 = stored.unwrap_or_else(|| {
            let w = w.as_slice();
            let made = if blank { Buffer::zeroed(w.len()) } else { Buffer::filled(w.len(), |i| (&w[i]).into()) };
            Weights::Owned(Copies::new(made, input))
        });
        let x = Activations::seeded(s.k, BLOCK_LEN, BLOCK_LEN, input);
        Ok(Data::new(w, base3, s.n, x, input))
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            packed: Packed::args(&mut d.packed),
            base3: d.base3.as_slice(),
            planes: d.planes.as_slice(),
            tables: d.tables.as_mut_slice(),
            byte_tables: d.byte_tables.as_mut_slice(),
            digits: d.digits.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        let mut all = Packed::operands(&mut d.packed);
        all.extend([
            Operand::Repacked(&mut d.base3),
            Operand::Repacked(&mut d.planes),
            Operand::Scratch(&mut d.tables),
            Operand::Scratch(&mut d.byte_tables),
            Operand::Scratch(&mut d.digits),
        ]);
        all
    }

    fn rows(s: &Shape) -> usize {
        s.n
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let scales = d.packed.x.scales.as_slice();
        let w = &d.packed.w.as_slice()[row * scales.len()..(row + 1) * scales.len()];
        reference::row(w, d.packed.x.quants.as_slice(), scales)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        Packed::output(&d.packed, row)
    }
}

/// What a sum counts for in the error bound: rungs above the first round once or twice a block.
const SUMS: usize = 8;
