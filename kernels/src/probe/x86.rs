//! The 512-bit dot products of bytes and of bf16 pairs of x86: no generic machine has them, but rungs in intrinsics may use
//! them, and a ceiling must hold for those too.

use core::arch::x86_64::*;

use super::{ProbeData, UNROLL, WIDE_OF_32};
use crate::machine::x86_amx::{Amx, Product};

/// `WIDE_OF_32` chains of vpdpbusd on 512-bit registers. Returns false where this processor has none.
pub(super) fn dot4_512(data: &mut ProbeData) -> bool {
    if !(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")) {
        return false;
    }
    // SAFETY: both features were detected.
    let sums = unsafe { byte_chains(data.steps, data.bytes[1024..].first_chunk().expect("the buffer is longer")) };
    data.out[0] = sums.iter().map(|s| *s as f32).sum();
    true
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn byte_chains(steps: usize, bytes: &[i8; 64]) -> [i32; 16] {
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

/// Products of tiles. Returns false where this processor has none, or the system does not grant them.
pub(super) fn tiles(product: Product, data: &mut ProbeData) -> bool {
    let Some(amx) = Amx::detect(product) else { return false };
    amx.spin(product, data.steps);
    data.out[0] = 1.0;
    true
}

/// `N` chains of vdpbf16ps on 512-bit registers. Returns false where this processor has none.
pub(super) fn pairs_bf16<const N: usize>(data: &mut ProbeData) -> bool {
    if !(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")) {
        return false;
    }
    // SAFETY: both features were detected.
    let sums = unsafe { pair_chains::<N>(data.steps, data.bytes[1024..].first_chunk().expect("the buffer is longer")) };
    data.out[..16].copy_from_slice(&sums);
    true
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn pair_chains<const N: usize>(steps: usize, bytes: &[i8; 64]) -> [f32; 16] {
    // Without their signs and highest exponent bits they are below 1: their squares keep the sums finite.
    let operand: __m512i = bytemuck::cast(*bytes);
    let operand = _mm512_and_si512(operand, _mm512_set1_epi16(0x3f7f));
    // SAFETY: registers of the same size in which any bits are values.
    let operand = unsafe { core::mem::transmute::<__m512i, __m512bh>(operand) };
    let mut v: [__m512; N] = std::array::from_fn(|c| _mm512_set1_ps(1.0 + c as f32));
    for _ in 0..steps {
        for _ in 0..UNROLL {
            for v in &mut v {
                *v = _mm512_dpbf16_ps(*v, operand, operand);
            }
        }
    }
    bytemuck::cast(v.into_iter().fold(_mm512_setzero_ps(), |a, b| _mm512_add_ps(a, b)))
}
