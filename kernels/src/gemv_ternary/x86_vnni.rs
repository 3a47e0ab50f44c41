//! idea: a 512-bit register holds sixteen rows, vpdpbusd multiplies four codes of each with x broadcast from memory

use core::arch::x86_64::*;

use super::Args;
use super::tq2_0::{Group, place};
use crate::dtype::tq2_0::BlockTq2_0;
use crate::gemv_packed::x86_vnni::{self, dot4, halves, load};
use crate::gemv_packed::{ArchDot, X};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "a 512-bit register holds sixteen rows, vpdpbusd multiplies four codes of each with x broadcast from memory";

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
    x86_vnni::run(isa, a.packed)
}

impl ArchDot<Group> for BlockTq2_0 {
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn dot_vnni(group: &Group, x: X<'_>, sum: __m512) -> __m512 {
        let quants = &x.quants[..256];
        // Codes of run r are multiplied where they lie, 4^r times too large: unsigned bytes, so the highest too.
        let mut products = [_mm512_setzero_si512(); 4];
        for half in 0..2 {
            for c in 0..8 {
                let bytes = load(&group.qs[8 * half + c]);
                for (run, products) in products.iter_mut().enumerate() {
                    let codes = _mm512_and_si512(bytes, _mm512_set1_epi8((3u8 << (2 * run)) as i8));
                    *products = dot4(*products, codes, quants, place(half, run, 0) / 4 + c);
                }
            }
        }
        // Exact: each is a multiple of 4^r.
        let [a, b, c, d] = products;
        let high = _mm512_add_epi32(_mm512_srai_epi32::<4>(c), _mm512_srai_epi32::<6>(d));
        let whole = _mm512_add_epi32(_mm512_add_epi32(a, _mm512_srai_epi32::<2>(b)), high);
        let whole = _mm512_sub_ps(_mm512_cvtepi32_ps(whole), _mm512_set1_ps(x.sums[0]));
        _mm512_fmadd_ps(whole, _mm512_mul_ps(halves(&group.d), _mm512_set1_ps(x.scales[0])), sum)
    }
}
