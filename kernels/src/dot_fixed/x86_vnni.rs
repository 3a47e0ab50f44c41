//! idea: 512-bit vpdpbusd on two rows at once, the signed weights made unsigned by one xor and paid back by the sum of x

use core::arch::x86_64::*;

use super::Args;
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str =
    "512-bit vpdpbusd on two rows at once, the signed weights made unsigned by one xor and paid back by the sum of x";

/// Rows done together.
const ROWS: usize = 2;
/// Bytes of a register.
const BYTES: usize = 64;
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
    let k = a.x.len();
    // Sums of weights made unsigned may leave the range of an i32; the difference is back in it.
    let correction = 128 * a.x.iter().map(|x| i32::from(*x)).sum::<i32>();
    let mut pairs = a.y.chunks_exact_mut(ROWS);
    let mut first = 0;
    for y in &mut pairs {
        let sums = rows::<ROWS>(&a.w[first * k..(first + ROWS) * k], a.x);
        y.copy_from_slice(&sums.map(|sum| sum.wrapping_sub(correction)));
        first += ROWS;
    }
    for y in pairs.into_remainder() {
        let [sum] = rows::<1>(&a.w[first * k..(first + 1) * k], a.x);
        *y = sum.wrapping_sub(correction);
    }
}

/// The dot products of `R` rows, 128 added to each weight, with x.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn rows<const R: usize>(w: &[i8], x: &[i8]) -> [i32; R] {
    let k = x.len();
    assert!(w.len() == R * k);
    let sign = _mm512_set1_epi8(-128);
    let mut sums = [[_mm512_setzero_si512(); 2]; R];
    let mut c = 0;
    while c + 2 * BYTES <= k {
        for u in 0..2 {
            let at = c + u * BYTES;
            // SAFETY: at + 64 <= k, the length of x and of each row; a prefetch past the end touches nothing.
            unsafe {
                let xv = _mm512_loadu_si512(x.as_ptr().add(at).cast());
                for (r, sums) in sums.iter_mut().enumerate() {
                    let p = w.as_ptr().add(r * k + at);
                    _mm_prefetch::<_MM_HINT_T0>(p.wrapping_add(AHEAD));
                    let wv = _mm512_xor_si512(_mm512_loadu_si512(p.cast()), sign);
                    sums[u] = _mm512_dpbusd_epi32(sums[u], wv, xv);
                }
            }
        }
        c += 2 * BYTES;
    }
    while c < k {
        let mask = u64::MAX >> (BYTES - (k - c).min(BYTES));
        // SAFETY: the mask covers only values that lie below k. Where it ends x is zero, whatever the weight.
        unsafe {
            let xv = _mm512_maskz_loadu_epi8(mask, x.as_ptr().add(c));
            for (r, sums) in sums.iter_mut().enumerate() {
                let wv = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, w.as_ptr().add(r * k + c)), sign);
                sums[0] = _mm512_dpbusd_epi32(sums[0], wv, xv);
            }
        }
        c += BYTES;
    }
    sums.map(|[a, b]| _mm512_reduce_add_epi32(_mm512_add_epi32(a, b)))
}
