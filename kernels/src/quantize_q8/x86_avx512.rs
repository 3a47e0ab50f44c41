//! idea: four blocks at once: their maxima meet in one register of four, so a tree of shuffles and two divisions serve all

use core::arch::x86_64::*;

use super::{Args, LARGEST};
use crate::dtype::q8_0::BLOCK_LEN;
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str =
    "four blocks at once: their maxima meet in one register of four, so a tree of shuffles and two divisions serve all";

/// Blocks done together.
const BLOCKS: usize = 4;

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
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
fn body(a: Args<'_>) {
    let (x, _) = a.x.as_chunks::<BLOCK_LEN>();
    let (quants, _) = a.quants.as_chunks_mut::<BLOCK_LEN>();
    let whole = a.scales.len() / BLOCKS * BLOCKS;
    for b in (0..whole).step_by(BLOCKS) {
        four([&x[b], &x[b + 1], &x[b + 2], &x[b + 3]], &mut quants[b..b + BLOCKS], &mut a.scales[b..b + BLOCKS]);
    }
    for b in whole..a.scales.len() {
        four([&x[b]; BLOCKS], &mut quants[b..b + 1], &mut a.scales[b..b + 1]);
    }
}

/// As many of four blocks as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn four(x: [&[f32; BLOCK_LEN]; BLOCKS], quants: &mut [[i8; BLOCK_LEN]], scales: &mut [f32]) {
    let halves = x.map(|x| {
        // SAFETY: a block is 32 long, and the loads need no alignment.
        unsafe { [_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(x.as_ptr().add(16))] }
    });
    let [a, b, c, d] = halves.map(|[low, high]| quarter(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high))));
    let ab = _mm_max_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
    let cd = _mm_max_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
    let largest = _mm_max_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
    let four = _mm_max_ps(_mm_div_ps(largest, _mm_set1_ps(LARGEST)), _mm_set1_ps(f32::MIN_POSITIVE));
    let reciprocals = _mm512_castps128_ps512(_mm_div_ps(_mm_set1_ps(1.0), four));
    let mut stored = [0.0; BLOCKS];
    // SAFETY: `stored` is four long.
    unsafe { _mm_storeu_ps(stored.as_mut_ptr(), four) };
    let count = scales.len();
    scales.copy_from_slice(&stored[..count]);
    for (i, (halves, quants)) in halves.iter().zip(quants).enumerate() {
        let reciprocal = _mm512_permutexvar_ps(_mm512_set1_epi32(i as i32), reciprocals);
        let [low, high] = halves.map(|x| _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x, reciprocal))));
        // SAFETY: a block is 32 long, and the stores need no alignment.
        unsafe {
            _mm_storeu_si128(quants.as_mut_ptr().cast(), low);
            _mm_storeu_si128(quants.as_mut_ptr().add(16).cast(), high);
        }
    }
}

/// The maxima of each four lanes that are four apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn quarter(v: __m512) -> __m128 {
    let eight = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
    _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight))
}
