//! NEON, four lanes and 32 registers (every aarch64 processor). With `DOT` also sdot (Armv8.2: Cortex-A76 2018, Apple A13
//! 2019 and later), through `asm!` because the intrinsic is not stable.

use core::arch::aarch64::*;

use half::f16;

use super::{Machine, Scalar, native_threads};

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

/// Eight i8 from `s[i..]`, sign-extended to i16.
#[inline(always)]
fn load_i16(s: &[i8], i: usize) -> int16x8_t {
    let bytes = &s[i..i + 8];
    // SAFETY: `bytes` is 8 long.
    unsafe { vmovl_s8(vld1_s8(bytes.as_ptr())) }
}

// SAFETY of the arithmetic below: NEON is part of the aarch64 baseline.
impl<const DOT: bool> Machine for Neon<DOT> {
    const LANES: usize = 4;
    type F = float32x4_t;
    type I = int32x4_t;
    type One = Scalar;

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
    fn store(self, v: &float32x4_t, s: &mut [f32], i: usize) {
        let values = &mut s[i..i + 4];
        // SAFETY: `values` is 4 long.
        unsafe { vst1q_f32(values.as_mut_ptr(), *v) }
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
    fn sum(self, v: &float32x4_t) -> f32 {
        // SAFETY: baseline NEON.
        unsafe { vaddvq_f32(*v) }
    }
    #[inline(always)]
    fn largest(self, v: &float32x4_t) -> f32 {
        // SAFETY: baseline NEON.
        unsafe { vmaxvq_f32(*v) }
    }
    #[inline(always)]
    fn zero_i(self) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vdupq_n_s32(0) }
    }
    #[inline(always)]
    fn load_i8(self, s: &[i8], i: usize) -> int32x4_t {
        let lanes = [i32::from(s[i]), i32::from(s[i + 1]), i32::from(s[i + 2]), i32::from(s[i + 3])];
        // SAFETY: `lanes` is 4 long.
        unsafe { vld1q_s32(lanes.as_ptr()) }
    }
    #[inline(always)]
    fn add_i(self, a: &int32x4_t, b: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vaddq_s32(*a, *b) }
    }
    #[inline(always)]
    fn mul_i(self, a: &int32x4_t, b: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vmulq_s32(*a, *b) }
    }
    #[inline(always)]
    fn lookup(self, table: &[i32], index: &int32x4_t) -> int32x4_t {
        let mut lanes = [0i32; 4];
        // SAFETY: `lanes` is 4 long; baseline NEON.
        unsafe {
            vst1q_s32(lanes.as_mut_ptr(), *index);
            vld1q_s32(lanes.map(|i| table[i as usize]).as_ptr())
        }
    }
    #[inline(always)]
    fn to_f32(self, v: &int32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vcvtq_f32_s32(*v) }
    }
    #[inline(always)]
    fn madd_i8(self, acc: &int32x4_t, w: &[i8], i: usize, x: &[i8], j: usize) -> int32x4_t {
        let (w, x) = (load_i16(w, i), load_i16(x, j));
        // SAFETY: baseline NEON.
        unsafe {
            let low = vmlal_s16(*acc, vget_low_s16(w), vget_low_s16(x));
            vmlal_high_s16(low, w, x)
        }
    }
    #[inline(always)]
    fn dot4_i8(self, acc: &int32x4_t, w: &[i8], i: usize, x: &[i8], j: usize) -> int32x4_t {
        if DOT {
            let (w, x) = (&w[i..i + 16], &x[j..j + 16]);
            let mut out = *acc;
            // SAFETY: both slices are 16 long; `DOT` values exist only where dotprod was detected.
            unsafe {
                core::arch::asm!(
                    ".arch_extension dotprod",
                    "sdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
                    inout(vreg) out,
                    in(vreg) vld1q_s8(w.as_ptr()),
                    in(vreg) vld1q_s8(x.as_ptr()),
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            out
        } else {
            let half = self.madd_i8(acc, w, i, x, j);
            self.madd_i8(&half, w, i + 8, x, j + 8)
        }
    }

    native_threads!();
}
