//! AVX2 + FMA + F16C, eight lanes (Haswell 2013, Zen 2017 and later). With `VNNI` also the 256-bit vpdpbusd (Ice Lake
//! 2019, Zen 4 2022). The value exists only where the features were detected, so its methods may use them.

use core::arch::x86_64::*;

use half::f16;

use super::{Machine, Scalar, native_threads};

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

// SAFETY of the arithmetic below: an `Avx2` value exists only where `detect` found every feature the intrinsics need.
impl<const VNNI: bool> Machine for Avx2<VNNI> {
    const LANES: usize = 8;
    type F = __m256;
    type I = __m256i;
    type One = Scalar;

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
    fn store(self, v: &__m256, s: &mut [f32], i: usize) {
        let values = &mut s[i..i + 8];
        // SAFETY: `values` is 8 long and the store needs no alignment.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), *v) }
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

    native_threads!();
}
