//! The tile of the rungs on AMX: the unit multiplies 16 rows of A by 16 columns of weights, 32 of k at a time, and AVX-512
//! scales what it leaves in the first cache while it makes the next.
//!
//! Blocks of 32 weights have a scale each, so the unit's sums cannot stay in its tiles: each 16 by 16 of them costs 16
//! conversions, 16 multiplies and 16 multiply-adds on two ports, 24 cycles, where the unit takes 16. That bounds the rung
//! near three times what vpdpbusd can do. Weights become signed bytes once for all rows of A.

use core::arch::x86_64::*;

use super::x86_product::{DEPTH, Engine, MOST_ROWS, Tile, UNIT, prefetch_rows, put_row, rows, unit_bytes};
use super::{Args, Format, GROUP_ROWS};
use crate::machine::x86_amx::{Amx, Bytes, Product, TILE, Tiles};
use crate::machine::{Avx512, Isa};

/// Units of a panel: whole blocks of the largest format.
const UNITS: usize = DEPTH.next_multiple_of(8);

/// The product where AMX was granted beside AVX-512 and asked for; false elsewhere.
pub(super) fn run_on<F: Format>(isa: Isa, g: Args<'_, F>, threads: bool) -> bool {
    if isa != Isa::Amx || Avx512::detect().is_none() || !is_x86_feature_detected!("avx512vnni") {
        return false;
    }
    let Some(amx) = Amx::detect(Product::Int8) else { return false };
    // SAFETY: AVX-512 and VNNI were just detected, the value proves AMX.
    unsafe { super::x86_product::product(Unit(amx), g, threads) };
    true
}

/// A matrix unit as an engine.
#[derive(Clone, Copy)]
struct Unit<T>(T);

/// Weights of sixteen columns as the unit reads them, and what AVX-512 needs of them.
struct Panel {
    /// For each unit eight quads of k by sixteen columns.
    quants: [Line<[i8; 512]>; UNITS],
    /// One scale or two for each unit.
    scales: [Line<[f32; 16]>; 2 * UNITS],
    mins: [Line<[f32; 16]>; UNITS],
    /// What the unit leaves: two tiles of sums.
    sums: [Line<[i32; TILE * TILE]>; 2],
}

/// Aligned to a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line<T>(T);

impl<F: Format, T: Tiles> Engine<F> for Unit<T> {
    type Panel = Panel;

    fn rows(left: usize) -> usize {
        left.min(MOST_ROWS)
    }

    /// The unit's tiles are always whole: a short one's other rows are whatever packed A held before, and go nowhere.
    fn packed_rows(_: usize) -> usize {
        MOST_ROWS
    }

    fn depth(_: usize, _: usize) -> usize {
        UNITS / F::UNITS
    }

    fn begin(self) -> Panel {
        if F::SCALES == 1 {
            self.0.begin::<8>()
        } else {
            self.0.begin::<4>()
        }
        Panel {
            quants: [Line([0; 512]); UNITS],
            scales: [Line([0.0; 16]); 2 * UNITS],
            mins: [Line([0.0; 16]); UNITS],
            sums: [Line([0; TILE * TILE]); 2],
        }
    }

    fn end(self) {
        self.0.end();
    }

    /// # Safety
    /// As the trait says, with AVX-512 F, BW, DQ, VL, VNNI.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn unpack(self, groups: &[F::Group], panel: &mut Panel) {
        let zero = _mm512_set1_epi8(F::ZERO as i8);
        for (u, quants) in panel.quants.iter_mut().enumerate().take(groups.len() * F::UNITS) {
            let (group, unit) = (&groups[u / F::UNITS], u % F::UNITS);
            // SAFETY: the features are on; every store is a whole register of the panel.
            unsafe {
                for (quad, bytes) in F::quants(group, unit).into_iter().zip(quants.0.chunks_exact_mut(64)) {
                    _mm512_storeu_si512(bytes.as_mut_ptr().cast(), _mm512_sub_epi8(quad, zero));
                }
                for s in 0..F::SCALES {
                    let scales = panel.scales[F::SCALES * u + s].0.as_mut_ptr();
                    _mm512_storeu_ps(scales, F::scale(group, unit, s));
                }
                if F::MINS {
                    _mm512_storeu_ps(panel.mins[u].0.as_mut_ptr(), F::min(group, unit));
                }
            }
        }
    }

    /// # Safety
    /// As the trait says, with AVX-512 F, BW, DQ, VL, VNNI, after `begin` on this thread.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn run(self, tile: Tile, groups: &[F::Group], panel: &mut Panel) {
        // SAFETY: the caller's contract; two scales halve a unit's quads.
        unsafe {
            if F::SCALES == 1 {
                run::<F, T, 8>(self.0, tile, groups.len() * F::UNITS, panel)
            } else {
                run::<F, T, 4>(self.0, tile, groups.len() * F::UNITS, panel)
            }
        }
    }
}

