//! What a word of a panel is: an f32, or two bf16 that lie below each other in k. Each kind packs words of its elements
//! and multiplies a register of them; all else of the rungs in AVX-512 sees words alone.

use core::arch::x86_64::*;
use std::marker::PhantomData;

use half::bf16;

use super::Factor;
use super::x86_few_rows::Strip;
use super::x86_tile::Tile;

/// Words of panels, and tiles that are registers: a word of A in every lane times a row of B. All functions ask for AVX-512
/// F, BW, DQ, VL; [`Kind::tile`] and [`Kind::strip`] may ask for more.
pub(super) trait Kind: Copy + Send + Sync {
    /// What A and B are stored as.
    type Stored: Factor;
    /// Values of k in a word.
    const DEPTH: usize;

    /// Sixteen words of a row of A, of whose values only the first `values` are read; zeros beyond.
    ///
    /// # Safety
    /// `p` points to `min(values, 16 * DEPTH)` values.
    unsafe fn words(p: *const Self::Stored, values: usize) -> __m512;

    /// The first `columns` columns of up to `DEPTH` rows of B, which are `n` apart, as one row of a panel; zeros beyond.
    ///
    /// # Safety
    /// `rows` holds `columns` values of each row, `out` is one or two registers long and holds the columns.
    unsafe fn panel_row(rows: &[Self::Stored], n: usize, columns: usize, out: &mut [f32]);

    /// `acc` plus the products of the words, lane by lane.
    ///
    /// # Safety
    /// Inlined into [`Kind::tile`] alone.
    unsafe fn multiply_add(a: __m512, b: __m512, acc: __m512) -> __m512;

    /// [`Tile::run`] with the features that [`Kind::multiply_add`] asks for.
    ///
    /// # Safety
    /// As that says.
    unsafe fn tile<const R: usize, const V: usize>(tile: Tile, mask: __mmask16);

    /// Thirty-two columns of a word's rows of B, which are `n` apart and of which there are `rows`; zeros where no bit of
    /// `mask` is set.
    ///
    /// # Safety
    /// `p` points to the masked columns of `min(rows, DEPTH)` rows.
    unsafe fn row(p: *const Self::Stored, n: usize, rows: usize, mask: u32) -> [__m512; 2];

    /// [`Strip::run`] with the features that [`Kind::multiply_add`] asks for.
    ///
    /// # Safety
    /// As that says.
    unsafe fn strip<const R: usize>(strip: Strip<Self>);
}

/// The lowest `n` bits set, 1 to 32.
fn low_bits(n: usize) -> u32 {
    u32::MAX >> (32 - n)
}

/// A word is an f32: what is stored shorter is widened as it is packed.
#[derive(Clone, Copy)]
pub(super) struct Fma<E>(PhantomData<E>);

impl<E: Factor> Kind for Fma<E> {
    type Stored = E;
    const DEPTH: usize = 1;

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn words(p: *const E, values: usize) -> __m512 {
        // SAFETY: the caller's contract.
        unsafe { E::load16(low_bits(values.min(16)) as __mmask16, p) }
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn panel_row(rows: &[E], n: usize, columns: usize, out: &mut [f32]) {
        // SAFETY: the caller's contract; registers of `out` are whole.
        unsafe {
            let words = Self::row(rows.as_ptr(), n, rows.len().div_ceil(n), low_bits(columns));
            for (words, out) in words.into_iter().zip(out.chunks_exact_mut(16)) {
                _mm512_storeu_ps(out.as_mut_ptr(), words);
            }
        }
    }

    /// # Safety
    /// As the trait says.
    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, acc: __m512) -> __m512 {
        // SAFETY: the caller's contract.
        unsafe { _mm512_fmadd_ps(a, b, acc) }
    }

    /// # Safety
    /// As the trait says.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn tile<const R: usize, const V: usize>(tile: Tile, mask: __mmask16) {
        // SAFETY: the caller's contract.
        unsafe { tile.run::<Self, R, V>(mask) }
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn row(p: *const E, _: usize, _: usize, mask: u32) -> [__m512; 2] {
        // SAFETY: the caller's contract; where the upper half of the mask is empty nothing is read.
        unsafe { [E::load16(mask as __mmask16, p), E::load16((mask >> 16) as __mmask16, p.wrapping_add(16))] }
    }

    /// # Safety
    /// As the trait says.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn strip<const R: usize>(strip: Strip<Self>) {
        // SAFETY: the caller's contract.
        unsafe { strip.run::<R>() }
    }
}

/// A word is two bf16, the upper one from the next k.
#[derive(Clone, Copy)]
pub(super) struct Pairs;

/// Places, in a row of 32 and the next one after it, of what becomes sixteen words from column `first` on.
const fn zipped(first: u16) -> [u16; 32] {
    let mut places = [0; 32];
    let mut i = 0;
    while i < 16 {
        places[2 * i as usize] = first + i;
        places[2 * i as usize + 1] = 32 + first + i;
        i += 1;
    }
    places
}
static ZIPPED: [[u16; 32]; 2] = [zipped(0), zipped(16)];

impl Kind for Pairs {
    type Stored = bf16;
    const DEPTH: usize = 2;

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn words(p: *const bf16, values: usize) -> __m512 {
        // SAFETY: the caller's contract.
        unsafe { _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(low_bits(values.min(32)), p.cast())) }
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn panel_row(rows: &[bf16], n: usize, columns: usize, out: &mut [f32]) {
        // SAFETY: the caller's contract; registers of `out` are whole.
        unsafe {
            let words = Self::row(rows.as_ptr(), n, rows.len().div_ceil(n), low_bits(columns));
            for (words, out) in words.into_iter().zip(out.chunks_exact_mut(16)) {
                _mm512_storeu_ps(out.as_mut_ptr(), words);
            }
        }
    }

    /// # Safety
    /// As the trait says.
    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, acc: __m512) -> __m512 {
        // SAFETY: the caller's contract; registers of the same size in which any bits are values.
        unsafe {
            let pairs = |words: __m512| core::mem::transmute::<__m512, __m512bh>(words);
            _mm512_dpbf16_ps(acc, pairs(a), pairs(b))
        }
    }

    /// # Safety
    /// As the trait says, and AVX512_BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
    unsafe fn tile<const R: usize, const V: usize>(tile: Tile, mask: __mmask16) {
        // SAFETY: the caller's contract.
        unsafe { tile.run::<Self, R, V>(mask) }
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn row(p: *const bf16, n: usize, rows: usize, mask: u32) -> [__m512; 2] {
        let next = if rows > 1 { mask } else { 0 };
        // SAFETY: the caller's contract; of the second row nothing is read where there is none.
        unsafe {
            let x = _mm512_maskz_loadu_epi16(mask, p.cast());
            let y = _mm512_maskz_loadu_epi16(next, p.wrapping_add(n).cast());
            let words = |places: &[u16; 32]| {
                _mm512_castsi512_ps(_mm512_permutex2var_epi16(x, _mm512_loadu_epi16(places.as_ptr().cast()), y))
            };
            [words(&ZIPPED[0]), words(&ZIPPED[1])]
        }
    }

    /// # Safety
    /// As the trait says, and AVX512_BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
    unsafe fn strip<const R: usize>(strip: Strip<Self>) {
        // SAFETY: the caller's contract.
        unsafe { strip.run::<R>() }
    }
}
