//! AVX2 + FMA + F16C, eight lanes (Haswell 2013, Zen 2017 and later). With `VNNI` also the 256-bit vpdpbusd (Ice Lake
//! 2019, Zen 4 2022). The value exists only where the features were detected, so its methods may use them.

use core::arch::x86_64::*;

use half::{bf16, f16};

use super::{Machine, Registers, Scalar, native_threads};

/// Eight lanes of AVX2; `VNNI` adds the byte dot product.
#[derive(Clone, Copy, Debug)]
pub struct Avx2<const VNNI: bool>(());

impl<const VNNI: bool> Avx2<VNNI> {
    /// The machine, where this processor has it.
    pub fn detect() -> Option<Self> {
        let base =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        let vnni = is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl");
        (base && (vnni || !VNNI)).then_some(Self(()))
    }

    /// Runs `f` with the features on. Mark closures `#[inline(always)]`: one that the compiler leaves outside the shell
    /// has no features.
    #[inline(always)]
    pub(crate) fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn base<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        #[target_feature(enable = "avx2,fma,f16c,avx512vnni,avx512vl")]
        fn vnni<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        // SAFETY: the value proves that `detect` found the features.
        unsafe { if VNNI { vnni(f) } else { base(f) } }
    }
}

// SAFETY of the arithmetic below: an `Avx2` value exists only where `detect` found every feature the intrinsics need.
impl<const VNNI: bool> Registers for Avx2<VNNI> {
    type F = __m256;
    type I = __m256i;
    type B = __m256i;
    type Sixteen = [__m256; 2];
    type One = Scalar;

    #[inline(always)]
    fn lanes(self) -> usize {
        8
    }
}

impl<const VNNI: bool> Machine for Avx2<VNNI> {
    #[inline(always)]
    fn one(self) -> Scalar {
        Scalar
    }
    #[inline(always)]
    fn load(self, s: &[f32], i: usize) -> __m256 {
        let values = &s[i..i + 8];
        // SAFETY: `values` is 8 long and the load needs no alignment.
        unsafe { _mm256_loadu_ps(values.as_ptr()) }
    }
    #[inline(always)]
    fn load_splat(self, s: &[f32], i: usize) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_set1_ps(s[i]) }
    }
    #[inline(always)]
    fn load_f16_splat(self, h: &f16) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_cvtph_ps(_mm_set1_epi16(h.to_bits() as i16)) }
    }
    #[inline(always)]
    fn load_bf16(self, s: &[bf16], i: usize) -> __m256 {
        let values = &s[i..i + 8];
        // SAFETY: `values` is 8 long and the load needs no alignment.
        unsafe {
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(values.as_ptr().cast()))))
        }
    }
    #[inline(always)]
    fn load_f16(self, s: &[f16], i: usize) -> __m256 {
        let values = &s[i..i + 8];
        // SAFETY: `values` is 8 long and the load needs no alignment.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(values.as_ptr().cast())) }
    }
    #[inline(always)]
    fn load_pairs(self, s: &[f32], i: usize) -> (__m256, __m256) {
        let (a, b) = (self.load(s, i), self.load(s, i + 8));
        // SAFETY: features detected.
        unsafe {
            // Within halves of the register: a0 a2 b0 b2 | a4 a6 b4 b6; then the quarters into order.
            let order = |v| _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_castps_pd(v)));
            let (even, odd) = (_mm256_shuffle_ps::<0b10_00_10_00>(a, b), _mm256_shuffle_ps::<0b11_01_11_01>(a, b));
            (order(even), order(odd))
        }
    }
    #[inline(always)]
    fn store(self, v: &__m256, s: &mut [f32], i: usize) {
        let values = &mut s[i..i + 8];
        // SAFETY: `values` is 8 long and the store needs no alignment.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), *v) }
    }
    #[inline(always)]
    fn store_bf16(self, v: &__m256, s: &mut [bf16], i: usize) {
        let values = &mut s[i..i + 8];
        // SAFETY: `values` is 8 long and the store needs no alignment.
        unsafe {
            let bits = _mm256_castps_si256(*v);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
            let kept = _mm256_srli_epi32::<16>(rounded);
            let packed = _mm_packus_epi32(_mm256_castsi256_si128(kept), _mm256_extracti128_si256::<1>(kept));
            _mm_storeu_si128(values.as_mut_ptr().cast(), packed);
        }
    }
    #[inline(always)]
    fn store_f16(self, v: &__m256, s: &mut [f16], i: usize) {
        let values = &mut s[i..i + 8];
        // SAFETY: `values` is 8 long and the store needs no alignment.
        unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(*v)) }
    }
    #[inline(always)]
    fn store_pairs(self, even: &__m256, odd: &__m256, s: &mut [f32], i: usize) {
        // SAFETY: features detected.
        let (low, high) = unsafe {
            let (low, high) = (_mm256_unpacklo_ps(*even, *odd), _mm256_unpackhi_ps(*even, *odd));
            (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
        };
        self.store(&low, s, i);
        self.store(&high, s, i + 8);
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    fn broadcast(self, v: &f32) -> __m256 {
        self.splat(*v)
    }
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(self) -> [[__m256; C]; R] {
        [[self.splat(0.0); C]; R]
    }
    #[inline(always)]
    fn sixteen(self) -> [__m256; 2] {
        [self.splat(0.0); 2]
    }
    #[inline(always)]
    fn zeros<const N: usize>(self) -> [__m256; N] {
        [self.splat(0.0); N]
    }
    #[inline(always)]
    fn add(self, a: &__m256, b: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_add_ps(*a, *b) }
    }
    #[inline(always)]
    fn sub(self, a: &__m256, b: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_sub_ps(*a, *b) }
    }
    #[inline(always)]
    fn mul(self, a: &__m256, b: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_mul_ps(*a, *b) }
    }
    #[inline(always)]
    fn mul_add(self, a: &__m256, b: &__m256, c: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_fmadd_ps(*a, *b, *c) }
    }
    #[inline(always)]
    fn div(self, a: &__m256, b: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_div_ps(*a, *b) }
    }
    #[inline(always)]
    fn max(self, a: &__m256, b: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_max_ps(*a, *b) }
    }
    #[inline(always)]
    fn abs(self, a: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), *a) }
    }
    #[inline(always)]
    fn sqrt(self, a: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe { _mm256_sqrt_ps(*a) }
    }
    #[inline(always)]
    fn pow2(self, n: &__m256) -> __m256 {
        // SAFETY: features detected.
        unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(*n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        }
    }
    #[inline(always)]
    fn exp_libm(self, x: &__m256) -> __m256 {
        let mut lanes = [0.0; 8];
        self.store(x, &mut lanes, 0);
        self.load(&lanes.map(f32::exp), 0)
    }
    #[inline(always)]
    fn sin_cos_libm(self, x: &__m256) -> (__m256, __m256) {
        let mut lanes = [0.0; 8];
        self.store(x, &mut lanes, 0);
        (self.load(&lanes.map(f32::sin), 0), self.load(&lanes.map(f32::cos), 0))
    }
    #[inline(always)]
    fn reveal(self, v: &__m256) -> f32 {
        // SAFETY: features detected.
        unsafe { _mm256_cvtss_f32(*v) }
    }
    #[inline(always)]
    fn sum(self, v: &__m256) -> f32 {
        // SAFETY: features detected.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(*v), _mm256_extractf128_ps::<1>(*v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn largest(self, v: &__m256) -> f32 {
        // SAFETY: features detected.
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(*v), _mm256_extractf128_ps::<1>(*v));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    native_threads!();
}
