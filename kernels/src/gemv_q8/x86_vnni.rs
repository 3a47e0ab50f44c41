//! idea: 512-bit vpdpbusd takes two blocks of a row at once, and the signed weights go unsigned by one xor, paid back once per block of x

use core::arch::x86_64::*;

use super::{Args, BLOCK_LEN};
use crate::dtype::q8_0::BlockQ8_0;
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str = "512-bit vpdpbusd takes two blocks of a row at once, and the signed weights go unsigned by one xor, paid back once per block of x";

/// Rows done together.
const ROWS: usize = 4;
/// How far ahead of the loads the prefetches run in each row, bytes.
const AHEAD: usize = 2048;

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 && is_x86_feature_detected!("avx512vnni") => {
            // SAFETY: AVX-512 and VNNI were just detected.
            unsafe { body(a) };
            true
        }
        _ => false,
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn body(a: Args<'_>) {
    let blocks = a.xd.len();
    let mut groups = a.y.chunks_exact_mut(ROWS);
    let mut first = 0;
    for y in &mut groups {
        y.copy_from_slice(&rows::<ROWS>(&a.w[first * blocks..(first + ROWS) * blocks], a.xq, a.xd));
        first += ROWS;
    }
    for y in groups.into_remainder() {
        [*y] = rows::<1>(&a.w[first * blocks..(first + 1) * blocks], a.xq, a.xd);
        first += 1;
    }
}

/// Two blocks of x, or one and zeros.
pub(super) struct X {
    quants: __m512i,
    /// What the products of x with weights 128 too large are too large by, negated.
    correction: __m512i,
    scales: __m512,
}

impl X {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    #[inline]
    pub(super) fn new(quants: __m512i, low: &f32, high: &f32) -> Self {
        let excess = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(-128), quants);
        let scales = _mm512_insertf32x8::<1>(_mm512_set1_ps(*low), _mm256_broadcast_ss(high));
        Self { quants, correction: _mm512_sub_epi32(_mm512_setzero_si512(), excess), scales }
    }

    /// `sum` plus the products of two blocks of w with x, times both scales.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    #[inline]
    pub(super) fn multiply_add(&self, w: __m512i, w_scales: __m512, sum: __m512) -> __m512 {
        let unsigned = _mm512_xor_si512(w, _mm512_set1_epi8(-128));
        let products = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(self.correction, unsigned, self.quants));
        _mm512_fmadd_ps(products, _mm512_mul_ps(w_scales, self.scales), sum)
    }
}

/// The dot products of `R` rows with x.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn rows<const R: usize>(w: &[BlockQ8_0], xq: &[i8], xd: &[f32]) -> [f32; R] {
    let blocks = xd.len();
    assert!(w.len() == R * blocks && xq.len() == blocks * BLOCK_LEN);
    // The scales of two blocks that lie one after the other: 16-bit words 0 and 17.
    let scale_words = _mm512_maskz_set1_epi16(0xff00, 17);
    let mut sums = [_mm512_setzero_ps(); R];
    let mut b = 0;
    while b + 2 <= blocks {
        // SAFETY: blocks b and b + 1 exist, so xq holds 64 values from 32 b on.
        let quants = unsafe { _mm512_loadu_si512(xq.as_ptr().add(b * BLOCK_LEN).cast()) };
        let x = X::new(quants, &xd[b], &xd[b + 1]);
        // What lies beyond the end of these rows is their neighbours, already here: next are the rows of the next group.
        let row = size_of::<BlockQ8_0>() * blocks;
        let ahead = size_of::<BlockQ8_0>() * b + AHEAD;
        let ahead = if ahead < row { AHEAD } else { AHEAD + (R - 1) * row };
        for r in 0..R {
            // SAFETY: both blocks lie in w, 68 bytes from `at` on; a prefetch past the end touches nothing.
            let (both, low, high) = unsafe {
                let at = w.as_ptr().add(r * blocks + b).cast::<u8>();
                _mm_prefetch::<_MM_HINT_T1>(at.wrapping_add(ahead).cast());
                let (low, high) = (_mm256_loadu_si256(at.add(2).cast()), _mm256_loadu_si256(at.add(36).cast()));
                (_mm512_loadu_si512(at.cast()), low, high)
            };
            let halves = _mm512_castsi512_si256(_mm512_permutexvar_epi16(scale_words, both));
            let quants = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
            sums[r] = x.multiply_add(quants, _mm512_cvtph_ps(halves), sums[r]);
        }
        b += 2;
    }
    if b < blocks {
        for (r, sum) in sums.iter_mut().enumerate() {
            *sum = last_block(&w[r * blocks + b], &xq[b * BLOCK_LEN..], &xd[b], *sum);
        }
    }
    sums.map(|sum| _mm512_reduce_add_ps(sum))
}

/// `sum` plus the products of a row's last block, where they are odd in number.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn last_block(w: &BlockQ8_0, xq: &[i8], xd: &f32, sum: __m512) -> __m512 {
    assert!(xq.len() == BLOCK_LEN);
    // SAFETY: a block has 32 quants, and so has x here.
    let (quants, xq) = unsafe { (_mm256_loadu_si256(w.qs.as_ptr().cast()), _mm256_loadu_si256(xq.as_ptr().cast())) };
    let x = X::new(_mm512_zextsi256_si512(xq), xd, xd);
    let scales = _mm512_cvtph_ps(_mm256_set1_epi16(w.d.to_bits() as i16));
    x.multiply_add(_mm512_zextsi256_si512(quants), scales, sum)
}
