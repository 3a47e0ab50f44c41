//! The integer half of the AVX-512 machine.

use core::arch::x86_64::*;

use super::{Avx512, Integers};

/// Operations that are one expression over their operands' registers.
macro_rules! plain {
    ($($name:ident($($a:ident),+) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($a: &__m512i),+) -> __m512i {
            $(let $a = *$a;)+
            // SAFETY: features detected.
            unsafe { $body }
        }
    )*};
}

/// 32 i8 from `s[i..]`, sign-extended to i16.
#[inline(always)]
fn load_i16(s: &[i8], i: usize) -> __m512i {
    let bytes = &s[i..i + 32];
    // SAFETY: `bytes` is 32 long and the load needs no alignment.
    unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(bytes.as_ptr().cast())) }
}

impl Integers for Avx512 {
    #[inline(always)]
    fn zero_i(self) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_setzero_si512() }
    }
    #[inline(always)]
    fn load_i8(self, s: &[i8], i: usize) -> __m512i {
        let bytes = &s[i..i + 16];
        // SAFETY: `bytes` is 16 long and the load needs no alignment.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(bytes.as_ptr().cast())) }
    }
    #[inline(always)]
    fn add_i(self, a: &__m512i, b: &__m512i) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_add_epi32(*a, *b) }
    }
    #[inline(always)]
    fn mul_i(self, a: &__m512i, b: &__m512i) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_mullo_epi32(*a, *b) }
    }
    #[inline(always)]
    fn lookup(self, table: &[i32], index: &__m512i) -> __m512i {
        let index: [i32; 16] = bytemuck::cast(*index);
        bytemuck::cast(index.map(|i| table[i as usize]))
    }
    #[inline(always)]
    fn to_f32(self, v: &__m512i) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_cvtepi32_ps(*v) }
    }
    #[inline(always)]
    fn madd_i8(self, acc: &__m512i, w: &[i8], i: usize, x: &[i8], j: usize) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_add_epi32(*acc, _mm512_madd_epi16(load_i16(w, i), load_i16(x, j))) }
    }

    #[inline(always)]
    fn splat_i(self, x: i32) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    fn load_u8(self, s: &[u8], i: usize) -> __m512i {
        let bytes = &s[i..i + 16];
        // SAFETY: `bytes` is 16 long and the load needs no alignment.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.as_ptr().cast())) }
    }
    #[inline(always)]
    fn store_i8(self, v: &__m512i, s: &mut [i8], i: usize) {
        let bytes = &mut s[i..i + 16];
        // SAFETY: `bytes` is 16 long and the store needs no alignment.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(*v)) }
    }
    #[inline(always)]
    fn store_i(self, v: &__m512i, s: &mut [i32], i: usize) {
        let lanes = &mut s[i..i + 16];
        // SAFETY: `lanes` is 16 long and the store needs no alignment.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), *v) }
    }
    plain! {
        mask_i(a, mask) = _mm512_and_si512(a, mask);
        sub_i(a, b) = _mm512_sub_epi32(a, b);
        or_i(a, b) = _mm512_or_si512(a, b);
        or_b(a, b) = _mm512_or_si512(a, b);
        sub_b(a, b) = _mm512_sub_epi8(a, b);
        add_i16(a, b) = _mm512_add_epi16(a, b);
        even_i16(v) = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(v));
        odd_i16(v) = _mm512_srai_epi16::<8>(v);
        madd_i16(acc, a, b) = _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
        swizzle_b(table, index) = _mm512_shuffle_epi8(table, index);
    }
    #[inline(always)]
    fn and_i(self, a: &__m512i, mask: i32) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_and_si512(*a, _mm512_set1_epi32(mask)) }
    }
    #[inline(always)]
    fn shl_i<const N: i32>(self, a: &__m512i) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_sll_epi32(*a, _mm_cvtsi32_si128(N)) }
    }
    #[inline(always)]
    fn shr_i<const N: i32>(self, a: &__m512i) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_srl_epi32(*a, _mm_cvtsi32_si128(N)) }
    }
    #[inline(always)]
    fn lookup_f32(self, table: &[f32], index: &__m512i) -> __m512 {
        let index: [i32; 16] = bytemuck::cast(*index);
        bytemuck::cast(index.map(|i| table[i as usize]))
    }
    #[inline(always)]
    fn sum_i(self, v: &__m512i) -> i32 {
        // SAFETY: features detected.
        unsafe { _mm512_reduce_add_epi32(*v) }
    }
    #[inline(always)]
    fn round_i(self, v: &__m512) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_cvtps_epi32(*v) }
    }
    #[inline(always)]
    fn bits_as_f32(self, v: &__m512i) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_castsi512_ps(*v) }
    }

    #[inline(always)]
    fn load_b(self, s: &[u8], i: usize) -> __m512i {
        let bytes = &s[i..i + 64];
        // SAFETY: `bytes` is 64 long and the load needs no alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }
    #[inline(always)]
    fn load_splat_b4(self, s: &[i8], i: usize) -> __m512i {
        let four: &[i8; 4] = s[i..i + 4].try_into().expect("the slice is 4 long");
        self.splat_i(bytemuck::cast(*four))
    }
    #[inline(always)]
    fn splat_b(self, x: u8) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_set1_epi8(x as i8) }
    }
    #[inline(always)]
    fn splat_i16(self, x: i16) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_set1_epi16(x) }
    }
    #[inline(always)]
    fn and_b(self, a: &__m512i, mask: u8) -> __m512i {
        // SAFETY: features detected.
        unsafe { _mm512_and_si512(*a, self.splat_b(mask)) }
    }
    #[inline(always)]
    fn shl_b<const N: i32>(self, a: &__m512i) -> __m512i {
        // SAFETY: features detected.
        let pairs = unsafe { _mm512_sll_epi16(*a, _mm_cvtsi32_si128(N)) };
        self.and_b(&pairs, 0xff << N)
    }
    #[inline(always)]
    fn shr_b<const N: i32>(self, a: &__m512i) -> __m512i {
        // SAFETY: features detected.
        let pairs = unsafe { _mm512_srl_epi16(*a, _mm_cvtsi32_si128(N)) };
        self.and_b(&pairs, 0xff >> N)
    }
    #[inline(always)]
    fn load_table(self, s: &[i8], i: usize) -> __m512i {
        let sixteen = &s[i..i + 16];
        // SAFETY: `sixteen` is 16 long and the load needs no alignment.
        unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(sixteen.as_ptr().cast())) }
    }
    // vpmaddubsw multiplies unsigned by signed bytes: move the sign of w to x. |w| of -128 is 128, right as unsigned, and
    // no pair of products leaves i16: 2 * 128 * 127 < 2^15.
    #[inline(always)]
    fn dot4_b(self, acc: &__m512i, w: &__m512i, x: &__m512i) -> __m512i {
        // SAFETY: features detected.
        let (w, x) = unsafe {
            let negative = _mm512_movepi8_mask(*w);
            (_mm512_abs_epi8(*w), _mm512_mask_sub_epi8(*x, negative, _mm512_setzero_si512(), *x))
        };
        self.dot4_ub(acc, &w, &x)
    }
    #[inline(always)]
    fn dot4_ub(self, acc: &__m512i, w: &__m512i, x: &__m512i) -> __m512i {
        // SAFETY: features detected.
        unsafe {
            let pairs = _mm512_maddubs_epi16(*w, *x);
            _mm512_add_epi32(*acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
        }
    }
}
