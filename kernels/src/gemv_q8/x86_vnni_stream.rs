//! idea: one row after the other and no prefetches: out of cache the weights are one long stream, which the processor follows best alone

use core::arch::x86_64::*;

use super::x86_vnni::{X, last_block};
use super::{Args, BLOCK_LEN};
use crate::dtype::q8_0::BlockQ8_0;
use crate::machine::{Avx512, Isa};
use crate::threads::each_row;

/// The file's first line.
pub const IDEA: &str = "one row after the other and no prefetches: out of cache the weights are one long stream, which the processor follows best alone";

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
    each_row(y, blocks * size_of::<BlockQ8_0>(), 1, threads, move |first, y| {
        for (r, y) in y.iter_mut().enumerate() {
            // SAFETY: AVX-512 and VNNI were just detected.
            *y = unsafe { row(&w[(first + r) * blocks..][..blocks], xq, xd) };
        }
    });
    true
}

/// The dot product of a row with x.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn row(w: &[BlockQ8_0], xq: &[i8], xd: &[f32]) -> f32 {
    let (pairs, last) = w.as_chunks::<2>();
    let mut sum = _mm512_setzero_ps();
    for ((w, xq), xd) in pairs.iter().zip(xq.chunks_exact(2 * BLOCK_LEN)).zip(xd.chunks_exact(2)) {
        // SAFETY: both blocks have 32 quants, and x has as many.
        let (quants, low, high) = unsafe {
            let [low, high] = [&w[0], &w[1]].map(|block| _mm256_loadu_si256(block.qs.as_ptr().cast()));
            (_mm512_loadu_si512(xq.as_ptr().cast()), low, high)
        };
        let [low_scale, high_scale] = [&w[0], &w[1]].map(|block| _mm_set1_epi16(block.d.to_bits() as i16));
        let scales = _mm512_cvtph_ps(_mm256_set_m128i(high_scale, low_scale));
        let weights = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
        sum = X::new(quants, &xd[0], &xd[1]).multiply_add(weights, scales, sum);
    }
    if let [block] = last {
        let b = xd.len() - 1;
        sum = last_block(block, &xq[b * BLOCK_LEN..], &xd[b], sum);
    }
    _mm512_reduce_add_ps(sum)
}
