//! idea: x is rounded to bf16 in registers, once for eight rows, and one vdpbf16ps multiplies 32 weights as they are stored

use core::arch::x86_64::*;
use core::mem::transmute;

use half::bf16;

use super::Args;
use super::x86_eight_rows::{ROWS, in_groups};
use crate::machine::{Avx512, Isa};

/// The file's first line. After ik_llama.cpp's pull request 142, but rows are not interleaved: eight streams and one
/// register of x do without.
pub const IDEA: &str = "x is rounded to bf16 in registers, once for eight rows, and one vdpbf16ps multiplies 32 weights as they are stored";

/// Columns of one instruction.
const COLUMNS: usize = 32;
/// Columns of a step: two instructions for each row, whose sums do not wait for each other.
const STEP: usize = 2 * COLUMNS;

/// Runs where AVX-512 and AVX512_BF16 were detected; false elsewhere. Denormals are taken as zeros, see GEMM's `x86_bf16`.
pub fn run(isa: Isa, a: Args<'_, bf16>) -> bool {
    run_on(isa, a, false)
}

/// The same on this thread or on all.
pub(super) fn run_on(isa: Isa, a: Args<'_, bf16>, threads: bool) -> bool {
    if isa != Isa::Avx512 || Avx512::detect().is_none() || !is_x86_feature_detected!("avx512bf16") {
        return false;
    }
    // SAFETY: AVX-512 and the one extension beside were just detected.
    unsafe { in_groups(a, threads, rows::<ROWS>, rows::<1>) };
    true
}

/// The dot products of `R` rows of `k` weights with x.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
fn rows<const R: usize>(w: &[bf16], k: usize, x: &[f32]) -> [f32; R] {
    assert!(w.len() == R * k && x.len() == k);
    let mut sums = [[_mm512_setzero_ps(); R]; 2];
    let (w, x) = (w.as_ptr(), x.as_ptr());
    let whole = k / STEP * STEP;
    for c in (0..whole).step_by(STEP) {
        // SAFETY: c + STEP <= k.
        unsafe { step(u64::MAX, w.add(c), k, x.add(c), &mut sums) }
    }
    if whole < k {
        // SAFETY: the mask covers only what lies below k.
        unsafe { step(u64::MAX >> (STEP - (k - whole)), w.add(whole), k, x.add(whole), &mut sums) }
    }
    let [first, second] = sums;
    core::array::from_fn(|r| _mm512_reduce_add_ps(_mm512_add_ps(first[r], second[r])))
}

/// The products of one step, `k` weights from one row to the next.
///
/// # Safety
/// `w` points to the masked weights of each row, `x` to as many values.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn step<const R: usize>(mask: u64, w: *const bf16, k: usize, x: *const f32, sums: &mut [[__m512; R]; 2]) {
    for (half, sums) in sums.iter_mut().enumerate() {
        let mask = (mask >> (COLUMNS * half)) as __mmask32;
        // SAFETY: the caller's contract; where a part of the mask is empty nothing of that part is read. The two types are
        // names of one register.
        unsafe {
            let (w, x) = (w.wrapping_add(COLUMNS * half), x.wrapping_add(COLUMNS * half));
            let lower = _mm512_maskz_loadu_ps(mask as __mmask16, x);
            let upper = _mm512_maskz_loadu_ps((mask >> 16) as __mmask16, x.wrapping_add(16));
            let x = _mm512_cvtne2ps_pbh(upper, lower);
            for (r, sum) in sums.iter_mut().enumerate() {
                let w = _mm512_maskz_loadu_epi16(mask, w.wrapping_add(r * k).cast());
                *sum = _mm512_dpbf16_ps(*sum, transmute::<__m512i, __m512bh>(w), x);
            }
        }
    }
}
