//! idea: two rows a step with eight registers and prefetches far ahead keep more misses in flight than the hardware alone

use core::arch::x86_64::*;

use half::{bf16, f16};

use super::{Args, Element};
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str =
    "two rows a step with eight registers and prefetches far ahead keep more misses in flight than the hardware alone";

/// Rows done together.
const ROWS: usize = 2;
/// How far ahead of the loads the prefetches run, bytes: about what one core's memory latency times its bandwidth asks
/// for.
const AHEAD: usize = 2048;

/// How AVX-512 loads sixteen weights.
pub trait Load16: Sized {
    /// Those whose bit of `mask` is set, zeros for the others; all bits in a loop that needs no mask.
    ///
    /// # Safety
    /// AVX-512 F, BW, VL; `p` points to as many weights as the highest set bit says.
    unsafe fn load16(mask: __mmask16, p: *const Self) -> __m512;
}

impl Load16 for f32 {
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn load16(mask: __mmask16, p: *const f32) -> __m512 {
        // SAFETY: the caller's contract.
        unsafe { _mm512_maskz_loadu_ps(mask, p) }
    }
}

impl Load16 for bf16 {
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn load16(mask: __mmask16, p: *const bf16) -> __m512 {
        // SAFETY: the caller's contract.
        let upper = unsafe { _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p.cast())) };
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(upper))
    }
}

impl Load16 for f16 {
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn load16(mask: __mmask16, p: *const f16) -> __m512 {
        // SAFETY: the caller's contract.
        unsafe { _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p.cast())) }
    }
}

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Element>(isa: Isa, a: Args<'_, E>) -> bool {
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 => {
            // SAFETY: AVX-512 was just detected.
            unsafe { body(a) };
            true
        }
        _ => false,
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn body<E: Element>(a: Args<'_, E>) {
    let (k, x) = (a.k, &a.x[..a.k]);
    let mut rows = a.w.chunks_exact((ROWS * k).max(1));
    let mut out = a.y.chunks_exact_mut(ROWS);
    for (w, y) in (&mut rows).zip(&mut out) {
        let (w0, w1) = w.split_at(k);
        [y[0], y[1]] = two_rows(w0, w1, x);
    }
    let last = out.into_remainder();
    if let [y] = last {
        let w = &a.w[a.w.len() - k..];
        [*y, _] = two_rows(w, w, x);
    }
    if k == 0 {
        a.y.fill(0.0);
    }
}

/// The dot products of two rows with x, all three equally long.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn two_rows<E: Element>(w0: &[E], w1: &[E], x: &[f32]) -> [f32; 2] {
    assert!(w0.len() == x.len() && w1.len() == x.len());
    let k = x.len();
    let (p0, p1, px) = (w0.as_ptr(), w1.as_ptr(), x.as_ptr());
    let ahead = AHEAD / size_of::<E>();
    let mut s0 = [_mm512_setzero_ps(); 4];
    let mut s1 = [_mm512_setzero_ps(); 4];
    let mut c = 0;
    while c + 64 <= k {
        for u in 0..4 {
            let at = c + 16 * u;
            // One prefetch for each cache line that the loads pass.
            if (u * 16 * size_of::<E>()).is_multiple_of(64) {
                _mm_prefetch::<_MM_HINT_T0>(p0.wrapping_add(at + ahead).cast());
                _mm_prefetch::<_MM_HINT_T0>(p1.wrapping_add(at + ahead).cast());
            }
            // SAFETY: at + 16 <= k, the length of all three.
            unsafe {
                let xv = _mm512_loadu_ps(px.add(at));
                s0[u] = _mm512_fmadd_ps(E::load16(0xffff, p0.add(at)), xv, s0[u]);
                s1[u] = _mm512_fmadd_ps(E::load16(0xffff, p1.add(at)), xv, s1[u]);
            }
        }
        c += 64;
    }
    while c < k {
        let left = (k - c).min(16);
        let mask = (0xffff_u32 >> (16 - left)) as __mmask16;
        // SAFETY: the mask covers only the `left` values that lie below k.
        unsafe {
            let xv = _mm512_maskz_loadu_ps(mask, px.add(c));
            s0[0] = _mm512_fmadd_ps(E::load16(mask, p0.add(c)), xv, s0[0]);
            s1[0] = _mm512_fmadd_ps(E::load16(mask, p1.add(c)), xv, s1[0]);
        }
        c += left;
    }
    let total =
        |s: [__m512; 4]| _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3])));
    [total(s0), total(s1)]
}
