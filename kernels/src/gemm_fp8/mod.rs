//! GEMM, FP8: `C[m, n] = A[m, k] W[n, k]^T`, both sides e4m3 with f32 scales, as DeepSeek-V3 runs its linear layers (arXiv
//! 2412.19437, section 3.3; kernels in DeepGEMM): activations in tiles of 1 × 128 values, weights in blocks of 128 × 128,
//! `C[i, j] = sum over blocks b of sa[i, b] sb[j / 128, b] (a[i, b] · w[j, b])`, the products of a block summed in f32.
//!
//! No processor here multiplies e4m3, so the ladder is about decoding: how, how often, and for how many rows.
//! `promotion.rs` is a study beside it: what an accumulator of 14 bits costs in accuracy, and sums taken out of it win back.

mod bits;
mod hoisted;
mod naive;
mod panel;
mod parallel;
pub mod promotion;
mod quantize;
mod reference;
mod register_tile;
mod table;
#[cfg(target_arch = "x86_64")]
mod x86_avx512;
#[cfg(target_arch = "x86_64")]
mod x86_avx512_parallel;

use crate::compare::dot_error_bound;
use crate::dtype::e4m3;
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::Copies;

/// The contract.
pub struct GemmFp8;

/// Values of k that share a scale, and rows of weights that do.
pub const BLOCK: usize = 128;

/// Operands of one run.
pub struct Args<'a> {
    /// Rows of A and C.
    pub m: usize,
    /// Rows of W, columns of C.
    pub n: usize,
    /// Columns of A and W, a multiple of [`BLOCK`].
    pub k: usize,
    /// Activations, `m × k` codes.
    pub a: &'a [u8],
    /// Their scales, `m × k / 128`.
    pub a_scales: &'a [f32],
    /// Weights, `n × k` codes.
    pub w: &'a [u8],
    /// Their scales, `n / 128` rounded up `× k / 128`.
    pub w_scales: &'a [f32],
    /// The values of the 256 codes.
    pub values: &'a [f32],
    /// Output, `m × n`.
    pub c: &'a mut [f32],
    /// Room for A decoded, `m × k`.
    pub a_values: &'a mut [f32],
    /// Room for a panel of W decoded, of any variant.
    pub panels: &'a mut [f32],
    /// Room for C transposed.
    pub columns: &'a mut [f32],
}

impl Args<'_> {
    /// Blocks of k.
    pub fn blocks(&self) -> usize {
        self.k / BLOCK
    }
}

/// Owned operands.
pub struct Data {
    size: (usize, usize, usize),
    a: Buffer<u8>,
    a_scales: Buffer<f32>,
    w: Copies<u8>,
    w_scales: Copies<f32>,
    values: Buffer<f32>,
    c: Buffer<f32>,
    a_values: Buffer<f32>,
    panels: Buffer<f32>,
    columns: Buffer<f32>,
}

