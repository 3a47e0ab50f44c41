//! The tile of the rungs in AVX-512: up to 12 rows by 2 registers of C, over a panel of A and one of B.

use core::arch::x86_64::*;

use super::x86_kinds::Kind;

/// Most rows of a tile: 24 accumulators, two registers of B and one of A.
pub(super) const MR: usize = 12;
/// How far ahead of its use A is prefetched, in words.
const A_AHEAD: usize = 16 * MR;

/// One tile of C and the panels that make it.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// Words of a panel's row or column.
    pub depth: usize,
    pub a: *const f32,
    pub b: *const f32,
    pub c: *mut f32,
    /// Columns of C.
    pub n: usize,
    pub add: bool,
    pub ahead: Ahead,
}

/// What a tile prefetches: two places every fourth step, then `step` bytes on.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub at: *const u8,
    /// From one place to the other, bytes.
    pub second: usize,
    pub step: usize,
}

impl Tile {
    /// So many rows and columns.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL and what the kind's tile asks for. `a` holds `rows * depth` words, `b` holds `depth` for each
    /// column up to whole registers, and C has the rows and columns. 1 to 12 rows, 1 to 32 columns.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub unsafe fn run_columns<K: Kind>(self, rows: usize, columns: usize) {
        // SAFETY: the caller's contract.
        unsafe {
            if columns > 16 { self.run_rows::<K, 2>(rows, columns - 16) } else { self.run_rows::<K, 1>(rows, columns) }
        }
    }

    /// `rows` by `V` registers, the last of which has `last` columns.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL and what the kind's tile asks for. `a` holds `rows * depth` words, `b` holds `16 V depth`,
    /// and `c` has `rows` rows of `16 (V - 1) + last` columns, `n` apart. `1 <= rows <= 12`, `1 <= last <= 16`.
    unsafe fn run_rows<K: Kind, const V: usize>(self, rows: usize, last: usize) {
        let mask = (0xffff_u32 >> (16 - last)) as __mmask16;
        // SAFETY: the caller's contract, with `R = rows`.
        unsafe {
            match rows {
                1 => K::tile::<1, V>(self, mask),
                2 => K::tile::<2, V>(self, mask),
                3 => K::tile::<3, V>(self, mask),
                4 => K::tile::<4, V>(self, mask),
                5 => K::tile::<5, V>(self, mask),
                6 => K::tile::<6, V>(self, mask),
                7 => K::tile::<7, V>(self, mask),
                8 => K::tile::<8, V>(self, mask),
                9 => K::tile::<9, V>(self, mask),
                10 => K::tile::<10, V>(self, mask),
                11 => K::tile::<11, V>(self, mask),
                12 => K::tile::<12, V>(self, mask),
                _ => unreachable!("a tile has at most {MR} rows"),
            }
        }
    }

    /// `R` rows by `V` registers, `mask` the columns of the last one. Compiled into the kind's tile, which has the features.
    ///
    /// # Safety
    /// As [`Tile::run_rows`].
    #[inline(always)]
    pub unsafe fn run<K: Kind, const R: usize, const V: usize>(self, mask: __mmask16) {
        let (mut a, mut b, mut ahead) = (self.a, self.b, self.ahead.at);
        // SAFETY: `step` reads R words at `a` and 16 V at `b`, `depth` times in all; prefetches touch nothing; the mask
        // covers only columns that C has.
        unsafe {
            let mut acc = [[_mm512_setzero_ps(); V]; R];
            for r in 0..R {
                let row = self.c.wrapping_add(r * self.n);
                _mm_prefetch::<_MM_HINT_T1>(row.cast());
                _mm_prefetch::<_MM_HINT_T1>(row.wrapping_add(16 * V - 1).cast());
            }
            for _ in 0..self.depth / 4 {
                for u in 0..R.div_ceil(4) {
                    _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(A_AHEAD + 16 * u).cast());
                }
                _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
                _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(self.ahead.second).cast());
                ahead = ahead.wrapping_add(self.ahead.step);
                for u in 0..4 {
                    step::<K, R, V>(a.add(u * R), b.add(u * 16 * V), &mut acc);
                }
                a = a.add(4 * R);
                b = b.add(4 * 16 * V);
            }
            for _ in 0..self.depth % 4 {
                step::<K, R, V>(a, b, &mut acc);
                a = a.add(R);
                b = b.add(16 * V);
            }
            for (r, acc) in acc.iter().enumerate() {
                for (v, acc) in acc.iter().enumerate() {
                    let mask = if v == V - 1 { mask } else { 0xffff };
                    let c = self.c.add(r * self.n + 16 * v);
                    let sum = if self.add { _mm512_add_ps(*acc, _mm512_maskz_loadu_ps(mask, c)) } else { *acc };
                    _mm512_mask_storeu_ps(c, mask, sum);
                }
            }
        }
    }
}

/// One column of A's panel times one row of B's.
///
/// # Safety
/// `a` holds `R` words, `b` holds `16 V`.
#[inline(always)]
unsafe fn step<K: Kind, const R: usize, const V: usize>(a: *const f32, b: *const f32, acc: &mut [[__m512; V]; R]) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut row = [_mm512_setzero_ps(); V];
        for (v, row) in row.iter_mut().enumerate() {
            *row = _mm512_loadu_ps(b.add(16 * v));
        }
        for (r, acc) in acc.iter_mut().enumerate() {
            let scale = _mm512_set1_ps(*a.add(r));
            for (v, acc) in acc.iter_mut().enumerate() {
                *acc = K::multiply_add(scale, row[v], *acc);
            }
        }
    }
}
