//! idea: eight rows share each load of x and are as many streams; of 32 bf16 the even and the odd ones widen by one operation each

use core::arch::x86_64::*;

use half::{bf16, f16};

use super::x86_avx512::Load16;
use super::{Args, Element};
use crate::machine::{Avx512, Isa};
use crate::threads::each_row;

/// The file's first line.
pub const IDEA: &str = "eight rows share each load of x and are as many streams; of 32 bf16 the even and the odd ones widen by one operation each";

/// Rows done together. Measured on a Zen 4 out of its caches, this many streams are fetched as fast as memory is read,
/// and software prefetches on top only cost.
pub(super) const ROWS: usize = 8;

/// Columns of a step.
const STEP: usize = 32;

/// How AVX-512 loads the 32 weights of a step, and brings x into their order.
pub trait Load32: Load16 {
    /// Those whose bit of `mask` is set, zeros for the others; all bits in a loop that needs no mask.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL; `p` points to as many weights as the highest set bit says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn load32(mask: __mmask32, p: *const Self) -> [__m512; 2] {
        // SAFETY: the caller's contract; where the upper half of the mask is empty nothing is read.
        unsafe { [Self::load16(mask as __mmask16, p), Self::load16((mask >> 16) as __mmask16, p.wrapping_add(16))] }
    }

    /// 32 values of x, in the order of the weights.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn in_order(x: [__m512; 2]) -> [__m512; 2] {
        x
    }
}

impl Load32 for f32 {}
impl Load32 for f16 {}

impl Load32 for bf16 {
    /// The even ones in the first register, the odd ones in the second.
    ///
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn load32(mask: __mmask32, p: *const bf16) -> [__m512; 2] {
        // SAFETY: the caller's contract.
        let pairs = unsafe { _mm512_maskz_loadu_epi16(mask, p.cast()) };
        let odd = _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff << 16));
        [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)), _mm512_castsi512_ps(odd)]
    }

    /// Two permutations for eight rows, rather than x in another order in memory: there a second core would have to fetch it
    /// from the first.
    ///
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn in_order(x: [__m512; 2]) -> [__m512; 2] {
        let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        let odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
        [_mm512_permutex2var_ps(x[0], even, x[1]), _mm512_permutex2var_ps(x[0], odd, x[1])]
    }
}

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Element>(isa: Isa, a: Args<'_, E>) -> bool {
    run_on::<E, ROWS>(isa, a, false)
}

/// The same with `R` rows together, on this thread or on all.
pub(super) fn run_on<E: Element, const R: usize>(isa: Isa, a: Args<'_, E>, threads: bool) -> bool {
    if isa != Isa::Avx512 || Avx512::detect().is_none() {
        return false;
    }
    // SAFETY: AVX-512 was just detected.
    unsafe { in_groups(a, threads, rows::<E, R>, rows::<E, 1>) };
    true
}

/// The dot products of some rows of as many weights with x.
///
/// # Safety
/// The processor has what the function asks for.
type Dots<E, const R: usize> = unsafe fn(w: &[E], k: usize, x: &[f32]) -> [f32; R];

/// `R` rows at a time, and one by one what is left, on this thread or on all.
///
/// # Safety
/// The processor has what `many` and `one` ask for. Both are called with at least one column.
pub(super) unsafe fn in_groups<E: Element, const R: usize>(
    a: Args<'_, E>,
    threads: bool,
    many: Dots<E, R>,
    one: Dots<E, 1>,
) {
    let Args { w, k, x, y } = a;
    if k == 0 {
        return y.fill(0.0);
    }
    each_row(y, k * size_of::<E>(), R, threads, move |first, y| {
        let (w, last) = w[first * k..][..y.len() * k].split_at(y.len() / R * R * k);
        let mut out = y.chunks_exact_mut(R);
        for (w, y) in w.chunks_exact(R * k).zip(&mut out) {
            // SAFETY: the caller's contract.
            y.copy_from_slice(&unsafe { many(w, k, x) });
        }
        for (w, y) in last.chunks_exact(k).zip(out.into_remainder()) {
            // SAFETY: the caller's contract.
            [*y] = unsafe { one(w, k, x) };
        }
    });
}

/// The dot products of `R` rows of `k` weights with x.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn rows<E: Element, const R: usize>(w: &[E], k: usize, x: &[f32]) -> [f32; R] {
    assert!(w.len() == R * k && x.len() == k);
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    for c in (0..k / STEP * STEP).step_by(STEP) {
        // SAFETY: c + STEP <= k.
        unsafe { step::<E, R>(u32::MAX, w.as_ptr().add(c), k, x.as_ptr().add(c), &mut sums) }
    }
    let left = k % STEP;
    if left > 0 {
        let c = k - left;
        // SAFETY: the mask covers only what lies below k.
        unsafe { step::<E, R>(u32::MAX >> (STEP - left), w.as_ptr().add(c), k, x.as_ptr().add(c), &mut sums) }
    }
    let mut dots = [0.0; R];
    for (dot, [first, second]) in dots.iter_mut().zip(sums) {
        *dot = _mm512_reduce_add_ps(_mm512_add_ps(first, second));
    }
    dots
}

/// The products of one step, `k` weights from one row to the next.
///
/// # Safety
/// `w` points to the masked weights of each row, `x` to as many values.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn step<E: Element, const R: usize>(
    mask: __mmask32,
    w: *const E,
    k: usize,
    x: *const f32,
    sums: &mut [[__m512; 2]; R],
) {
    // SAFETY: the caller's contract.
    unsafe {
        let x = E::in_order([
            _mm512_maskz_loadu_ps(mask as __mmask16, x),
            _mm512_maskz_loadu_ps((mask >> 16) as __mmask16, x.wrapping_add(16)),
        ]);
        for (r, sums) in sums.iter_mut().enumerate() {
            let w = E::load32(mask, w.add(r * k));
            sums[0] = _mm512_fmadd_ps(w[0], x[0], sums[0]);
            sums[1] = _mm512_fmadd_ps(w[1], x[1], sums[1]);
        }
    }
}
