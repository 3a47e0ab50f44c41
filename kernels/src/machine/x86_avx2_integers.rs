//! The integer half of the AVX2 machine.

use core::arch::x86_64::*;

use super::{Avx2, Integers};

/// Operations that are one expression over their operands' registers.
macro_rules! plain {
    ($($name:ident($($a:ident),+) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($a: &__m256i),+) -> __m256i {
            $(let $a = *$a;)+
            // SAFETY: features detected.
            unsafe { $body }
        }
    )*};
}

/// 16 i8 from `s[i..]`, sign-extended to i16.
#[inline(always)]
fn load_i16(s: &[i8], i: usize) -> __m256i {
    let bytes = &s[i..i + 16];
    // SAFETY: `bytes` is 16 long and the load needs no alignment.
    unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes.as_ptr().cast())) }
}

/// 32 i8 from `s[i..]`.
#[inline(always)]
fn load_32(s: &[i8], i: usize) -> __m256i {
    let bytes = &s[i..i + 32];
    // SAFETY: `bytes` is 32 long and the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

impl<const VNNI: bool> Integers for Avx2<VNNI> {
    #[inline(always)]
    fn zero_i(self) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_setzero_si256() }
    }
    #[inline(always)]
    fn load_i8(self, s: &[i8], i: usize) -> __m256i {
        let bytes = &s[i..i + 8];
        // SAFETY: `bytes` is 8 long and the load needs no alignment.
        unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(bytes.as_ptr().cast())) }
    }
    #[inline(always)]
    fn add_i(self, a: &__m256i, b: &__m256i) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_add_epi32(*a, *b) }
    }
    #[inline(always)]
    fn mul_i(self, a: &__m256i, b: &__m256i) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_mullo_epi32(*a, *b) }
    }
    #[inline(always)]
    fn lookup(self, table: &[i32], index: &__m256i) -> __m256i {
        let index: [i32; 8] = bytemuck::cast(*index);
        bytemuck::cast(index.map(|i| table[i as usize]))
    }
    #[inline(always)]
    fn to_f32(self, v: &__m256i) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_cvtepi32_ps(*v) }
    }
    #[inline(always)]
    fn madd_i8(self, acc: &__m256i, w: &[i8], i: usize, x: &[i8], j: usize) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_add_epi32(*acc, _mm256_madd_epi16(load_i16(w, i), load_i16(x, j))) }
    }
    // vpdpbusd multiplies unsigned by signed bytes: move the sign of w to x. |w| of -128 is 128, right as unsigned.
    #[inline(always)]
    fn dot4_i8(self, acc: &__m256i, w: &[i8], i: usize, x: &[i8], j: usize) -> __m256i {
        if VNNI {
            let (w, x) = (load_32(w, i), load_32(x, j));
            // SAFETY: features detected, VNNI among them.
            unsafe { _mm256_dpbusd_epi32(*acc, _mm256_abs_epi8(w), _mm256_sign_epi8(x, w)) }
        } else {
            let half = self.madd_i8(acc, w, i, x, j);
            self.madd_i8(&half, w, i + 16, x, j + 16)
        }
    }

    #[inline(always)]
    fn splat_i(self, x: i32) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_set1_epi32(x) }
    }
    #[inline(always)]
    fn load_u8(self, s: &[u8], i: usize) -> __m256i {
        let bytes = &s[i..i + 8];
        // SAFETY: `bytes` is 8 long and the load needs no alignment.
        unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(bytes.as_ptr().cast())) }
    }
    #[inline(always)]
    fn store_i8(self, v: &__m256i, s: &mut [i8], i: usize) {
        let bytes: &mut [i8; 8] = (&mut s[i..i + 8]).try_into().expect("the slice is 8 long");
        let lanes: [i32; 8] = bytemuck::cast(*v);
        *bytes = lanes.map(|x| x as i8);
    }
    #[inline(always)]
    fn store_i(self, v: &__m256i, s: &mut [i32], i: usize) {
        let lanes = &mut s[i..i + 8];
        // SAFETY: `lanes` is 8 long and the store needs no alignment.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), *v) }
    }
    plain! {
        mask_i(a, mask) = _mm256_and_si256(a, mask);
        sub_i(a, b) = _mm256_sub_epi32(a, b);
        or_i(a, b) = _mm256_or_si256(a, b);
        or_b(a, b) = _mm256_or_si256(a, b);
        sub_b(a, b) = _mm256_sub_epi8(a, b);
        add_i16(a, b) = _mm256_add_epi16(a, b);
        even_i16(v) = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(v));
        odd_i16(v) = _mm256_srai_epi16::<8>(v);
        madd_i16(acc, a, b) = _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
        swizzle_b(table, index) = _mm256_shuffle_epi8(table, index);
    }
    #[inline(always)]
    fn and_i(self, a: &__m256i, mask: i32) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_and_si256(*a, _mm256_set1_epi32(mask)) }
    }
    #[inline(always)]
    fn shl_i<const N: i32>(self, a: &__m256i) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_sll_epi32(*a, _mm_cvtsi32_si128(N)) }
    }
    #[inline(always)]
    fn shr_i<const N: i32>(self, a: &__m256i) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_srl_epi32(*a, _mm_cvtsi32_si128(N)) }
    }
    #[inline(always)]
    fn lookup_f32(self, table: &[f32], index: &__m256i) -> __m256 {
        let index: [i32; 8] = bytemuck::cast(*index);
        bytemuck::cast(index.map(|i| table[i as usize]))
    }
    #[inline(always)]
    fn sum_i(self, v: &__m256i) -> i32 {
        // SAFETY: features detected.
        unsafe {
            let four = _mm_add_epi32(_mm256_castsi256_si128(*v), _mm256_extracti128_si256::<1>(*v));
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
        }
    }
    #[inline(always)]
    fn round_i(self, v: &__m256) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_cvtps_epi32(*v) }
    }
    #[inline(always)]
    fn bits_as_f32(self, v: &__m256i) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_castsi256_ps(*v) }
    }

    #[inline(always)]
    fn load_b(self, s: &[u8], i: usize) -> __m256i {
        let bytes = &s[i..i + 32];
        // SAFETY: `bytes` is 32 long and the load needs no alignment.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }
    #[inline(always)]
    fn load_splat_b4(self, s: &[i8], i: usize) -> __m256i {
        let four: &[i8; 4] = s[i..i + 4].try_into().expect("the slice is 4 long");
        self.splat_i(bytemuck::cast(*four))
    }
    #[inline(always)]
    fn splat_b(self, x: u8) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_set1_epi8(x as i8) }
    }
    #[inline(always)]
    fn splat_i16(self, x: i16) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_set1_epi16(x) }
    }
    #[inline(always)]
    fn and_b(self, a: &__m256i, mask: u8) -> __m256i {
        // SAFETY: features detected.
        unsafe { _mm256_and_si256(*a, self.splat_b(mask)) }
    }
    #[inline(always)]
    fn shl_b<const N: i32>(self, a: &__m256i) -> __m256i {
        // SAFETY: features detected.
        let pairs = unsafe { _mm256_sll_epi16(*a, _mm_cvtsi32_si128(N)) };
        self.and_b(&pairs, 0xff << N)
    }
    #[inline(always)]
    fn shr_b<const N: i32>(self, a: &__m256i) -> __m256i {
        // SAFETY: features detected.
        let pairs = unsafe { _mm256_srl_epi16(*a, _mm_cvtsi32_si128(N)) };
        self.and_b(&pairs, 0xff >> N)
    }
    #[inline(always)]
    fn load_table(self, s: &[i8], i: usize) -> __m256i {
        let sixteen = &s[i..i + 16];
        // SAFETY: `sixteen` is 16 long and the load needs no alignment.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(sixteen.as_ptr().cast())) }
    }
    // vpdpbusd and vpmaddubsw multiply unsigned by signed bytes: move the sign of w to x. |w| of -128 is 128, right as
    // unsigned, and no pair of products leaves i16: 2 * 128 * 127 < 2^15.
    #[inline(always)]
    fn dot4_b(self, acc: &__m256i, w: &__m256i, x: &__m256i) -> __m256i {
        // SAFETY: features detected.
        let (w, x) = unsafe { (_mm256_abs_epi8(*w), _mm256_sign_epi8(*x, *w)) };
        self.dot4_ub(acc, &w, &x)
    }
    #[inline(always)]
    fn dot4_ub(self, acc: &__m256i, w: &__m256i, x: &__m256i) -> __m256i {
        // SAFETY: features detected, VNNI among them where it is used.
        unsafe {
            if VNNI {
                _mm256_dpbusd_epi32(*acc, *w, *x)
            } else {
                let pairs = _mm256_maddubs_epi16(*w, *x);
                _mm256_add_epi32(*acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
            }
        }
    }
}
