//! idea: the scales of sixteen blocks of a row are widened together and wait as f32, so a block costs five instructions

use core::arch::x86_64::*;

use super::{Args, BLOCK_LEN};
use crate::dtype::q8_0::BlockQ8_0;
use crate::machine::{Avx512, Isa};
use crate::threads::each_row;

/// The file's first line.
pub const IDEA: &str =
    "the scales of sixteen blocks of a row are widened together and wait as f32, so a block costs five instructions";

/// Rows done together: what x's block needs is prepared once for all of them.
const ROWS: usize = 8;
/// Blocks whose scales are widened together.
const RUN: usize = 16;

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
    run_on(isa, a, false)
}

/// The same on this thread or on all.
pub(super) fn run_on(isa: Isa, a: Args<'_>, threads: bool) -> bool {
    if isa != Isa::Avx512 || Avx512::detect().is_none() || !is_x86_feature_detected!("avx512vnni") {
        return false;
    }
    let Args { w, xq, xd, y, .. } = a;
    let blocks = xd.len();
    each_row(y, blocks * size_of::<BlockQ8_0>(), ROWS, threads, move |first, y| {
        // SAFETY: AVX-512 and VNNI were just detected.
        unsafe { body(&w[first * blocks..][..y.len() * blocks], xq, xd, y) }
    });
    true
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn body(w: &[BlockQ8_0], xq: &[i8], xd: &[f32], y: &mut [f32]) {
    let blocks = xd.len();
    let (together, last) = w.split_at(y.len() / ROWS * ROWS * blocks);
    let mut groups = y.chunks_exact_mut(ROWS);
    for (g, y) in groups.by_ref().enumerate() {
        y.copy_from_slice(&rows::<ROWS>(&together[g * ROWS * blocks..(g + 1) * ROWS * blocks], xq, xd));
    }
    for (r, y) in groups.into_remainder().iter_mut().enumerate() {
        [*y] = rows::<1>(&last[r * blocks..(r + 1) * blocks], xq, xd);
    }
}

/// The dot products of `R` rows with x.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn rows<const R: usize>(w: &[BlockQ8_0], xq: &[i8], xd: &[f32]) -> [f32; R] {
    let blocks = xd.len();
    assert!(w.len() == R * blocks && xq.len() == blocks * BLOCK_LEN);
    let mut sums = [_mm256_setzero_ps(); R];
    let mut scales = [[0.0; RUN]; R];
    for (t, xd) in xd.chunks(RUN).enumerate() {
        let first = t * RUN;
        for (r, scales) in scales.iter_mut().enumerate() {
            let run = &w[r * blocks + first..][..xd.len()];
            *scales = match (run.try_into(), xd.try_into()) {
                (Ok(run), Ok(xd)) => sixteen(run, xd),
                _ => few(run, xd),
            };
        }
        // SAFETY: each row and x have the blocks of `xd` from `first` on, and those are at most a run.
        unsafe { add(w.as_ptr().add(first), blocks, xd.len(), xq.as_ptr().add(first * BLOCK_LEN), &scales, &mut sums) }
    }
    sums.map(|sum| _mm512_reduce_add_ps(_mm512_zextps256_ps512(sum)))
}

/// Adds the products of `len` blocks of each row, `blocks` apart, with x. Pointers, as checks of bounds cost a third.
///
/// # Safety
/// There are so many blocks, and no more than a run.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn add<const R: usize>(
    w: *const BlockQ8_0,
    blocks: usize,
    len: usize,
    xq: *const i8,
    scales: &[[f32; RUN]; R],
    sums: &mut [__m256; R],
) {
    for b in 0..len {
        // SAFETY: the caller's contract; a block of x is 32 bytes.
        let x = unsafe { _mm256_loadu_si256(xq.add(b * BLOCK_LEN).cast()) };
        // Weights go unsigned by adding 128, which x's own sums take back.
        let excess = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(-128), x);
        let correction = _mm256_sub_epi32(_mm256_setzero_si256(), excess);
        for r in 0..R {
            // SAFETY: the caller's contract; a block of weights has 32 quants.
            let (quants, scale) = unsafe {
                let block = &*w.add(r * blocks + b);
                (_mm256_loadu_si256(block.qs.as_ptr().cast()), scales[r].get_unchecked(b))
            };
            let unsigned = _mm256_xor_si256(quants, _mm256_set1_epi8(-128));
            let products = _mm256_cvtepi32_ps(_mm256_dpbusd_epi32(correction, unsigned, x));
            sums[r] = _mm256_fmadd_ps(products, _mm256_broadcast_ss(scale), sums[r]);
        }
    }
}

/// The scales of a run, times x's.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn sixteen(run: &[BlockQ8_0; RUN], xd: &[f32; RUN]) -> [f32; RUN] {
    let bits = |b: usize| run[b].d.to_bits() as i16;
    let low = _mm_set_epi16(bits(7), bits(6), bits(5), bits(4), bits(3), bits(2), bits(1), bits(0));
    let high = _mm_set_epi16(bits(15), bits(14), bits(13), bits(12), bits(11), bits(10), bits(9), bits(8));
    let mut products = [0.0; RUN];
    // SAFETY: both arrays hold sixteen values.
    unsafe {
        let scales = _mm512_cvtph_ps(_mm256_set_m128i(high, low));
        _mm512_storeu_ps(products.as_mut_ptr(), _mm512_mul_ps(scales, _mm512_loadu_ps(xd.as_ptr())));
    }
    products
}

/// The same of fewer blocks; no scales behind them.
fn few(run: &[BlockQ8_0], xd: &[f32]) -> [f32; RUN] {
    let mut products = [0.0; RUN];
    for ((product, block), xd) in products.iter_mut().zip(run).zip(xd) {
        *product = block.d.to_f32() * xd;
    }
    products
}
