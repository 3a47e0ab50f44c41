//! The 512-bit byte dot product of x86: no generic machine has it, but rungs in intrinsics may, and a ceiling must hold
//! for them too.

use core::arch::x86_64::*;

use super::{ProbeData, UNROLL, WIDE_OF_32};

/// `WIDE_OF_32` chains of vpdpbusd on 512-bit registers. Returns false where this processor has none.
pub(super) fn dot4_512(data: &mut ProbeData) -> bool {
    if !(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")) {
        return false;
    }
    // SAFETY: both features were detected.
    let sums = unsafe { chains(data.steps, data.bytes[1024..].first_chunk().expect("the buffer is longer")) };
    data.out[0] = sums.iter().map(|s| *s as f32).sum();
    true
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn chains(steps: usize, bytes: &[i8; 64]) -> [i32; 16] {
    let operand: __m512i = bytemuck::cast(*bytes);
    let mut v: [__m512i; WIDE_OF_32] = std::array::from_fn(|c| _mm512_set1_epi32(c as i32));
    for _ in 0..steps {
        for _ in 0..UNROLL {
            for v in &mut v {
                *v = _mm512_dpbusd_epi32(*v, operand, operand);
            }
        }
    }
    bytemuck::cast(v.into_iter().fold(_mm512_setzero_si512(), |a, b| _mm512_add_epi32(a, b)))
}
