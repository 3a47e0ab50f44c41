//! The tile of the rungs in AVX-512 VNNI intrinsics.
//!
//! 32 weights of a row of A cost eight vpdpbusd, and the scales a multiply and a multiply-add on the same ports: of the
//! peak of vpdpbusd alone 80 % can be reached. Taking weights apart for each tile costs nothing beside: masks and shifts
//! run on the other ports. So nothing is gained here by unpacking them to bytes once for all rows of a long prompt, as
//! ik_llama.cpp does.

use core::arch::x86_64::*;

use super::x86_product::{DEPTH, Engine, MOST_ROWS, Tile, UNIT, prefetch_rows, put_row, rows, unit_bytes};
use super::{Args, Format};
use crate::machine::{Avx512, Isa};

/// How far ahead of the loads the prefetches run, bytes: into the second cache, as prefetches into the first one take the
/// buffers that the loads need.
const AHEAD: usize = 8192;

/// The product where AVX-512 VNNI was detected and asked for; false elsewhere.
pub(super) fn run_on<F: Format>(isa: Isa, g: Args<'_, F>, threads: bool) -> bool {
    if isa != Isa::Avx512 || Avx512::detect().is_none() || !is_x86_feature_detected!("avx512vnni") {
        return false;
    }
    // SAFETY: AVX-512 and VNNI were just detected, and this engine asks for nothing beside.
    unsafe { super::x86_product::product(Vnni, g, threads) };
    true
}

/// Tiles of sixteen rows, then one of eight if there are so many, then one of what is left.
#[derive(Clone, Copy)]
struct Vnni;

impl<F: Format> Engine<F> for Vnni {
    /// Weights are used as they lie.
    type Panel = ();

    fn rows(left: usize) -> usize {
        match left {
            MOST_ROWS.. => MOST_ROWS,
            9.. => 8,
            rows => rows,
        }
    }

    fn packed_rows(rows: usize) -> usize {
        rows
    }

    /// One tile has no use for weights in the first cache.
    fn depth(m: usize, blocks: usize) -> usize {
        if m <= MOST_ROWS { blocks } else { DEPTH.div_ceil(F::UNITS) }
    }

    fn begin(self) {}

    /// # Safety
    /// None.
    unsafe fn unpack(self, _: &[F::Group], _: &mut ()) {}

    /// # Safety
    /// As the trait says, with AVX-512 F, BW, DQ, VL, VNNI.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn run(self, tile: Tile, groups: &[F::Group], _: &mut ()) {
        // SAFETY: the caller's contract, with `R = rows`.
        unsafe {
            match tile.rows {
                1 => run::<F, 1>(tile, groups),
                2 => run::<F, 2>(tile, groups),
                3 => run::<F, 3>(tile, groups),
                4 => run::<F, 4>(tile, groups),
                5 => run::<F, 5>(tile, groups),
                6 => run::<F, 6>(tile, groups),
                7 => run::<F, 7>(tile, groups),
                8 => run::<F, 8>(tile, groups),
                16 => run::<F, 16>(tile, groups),
                _ => unreachable!("tiles have 1 to 8 rows or 16"),
            }
        }
    }
}

/// `R` rows. A unit of weights waits in eight registers while its rows pass, each a chain of eight vpdpbusd that broadcast
/// A from memory; chains of several rows overlap. A sum starts from what the unsigned weights make too much.
///
/// # Safety
/// AVX-512 F, BW, DQ, VL, VNNI; the tile is as [`Tile`] says and has `R` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn run<F: Format, const R: usize>(tile: Tile, groups: &[F::Group]) {
    let lines = size_of::<F::Group>().div_ceil(64 * F::UNITS);
    let mut a = tile.a;
    let mut sums = [_mm512_setzero_ps(); R];
    prefetch_rows(&tile);
    for group in groups {
        for unit in 0..F::UNITS {
            let ahead = (&raw const *group).cast::<i8>().wrapping_add(AHEAD + 64 * lines * unit);
            for line in 0..lines {
                _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(64 * line));
            }
            // SAFETY: the features are on; `a` holds R times `unit_bytes` for each unit.
            unsafe {
                let quants = F::quants(group, unit);
                let fields = a.add(UNIT * R);
                let field = |f: usize, r: usize| fields.add(4 * (f * R + r));
                let float = |f: usize, r: usize| _mm512_set1_ps(field(f, r).cast::<f32>().read_unaligned());
                let scales: [__m512; 2] = [F::scale(group, unit, 0), F::scale(group, unit, F::SCALES - 1)];
                rows!(R, |r| {
                    for s in 0..F::SCALES {
                        let mut products = _mm512_set1_epi32(field(s, r).cast::<i32>().read_unaligned());
                        for q in s * 8 / F::SCALES..(s + 1) * 8 / F::SCALES {
                            let x = a.add(UNIT * r + 4 * q).cast::<i32>().read_unaligned();
                            products = _mm512_dpbusd_epi32(products, quants[q], _mm512_set1_epi32(x));
                        }
                        // The scale of A comes last: times the other it may be too small for f32.
                        let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(products), scales[s]);
                        sums[r] = _mm512_fmadd_ps(scaled, float(F::SCALES, r), sums[r]);
                    }
                });
                if F::MINS {
                    let min = F::min(group, unit);
                    rows!(R, |r| {
                        sums[r] = _mm512_fmadd_ps(min, float(F::SCALES + 1, r), sums[r]);
                    });
                }
                a = a.add(R * unit_bytes::<F>());
            }
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        // SAFETY: the tile has R rows.
        unsafe { put_row(&tile, r, sum) }
    }
}