/// One tile over `units` units of the panel, `QUADS` quads of k for each scale.
///
/// # Safety
/// AVX-512 F, BW, DQ, VL, VNNI; tiles were prepared for `QUADS`; `tile.a` holds sixteen packed rows of every unit.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn run<F: Format, T: Tiles, const QUADS: usize>(tiles: T, tile: Tile, units: usize, panel: &mut Panel) {
    let Panel { quants, scales, mins, sums: products } = panel;
    let [first, second] = products;
    let mut sums = [_mm512_setzero_ps(); MOST_ROWS];
    prefetch_rows(&tile);
    // A part is what one scale of each row of weights is for: a unit or half of one.
    let parts = units * F::SCALES;
    for part in (0..parts).step_by(2) {
        let unit = |p: usize| tile.a.wrapping_add(p / F::SCALES * MOST_ROWS * unit_bytes::<F>());
        let bytes = |p: usize, c: *mut i32| Bytes {
            a: unit(p).wrapping_add(p % F::SCALES * 4 * QUADS),
            stride: UNIT,
            b: quants[p / F::SCALES].0.as_ptr().wrapping_add(p % F::SCALES * 64 * QUADS),
            c,
        };
        let (one, two) = (bytes(part, first.0.as_mut_ptr()), part + 1 < parts);
        let other = two.then(|| bytes(part + 1, second.0.as_mut_ptr()));
        // SAFETY: the caller's contract; sums are whole tiles; a unit's fields follow its quants.
        unsafe {
            tiles.multiply_i8::<QUADS>(one, other);
            let scaled = [(part, &*first), (part + 1, &*second)];
            for (p, products) in scaled.into_iter().take(1 + usize::from(two)) {
                let fields = unit(p).add(UNIT * MOST_ROWS).cast::<f32>();
                let float = |f: usize, r: usize| _mm512_set1_ps(fields.add(f * MOST_ROWS + r).read_unaligned());
                let scale = _mm512_loadu_ps(scales[p].0.as_ptr());
                rows!(MOST_ROWS, |r| {
                    let products = _mm512_loadu_si512(products.0.as_ptr().add(r * GROUP_ROWS).cast());
                    // The scale of A comes last: times the other it may be too small for f32.
                    let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(products), scale);
                    sums[r] = _mm512_fmadd_ps(scaled, float(F::SCALES, r), sums[r]);
                });
                if F::MINS {
                    let min = _mm512_loadu_ps(mins[p].0.as_ptr());
                    rows!(MOST_ROWS, |r| {
                        sums[r] = _mm512_fmadd_ps(min, float(F::SCALES + 1, r), sums[r]);
                    });
                }
            }
        }
    }
    for (r, sum) in sums.into_iter().enumerate().take(tile.rows) {
        // SAFETY: the tile has so many rows.
        unsafe { put_row(&tile, r, sum) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::q4_0::BlockQ4_0;
    use crate::dtype::q4_k::BlockQ4K;
    use crate::dtype::q6_k::BlockQ6K;
    use crate::dtype::q8_0::BlockQ8_0;
    use crate::gemm_packed::GemmPacked;
    use crate::input::{Flavor, Input};
    use crate::kernel::{Contract, Shape};
    use crate::machine::x86_amx::Emulated;

    /// The whole product on the emulated unit against the reference.
    fn matches<F: Format>(input: &Input) {
        if Avx512::detect().is_none() || !is_x86_feature_detected!("avx512vnni") {
            return eprintln!("no AVX-512 VNNI here: nothing was tested");
        }
        let k = |units: usize| (units * UNIT).next_multiple_of(F::LEN);
        let sizes =
            [(0, 3, k(1)), (3, 0, k(1)), (2, 3, 0), (1, 1, k(1)), (16, 16, k(3)), (37, 35, k(5)), (17, 18, k(60))];
        for (m, n, k) in sizes {
            for threads in [false, true] {
                let shape = Shape::new("test", m, n, k);
                let mut data = GemmPacked::<F>::prepare(&shape, input).unwrap();
                let args = GemmPacked::<F>::args(&mut data);
                args.c.fill(f32::NAN);
                args.packed.fill(0x7f);
                // SAFETY: AVX-512 and VNNI were just detected; the unit is emulated.
                unsafe { super::super::x86_product::product(Unit(Emulated), args, threads) };
                crate::gemm_packed::tests::verify(&shape, &data);
            }
        }
    }

    #[test]
    fn every_format_matches_the_reference_on_an_emulated_unit() {
        for input in [Input::typical(5), Input { flavor: Flavor::Adversarial, ..Input::typical(6) }] {
            matches::<BlockQ8_0>(&input);
            matches::<BlockQ4_0>(&input);
            matches::<BlockQ4K>(&input);
            matches::<BlockQ6K>(&input);
        }
    }
}
