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
const STEP: usize = 32;

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
    // Two steps follow each other in different sums: the instruction takes six cycles and one can begin in each.
    let mut sums = [[_mm512_setzero_ps(); R]; 2];
    let (w, x) = (w.as_ptr(), x.as_ptr());
    let whole = k / STEP * STEP;
    for c in (0..whole).step_by(STEP) {
        // SAFETY: c + STEP <= k.
        unsafe { step(u32::MAX, w.add(c), k, x.add(c), &mut sums[c / STEP % 2]) }
    }
    if whole < k {
        // SAFETY: the mask covers only what lies below k.
        unsafe { step(u32::MAX >> (STEP - (k - whole)), w.add(whole), k, x.add(whole), &mut sums[whole / STEP % 2]) }
    }
    let [even, odd] = sums;
    core::array::from_fn(|r| _mm512_reduce_add_ps(_mm512_add_ps(even[r], odd[r])))
}

/// The products of one step, `k` weights from one row to the next.
///
/// # Safety
/// `w` points to the masked weights of each row, `x` to as many values.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn step<const R: usize>(mask: __mmask32, w: *const bf16, k: usize, x: *const f32, sums: &mut [__m512; R]) {
    // SAFETY: the caller's contract; where half of the mask is empty nothing of that half is read. The two types are
    // names of one register.
    unsafe {
        let lower = _mm512_maskz_loadu_ps(mask as __mmask16, x);
        let upper = _mm512_maskz_loadu_ps((mask >> 16) as __mmask16, x.wrapping_add(16));
        let x = _mm512_cvtne2ps_pbh(upper, lower);
        for (r, sum) in sums.iter_mut().enumerate() {
            let w = transmute::<__m512i, __m512bh>(_mm512_maskz_loadu_epi16(mask, w.add(r * k).cast()));
            *sum = _mm512_dpbf16_ps(*sum, w, x);
        }
    }
}