impl Contract for GemmFp8 {
    const NAME: &'static str = "gemm_fp8";
    const ABOUT: &'static str = "C[m, n] = A[m, k] W[n, k]^T, e4m3 with block scales: DeepSeek-V3's linear layers";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "both codes are taken apart by arithmetic and scaled each time they meet, and go into one running sum",
        ),
        Variant::new::<table::Table>(
            "table",
            Width::Scalar,
            "a table holds the value of each of the 256 codes: a load instead of a dozen operations",
        )
        .after("naive"),
        Variant::new::<hoisted::Hoisted>(
            "hoisted",
            Width::Scalar,
            "a block's 128 products are summed first, so its two scales are applied once",
        )
        .after("table"),
        Variant::new::<bits::Bits>(
            "bits",
            Width::SimdF32,
            "a code shifted into the fields of an f32 is its value but for the bias, which one multiply corrects, in lanes",
        )
        .after("hoisted"),
        Variant::new::<register_tile::RegisterTile>(
            "register_tile",
            Width::Any,
            "activations are decoded once; a weight decoded in a register meets four of their rows, its bias and scale in one",
        )
        .after("bits"),
        Variant::new::<panel::Panel>(
            "panel",
            Width::Any,
            "a panel of weights is decoded into the cache once for all rows of activations: pays with many, costs with one",
        )
        .after("register_tile"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::Any,
            "columns go to every core, through a panel of each core's own where there are rows enough for one",
        )
        .after("panel")
        .threads(),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch("x86_avx512", crate::machine::Isa::Avx512, x86_avx512::IDEA, x86_avx512::run)
            .after("panel"),
        #[cfg(target_arch = "x86_64")]
        Variant::<Self>::arch(
            "x86_avx512_parallel",
            crate::machine::Isa::Avx512,
            x86_avx512_parallel::IDEA,
            x86_avx512_parallel::run,
        )
        .after("x86_avx512")
        .threads(),
    ];
    // Each declared pair of operations comes with taking two codes apart and two products with a scale.
    const RUNG_0_OPERATIONS: f64 = naive::OPERATIONS;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            // Slices of expert-down, so that naive ends in a moment.
            Shape::tour("deepseek-v3/expert-down-slice-decode", 1, 1024, 2048),
            Shape::new("deepseek-v3/expert-down-slice-m64", 64, 128, 1024),
            Shape::new("deepseek-v3/expert-down-decode", 1, 7168, 2048),
            Shape::new("deepseek-v3/expert-down-m64", 64, 7168, 2048),
            Shape::new("deepseek-v3/expert-gate-up-decode", 1, 4096, 7168),
            Shape::new("deepseek-v3/expert-gate-up-m64", 64, 4096, 7168),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let ragged = [(0, 5, 1), (3, 0, 1), (3, 4, 0), (1, 1, 1), (1, 133, 1), (2, 9, 3), (5, 130, 1), (13, 33, 2)];
        // Deeper than a pass, and more rows than a tile.
        let larger = [(1, 7, 9), (5, 5, 17), (26, 3, 1)];
        let all = ragged.into_iter().chain(larger);
        all.map(|(m, n, blocks)| Shape::new("test", m, n, blocks * BLOCK)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m, n, k.next_multiple_of(BLOCK))
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}×{}", s.m, s.n, s.k)
    }

    // Every e4m3 is a bf16, so that is what a machine may multiply.
    fn cost(s: &Shape) -> Cost {
        let (m, n, k) = (s.m as u64, s.n as u64, s.k as u64);
        let blocks = k / BLOCK as u64;
        let scales = (m + n.div_ceil(BLOCK as u64)) * blocks;
        Cost { operations: 2 * m * n * k, bytes: (m + n) * k + 4 * scales + 4 * m * n, work: Work::Bf16 }
    }

    // Decoding is exact. Each side is rounded once more when its scale goes into it.
    fn tolerance(s: &Shape, _partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-8, backward: dot_error_bound(s.k, 1) + 3.0 * 2f64.powi(-24) }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        if !s.k.is_multiple_of(BLOCK) {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason: format!("k = {} is not a multiple of {BLOCK}, the values that share a scale", s.k),
            });
        }
        let quantized = |stream: u64, rows: usize, tile_rows: usize| {
            let scales = rows.div_ceil(tile_rows) * (s.k / BLOCK);
            if input.flavor == Flavor::Blank {
                return (Buffer::zeroed(rows * s.k), Buffer::zeroed(scales));
            }
            quantize::tiles(input.values(stream, rows * s.k, 1.0).as_slice(), s.k, tile_rows)
        };
        let (a, a_scales) = quantized(1, s.m, 1);
        let (w, w_scales) = quantized(0, s.n, BLOCK);
        #[cfg(target_arch = "x86_64")]
        let arch = x86_avx512::room(s.n);
        #[cfg(not(target_arch = "x86_64"))]
        let arch = 0;
        Ok(Data {
            size: (s.m, s.n, s.k),
            a,
            a_scales,
            w: Copies::new(w, input),
            w_scales: Copies::new(w_scales, input),
            values: Buffer::filled(256, |code| e4m3::decode(code as u8)),
            c: Buffer::zeroed(s.m * s.n),
            a_values: Buffer::zeroed(s.m * s.k),
            panels: Buffer::zeroed(parallel::room(s.n, s.k).max(arch)),
            columns: Buffer::zeroed(s.m * s.n),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        let (m, n, k) = d.size;
        Args {
            m,
            n,
            k,
            a: d.a.as_slice(),
            a_scales: d.a_scales.as_slice(),
            w: d.w.as_slice(),
            w_scales: d.w_scales.as_slice(),
            values: d.values.as_slice(),
            c: d.c.as_mut_slice(),
            a_values: d.a_values.as_mut_slice(),
            panels: d.panels.as_mut_slice(),
            columns: d.columns.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.a),
            Operand::Input(&mut d.a_scales),
            Operand::Weights(&mut d.w),
            Operand::Weights(&mut d.w_scales),
            Operand::Input(&mut d.values),
            Operand::Output(&mut d.c),
            Operand::Scratch(&mut d.a_values),
            Operand::Scratch(&mut d.panels),
            Operand::Scratch(&mut d.columns),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data, row: usize) -> RowReference {
        let (_, n, k) = d.size;
        let blocks = k / BLOCK;
        let a = (&d.a.as_slice()[row * k..(row + 1) * k], &d.a_scales.as_slice()[row * blocks..(row + 1) * blocks]);
        reference::row(a, (d.w.as_slice(), d.w_scales.as_slice()), n)
    }

    fn output(d: &Data, row: usize) -> Vec<f32> {
        let n = d.size.1;
        d.c.as_slice()[row * n..(row + 1) * n].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::tests::matches_natively;

    #[test]
    fn several_panels_passes_and_tiles_at_once_match_the_reference() {
        matches_natively::<GemmFp8>(&[(1, 300, 1152), (17, 150, 1152), (30, 66, 640)]);
    }

    #[test]
    fn half_a_block_of_k_is_refused_with_the_reason() {
        let error = GemmFp8::prepare(&Shape::new("odd", 1, 4, 192), &Input::typical(1)).err().expect("no whole block");
        assert!(error.to_string().contains("k = 192 is not a multiple of 128"), "{error}");
    }
}
