//! NEON, four lanes and 32 registers (every aarch64 processor). With `DOT` also sdot (Armv8.2: Cortex-A76 2018, Apple A13
//! 2019 and later), through `asm!` because the intrinsic is not stable.

use core::arch::aarch64::*;

use half::{bf16, f16};

use super::{Machine, Registers, Scalar, native_threads};

/// Four lanes of NEON; `DOT` adds the byte dot product.
#[derive(Clone, Copy, Debug)]
pub struct Neon<const DOT: bool>(());

impl<const DOT: bool> Neon<DOT> {
    /// The machine, where this processor has it.
    pub fn detect() -> Option<Self> {
        let dot = std::arch::is_aarch64_feature_detected!("dotprod");
        (dot || !DOT).then_some(Self(()))
    }

    /// Runs `f`: NEON is part of every aarch64 build, and sdot is reached through `asm!`.
    #[inline(always)]
    pub(crate) fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

// SAFETY of the arithmetic below: NEON is part of the aarch64 baseline.
impl<const DOT: bool> Registers for Neon<DOT> {
    type F = float32x4_t;
    type I = int32x4_t;
    type B = int8x16_t;
    type Sixteen = [float32x4_t; 4];
    type One = Scalar;

    #[inline(always)]
    fn lanes(self) -> usize {
        4
    }
}

impl<const DOT: bool> Machine for Neon<DOT> {
    #[inline(always)]
    fn one(self) -> Scalar {
        Scalar
    }
    #[inline(always)]
    fn load(self, s: &[f32], i: usize) -> float32x4_t {
        let values = &s[i..i + 4];
        // SAFETY: `values` is 4 long.
        unsafe { vld1q_f32(values.as_ptr()) }
    }
    #[inline(always)]
    fn load_splat(self, s: &[f32], i: usize) -> float32x4_t {
        self.splat(s[i])
    }
    #[inline(always)]
    fn load_f16_splat(self, h: &f16) -> float32x4_t {
        let value: f32;
        // SAFETY: fcvt between half and single is part of the aarch64 baseline.
        unsafe {
            core::arch::asm!(
                "fcvt {value:s}, {bits:h}",
                value = out(vreg) value,
                bits = in(vreg) f32::from_bits(u32::from(h.to_bits())),
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        self.splat(value)
    }
    #[inline(always)]
    fn load_bf16(self, s: &[bf16], i: usize) -> float32x4_t {
        let values: &[bf16; 4] = s[i..i + 4].try_into().expect("the slice is 4 long");
        // SAFETY: `values` is 4 long; baseline NEON.
        unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(values.as_ptr().cast()))) }
    }
    #[inline(always)]
    fn load_f16(self, s: &[f16], i: usize) -> float32x4_t {
        let values: &[f16; 4] = s[i..i + 4].try_into().expect("the slice is 4 long");
        let out: float32x4_t;
        // SAFETY: fcvtl is part of the aarch64 baseline; `values` is 4 long.
        unsafe {
            core::arch::asm!(
                "fcvtl {out:v}.4s, {bits:v}.4h",
                out = out(vreg) out,
                bits = in(vreg) vld1_u16(values.as_ptr().cast()),
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        out
    }
    #[inline(always)]
    fn load_pairs(self, s: &[f32], i: usize) -> (float32x4_t, float32x4_t) {
        let values = &s[i..i + 8];
        // SAFETY: `values` is 8 long.
        let float32x4x2_t(even, odd) = unsafe { vld2q_f32(values.as_ptr()) };
        (even, odd)
    }
    #[inline(always)]
    fn store(self, v: &float32x4_t, s: &mut [f32], i: usize) {
        let values = &mut s[i..i + 4];
        // SAFETY: `values` is 4 long.
        unsafe { vst1q_f32(values.as_mut_ptr(), *v) }
    }
    #[inline(always)]
    fn store_bf16(self, v: &float32x4_t, s: &mut [bf16], i: usize) {
        let values = &mut s[i..i + 4];
        // SAFETY: `values` is 4 long; baseline NEON.
        unsafe {
            let bits = vreinterpretq_u32_f32(*v);
            let odd = vandq_u32(vshrq_n_u32::<16>(bits), vdupq_n_u32(1));
            let rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
            vst1_u16(values.as_mut_ptr().cast(), vshrn_n_u32::<16>(rounded));
        }
    }
    #[inline(always)]
    fn store_f16(self, v: &float32x4_t, s: &mut [f16], i: usize) {
        let values = &mut s[i..i + 4];
        let narrow: uint16x4_t;
        // SAFETY: fcvtn is part of the aarch64 baseline; `values` is 4 long.
        unsafe {
            core::arch::asm!(
                "fcvtn {out:v}.4h, {v:v}.4s",
                out = out(vreg) narrow,
                v = in(vreg) *v,
                options(pure, nomem, nostack, preserves_flags)
            );
            vst1_u16(values.as_mut_ptr().cast(), narrow);
        }
    }
    #[inline(always)]
    fn store_pairs(self, even: &float32x4_t, odd: &float32x4_t, s: &mut [f32], i: usize) {
        let values = &mut s[i..i + 8];
        // SAFETY: `values` is 8 long.
        unsafe { vst2q_f32(values.as_mut_ptr(), float32x4x2_t(*even, *odd)) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    fn broadcast(self, v: &f32) -> float32x4_t {
        self.splat(*v)
    }
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(self) -> [[float32x4_t; C]; R] {
        [[self.splat(0.0); C]; R]
    }
    #[inline(always)]
    fn sixteen(self) -> [float32x4_t; 4] {
        [self.splat(0.0); 4]
    }
    #[inline(always)]
    fn zeros<const N: usize>(self) -> [float32x4_t; N] {
        [self.splat(0.0); N]
    }
    #[inline(always)]
    fn add(self, a: &float32x4_t, b: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vaddq_f32(*a, *b) }
    }
    #[inline(always)]
    fn sub(self, a: &float32x4_t, b: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vsubq_f32(*a, *b) }
    }
    #[inline(always)]
    fn mul(self, a: &float32x4_t, b: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vmulq_f32(*a, *b) }
    }
    #[inline(always)]
    fn mul_add(self, a: &float32x4_t, b: &float32x4_t, c: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vfmaq_f32(*c, *a, *b) }
    }
    #[inline(always)]
    fn div(self, a: &float32x4_t, b: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vdivq_f32(*a, *b) }
    }
    #[inline(always)]
    fn max(self, a: &float32x4_t, b: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vmaxq_f32(*a, *b) }
    }
    #[inline(always)]
    fn abs(self, a: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vabsq_f32(*a) }
    }
    #[inline(always)]
    fn sqrt(self, a: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vsqrtq_f32(*a) }
    }
    #[inline(always)]
    fn pow2(self, n: &float32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe {
            let biased = vaddq_s32(vcvtnq_s32_f32(*n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
        }
    }
    #[inline(always)]
    fn exp_libm(self, x: &float32x4_t) -> float32x4_t {
        let mut lanes = [0.0; 4];
        self.store(x, &mut lanes, 0);
        self.load(&lanes.map(f32::exp), 0)
    }
    #[inline(always)]
    fn sin_cos_libm(self, x: &float32x4_t) -> (float32x4_t, float32x4_t) {
        let mut lanes = [0.0; 4];
        self.store(x, &mut lanes, 0);
        (self.load(&lanes.map(f32::sin), 0), self.load(&lanes.map(f32::cos), 0))
    }
    #[inline(always)]
    fn reveal(self, v: &float32x4_t) -> f32 {
        // SAFETY: baseline NEON.
        unsafe { vgetq_lane_f32::<0>(*v) }
    }
    #[inline(always)]
    fn sum(self, v: &float32x4_t) -> f32 {
        // SAFETY: baseline NEON.
        unsafe { vaddvq_f32(*v) }
    }
    #[inline(always)]
    fn largest(self, v: &float32x4_t) -> f32 {
        // SAFETY: baseline NEON.
        unsafe { vmaxvq_f32(*v) }
    }

    native_threads!();
}
