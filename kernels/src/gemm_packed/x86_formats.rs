//! What the rungs in AVX-512 intrinsics need of a format: sixteen interleaved rows of 32 weights as unsigned bytes in eight
//! registers, and their scales in f32.

use core::arch::x86_64::*;

use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::gemv_packed::x86_vnni::{halves, load};
use crate::gemv_packed::{GROUP_ROWS, q4_0, q4_k, q6_k, q8_0};

/// A group as units of 32 weights of each of its rows.
pub trait Units<G> {
    /// Units of a group.
    const UNITS: usize;
    /// Scales of a unit: one, or one for each half.
    const SCALES: usize;
    /// What the unsigned bytes are too large by.
    const ZERO: i32;
    /// True where a minimum is taken off every weight after it was scaled.
    const MINS: bool;

    /// Four unsigned quants of each row, then the next four.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL, VNNI.
    unsafe fn quants(group: &G, unit: usize) -> [__m512i; 8];

    /// Scale `s` of each row.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL, VNNI.
    unsafe fn scale(group: &G, unit: usize, s: usize) -> __m512;

    /// Minimum of each row.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL, VNNI.
    unsafe fn min(_group: &G, _unit: usize) -> __m512 {
        // SAFETY: the caller's features.
        unsafe { _mm512_setzero_ps() }
    }
}

/// Bytes `>> by`, masked.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn field(bytes: __m512i, by: usize, mask: i8) -> __m512i {
    _mm512_and_si512(_mm512_srl_epi16(bytes, _mm_cvtsi32_si128(by as i32)), _mm512_set1_epi8(mask))
}

/// Sixteen small unsigned numbers as f32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn widened(bytes: &[u8; GROUP_ROWS]) -> __m512 {
    // SAFETY: 16 bytes.
    _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }))
}

impl Units<q8_0::Group> for BlockQ8_0 {
    const UNITS: usize = 1;
    const SCALES: usize = 1;
    const ZERO: i32 = 128;
    const MINS: bool = false;

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn quants(group: &q8_0::Group, _: usize) -> [__m512i; 8] {
        let sign = _mm512_set1_epi8(-128);
        let mut w = [sign; 8];
        for (w, bytes) in w.iter_mut().zip(&group.qs) {
            *w = _mm512_xor_si512(load(bytes), sign);
        }
        w
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn scale(group: &q8_0::Group, _: usize, _: usize) -> __m512 {
        halves(&group.d)
    }
}

impl Units<q4_0::Group> for BlockQ4_0 {
    const UNITS: usize = 1;
    const SCALES: usize = 1;
    const ZERO: i32 = 8;
    const MINS: bool = false;

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn quants(group: &q4_0::Group, _: usize) -> [__m512i; 8] {
        let mut w = [_mm512_setzero_si512(); 8];
        for c in 0..4 {
            let bytes = load(&group.qs[c]);
            (w[c], w[c + 4]) = (field(bytes, 0, 15), field(bytes, 4, 15));
        }
        w
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn scale(group: &q4_0::Group, _: usize, _: usize) -> __m512 {
        halves(&group.d)
    }
}

impl Units<q4_k::Group> for BlockQ4K {
    const UNITS: usize = 8;
    const SCALES: usize = 1;
    const ZERO: i32 = 0;
    const MINS: bool = true;

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn quants(group: &q4_k::Group, unit: usize) -> [__m512i; 8] {
        let mut w = [_mm512_setzero_si512(); 8];
        for (w, bytes) in w.iter_mut().zip(&group.qs[unit / 2 * 8..]) {
            *w = field(load(bytes), unit % 2 * 4, 15);
        }
        w
    }

    /// Eleven bits by six: exact.
    ///
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn scale(group: &q4_k::Group, unit: usize, _: usize) -> __m512 {
        _mm512_mul_ps(halves(&group.d), widened(&group.scales[unit]))
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn min(group: &q4_k::Group, unit: usize) -> __m512 {
        _mm512_mul_ps(halves(&group.dmin), widened(&group.mins[unit]))
    }
}

impl Units<q6_k::Group> for BlockQ6K {
    const UNITS: usize = 8;
    const SCALES: usize = 2;
    const ZERO: i32 = 32;
    const MINS: bool = false;

    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn quants(group: &q6_k::Group, unit: usize) -> [__m512i; 8] {
        let (half, run) = (unit / 4, unit % 4);
        let mut w = [_mm512_setzero_si512(); 8];
        for (w, bits) in w.iter_mut().zip(&group.bits[8 * half..]) {
            let high = _mm512_slli_epi16::<4>(field(load(&bits[2]), 2 * run, 3));
            *w = _mm512_or_si512(high, field(load(&bits[run % 2]), run / 2 * 4, 15));
        }
        w
    }

    /// Eleven bits by eight: exact.
    ///
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn scale(group: &q6_k::Group, unit: usize, s: usize) -> __m512 {
        // SAFETY: 16 bytes.
        let scales = unsafe { _mm_loadu_si128(group.scales[2 * unit + s].as_ptr().cast()) };
        _mm512_mul_ps(halves(&group.d), _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(scales)))
    }
}
