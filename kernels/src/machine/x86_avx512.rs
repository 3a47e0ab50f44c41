//! AVX-512 (F, BW, DQ, VL), sixteen lanes and 32 registers (Skylake-X 2017, Zen 4 2022). The value exists only where the
//! features were detected, so its methods may use them.

use core::arch::x86_64::*;

use half::{bf16, f16};

use super::{Machine, Registers, Scalar, native_threads};

/// Sixteen lanes of AVX-512.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// The machine, where this processor has it.
    pub fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma");
        all.then_some(Self(()))
    }

    /// Runs `f` with the features on. Mark closures `#[inline(always)]`: one that the compiler leaves outside the shell
    /// has no features.
    #[inline(always)]
    pub(crate) fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn shell<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        // SAFETY: the value proves that `detect` found the features.
        unsafe { shell(f) }
    }
}

impl Registers for Avx512 {
    type F = __m512;
    type I = __m512i;
    type B = __m512i;
    type Sixteen = [__m512; 1];
    type One = Scalar;

    #[inline(always)]
    fn lanes(self) -> usize {
        16
    }
}

impl Machine for Avx512 {
    #[inline(always)]
    fn one(self) -> Scalar {
        Scalar
    }
    #[inline(always)]
    fn load(self, s: &[f32], i: usize) -> __m512 {
        let values = &s[i..i + 16];
        // SAFETY: `values` is 16 long and the load needs no alignment.
        unsafe { _mm512_loadu_ps(values.as_ptr()) }
    }
    #[inline(always)]
    fn load_splat(self, s: &[f32], i: usize) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_set1_ps(s[i]) }
    }
    #[inline(always)]
    fn load_f16_splat(self, h: &f16) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_cvtph_ps(_mm256_set1_epi16(h.to_bits() as i16)) }
    }
    #[inline(always)]
    fn load_bf16(self, s: &[bf16], i: usize) -> __m512 {
        let values = &s[i..i + 16];
        // SAFETY: `values` is 16 long and the load needs no alignment.
        unsafe {
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(
                values.as_ptr().cast(),
            ))))
        }
    }
    #[inline(always)]
    fn load_f16(self, s: &[f16], i: usize) -> __m512 {
        let values = &s[i..i + 16];
        // SAFETY: `values` is 16 long and the load needs no alignment.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(values.as_ptr().cast())) }
    }
    #[inline(always)]
    fn load_pairs(self, s: &[f32], i: usize) -> (__m512, __m512) {
        let (a, b) = (self.load(s, i), self.load(s, i + 16));
        // SAFETY: features detected.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            (_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b))
        }
    }
    #[inline(always)]
    fn store(self, v: &__m512, s: &mut [f32], i: usize) {
        let values = &mut s[i..i + 16];
        // SAFETY: `values` is 16 long and the store needs no alignment.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), *v) }
    }
    #[inline(always)]
    fn store_bf16(self, v: &__m512, s: &mut [bf16], i: usize) {
        let values = &mut s[i..i + 16];
        // SAFETY: `values` is 16 long and the store needs no alignment.
        unsafe {
            let bits = _mm512_castps_si512(*v);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
            let packed = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded));
            _mm256_storeu_si256(values.as_mut_ptr().cast(), packed);
        }
    }
    #[inline(always)]
    fn store_f16(self, v: &__m512, s: &mut [f16], i: usize) {
        let values = &mut s[i..i + 16];
        // SAFETY: `values` is 16 long and the store needs no alignment.
        unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(*v)) }
    }
    #[inline(always)]
    fn store_pairs(self, even: &__m512, odd: &__m512, s: &mut [f32], i: usize) {
        // SAFETY: features detected.
        let (low, high) = unsafe {
            let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let last = _mm512_add_epi32(first, _mm512_set1_epi32(8));
            (_mm512_permutex2var_ps(*even, first, *odd), _mm512_permutex2var_ps(*even, last, *odd))
        };
        self.store(&low, s, i);
        self.store(&high, s, i + 16);
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn broadcast(self, v: &f32) -> __m512 {
        self.splat(*v)
    }
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(self) -> [[__m512; C]; R] {
        [[self.splat(0.0); C]; R]
    }
    #[inline(always)]
    fn sixteen(self) -> [__m512; 1] {
        [self.splat(0.0)]
    }
    #[inline(always)]
    fn zeros<const N: usize>(self) -> [__m512; N] {
        [self.splat(0.0); N]
    }
    #[inline(always)]
    fn add(self, a: &__m512, b: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_add_ps(*a, *b) }
    }
    #[inline(always)]
    fn sub(self, a: &__m512, b: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_sub_ps(*a, *b) }
    }
    #[inline(always)]
    fn mul(self, a: &__m512, b: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_mul_ps(*a, *b) }
    }
    #[inline(always)]
    fn mul_add(self, a: &__m512, b: &__m512, c: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_fmadd_ps(*a, *b, *c) }
    }
    #[inline(always)]
    fn div(self, a: &__m512, b: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_div_ps(*a, *b) }
    }
    #[inline(always)]
    fn max(self, a: &__m512, b: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_max_ps(*a, *b) }
    }
    #[inline(always)]
    fn abs(self, a: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_abs_ps(*a) }
    }
    #[inline(always)]
    fn sqrt(self, a: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe { _mm512_sqrt_ps(*a) }
    }
    #[inline(always)]
    fn pow2(self, n: &__m512) -> __m512 {
        // SAFETY: features detected.
        unsafe {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(*n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }
    #[inline(always)]
    fn exp_libm(self, x: &__m512) -> __m512 {
        let mut lanes = [0.0; 16];
        self.store(x, &mut lanes, 0);
        self.load(&lanes.map(f32::exp), 0)
    }
    #[inline(always)]
    fn sin_cos_libm(self, x: &__m512) -> (__m512, __m512) {
        let mut lanes = [0.0; 16];
        self.store(x, &mut lanes, 0);
        (self.load(&lanes.map(f32::sin), 0), self.load(&lanes.map(f32::cos), 0))
    }
    #[inline(always)]
    fn reveal(self, v: &__m512) -> f32 {
        // SAFETY: features detected.
        unsafe { _mm512_cvtss_f32(*v) }
    }
    #[inline(always)]
    fn sum(self, v: &__m512) -> f32 {
        // SAFETY: features detected.
        unsafe { _mm512_reduce_add_ps(*v) }
    }
    #[inline(always)]
    fn largest(self, v: &__m512) -> f32 {
        // SAFETY: features detected.
        unsafe { _mm512_reduce_max_ps(*v) }
    }

    native_threads!();
}
