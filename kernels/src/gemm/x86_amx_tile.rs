//! The tile of the rungs on AMX: 32 rows by 32 columns of C, which stay in the unit's tiles while a block of k passes.

use core::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ops::Range;

use half::bf16;

use super::Args;
use super::x86_blocks::product;
use super::x86_kinds::{Kind, Pairs};
use super::x86_tile::Tile;
use crate::machine::x86_amx::{Amx, Product, STEP, TILE, Tiles, Words};
use crate::machine::{Avx512, Isa};

/// The product where AMX was granted beside AVX-512 and asked for; false elsewhere.
pub(super) fn run_on(isa: Isa, g: Args<'_, bf16>, threads: bool) -> bool {
    match (Avx512::detect(), Amx::detect(Product::Bf16)) {
        (Some(_), Some(amx)) if isa == Isa::Amx => {
            // SAFETY: AVX-512 was just detected, the value proves AMX.
            unsafe { product(Unit(amx), g, threads) };
            true
        }
        _ => false,
    }
}

/// Words are pairs of bf16, of which a matrix unit takes 32 rows by 32 columns, sixteen words deep.
#[derive(Clone, Copy)]
struct Unit<T>(T);

/// Aligned to a cache line.
#[repr(align(64))]
struct Sums([MaybeUninit<f32>; 4 * TILE * TILE]);

impl<T: Tiles> Kind for Unit<T> {
    type Stored = bf16;
    const DEPTH: usize = 2;
    const STEP: usize = STEP;
    const MR: usize = 2 * TILE;
    const ROWS: usize = 2 * TILE;
    const PADDED_ROWS: usize = 2 * TILE;
    const PADDED_COLUMNS: usize = 2 * TILE;

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn words(p: *const bf16, values: usize) -> __m512 {
        // SAFETY: the caller's contract.
        unsafe { Pairs::words(p, values) }
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn panel_row(rows: &[bf16], n: usize, columns: usize, out: &mut [f32]) {
        // SAFETY: the caller's contract.
        unsafe { Pairs::panel_row(rows, n, columns, out) }
    }

    /// Rows lie as they are, sixteen words of each, then the next sixteen. Rows that A does not have keep what was there:
    /// their sums go nowhere.
    ///
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn pack_a(a: &[bf16], k: usize, inner: Range<usize>, panel: &mut [f32]) {
        for (at, step) in inner.clone().step_by(2 * STEP).zip(panel.chunks_exact_mut(2 * TILE * STEP)) {
            for (row, words) in a.chunks_exact(k).zip(step.chunks_exact_mut(STEP)) {
                let values = &row[at..inner.end];
                // SAFETY: the values are there; sixteen words.
                unsafe { _mm512_storeu_ps(words.as_mut_ptr(), Self::words(values.as_ptr(), values.len())) }
            }
        }
    }

    fn begin(self) {
        self.0.begin::<16>();
    }

    fn end(self) {
        self.0.end();
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn run(self, tile: Tile, rows: usize, columns: usize) {
        let mut sums = Sums([MaybeUninit::uninit(); 4 * TILE * TILE]);
        let words = Words {
            a: tile.a,
            b: tile.b,
            c: sums.0.as_mut_ptr().cast(),
            steps: tile.depth / STEP,
            ahead: tile.ahead.at,
            ahead_second: tile.ahead.second,
            ahead_step: tile.ahead.step,
        };
        // SAFETY: panels hold whole steps of 32 rows and columns; every sum is written. The mask covers the columns of C.
        unsafe {
            self.0.multiply_bf16(words);
            for r in 0..rows {
                for v in 0..columns.div_ceil(TILE) {
                    let mask = (0xffff_u32 >> (TILE - TILE.min(columns - TILE * v))) as __mmask16;
                    let c = tile.c.add(r * tile.n + TILE * v);
                    let sum = _mm512_loadu_ps(sums.0.as_ptr().add((2 * r + v) * TILE).cast());
                    let sum = if tile.add { _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, c)) } else { sum };
                    _mm512_mask_storeu_ps(c, mask, sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare;
    use crate::gemm::Gemm;
    use crate::input::Input;
    use crate::kernel::{Contract, Shape};
    use crate::machine::x86_amx::Emulated;

    #[test]
    fn the_product_matches_the_reference_on_an_emulated_unit() {
        if Avx512::detect().is_none() {
            return eprintln!("no AVX-512 here: nothing was tested");
        }
        let mut shapes = Gemm::<bf16>::test_shapes();
        shapes.extend([(33, 49, 33), (70, 40, 1100), (520, 20, 40)].map(|(m, n, k)| Shape::new("test", m, n, k)));
        for (shape, threads) in shapes.iter().flat_map(|s| [(s, false), (s, true)]) {
            let mut data = Gemm::<bf16>::prepare(shape, &Input::typical(5)).unwrap();
            let args = Gemm::<bf16>::args(&mut data);
            args.c.fill(f32::NAN);
            args.packed_a.fill(f32::NAN);
            args.packed_b.fill(f32::NAN);
            // SAFETY: AVX-512 was just detected; the unit is emulated.
            unsafe { product(Unit(Emulated), args, threads) };
            let row = |r: usize| (Gemm::<bf16>::reference(&data, r), Gemm::<bf16>::output(&data, r));
            let verdict = compare::verify(&Gemm::<bf16>::tolerance(shape, 1), &Vec::from_iter(0..shape.m), row);
            assert!(verdict.passed(), "{}: {verdict:?}", Gemm::<bf16>::dims(shape));
        }
    }
}
