//! The integer half of the NEON machine.

use core::arch::aarch64::*;

use super::{Integers, Neon};

/// Eight i8 from `s[i..]`, sign-extended to i16.
#[inline(always)]
fn load_i16(s: &[i8], i: usize) -> int16x8_t {
    let bytes = &s[i..i + 8];
    // SAFETY: `bytes` is 8 long.
    unsafe { vmovl_s8(vld1_s8(bytes.as_ptr())) }
}

impl<const DOT: bool> Integers for Neon<DOT> {
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
            // SAFETY: both slices are 16 long.
            let (w, x) = unsafe { (vld1q_s8(w.as_ptr()), vld1q_s8(x.as_ptr())) };
            self.dot4_b(acc, &w, &x)
        } else {
            let half = self.madd_i8(acc, w, i, x, j);
            self.madd_i8(&half, w, i + 8, x, j + 8)
        }
    }

    #[inline(always)]
    fn splat_i(self, x: i32) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vdupq_n_s32(x) }
    }
    #[inline(always)]
    fn load_u8(self, s: &[u8], i: usize) -> int32x4_t {
        let lanes = [i32::from(s[i]), i32::from(s[i + 1]), i32::from(s[i + 2]), i32::from(s[i + 3])];
        // SAFETY: `lanes` is 4 long.
        unsafe { vld1q_s32(lanes.as_ptr()) }
    }
    #[inline(always)]
    fn store_i8(self, v: &int32x4_t, s: &mut [i8], i: usize) {
        let mut lanes = [0i32; 4];
        // SAFETY: `lanes` is 4 long.
        unsafe { vst1q_s32(lanes.as_mut_ptr(), *v) }
        s[i..i + 4].copy_from_slice(&lanes.map(|x| x as i8));
    }
    #[inline(always)]
    fn store_i(self, v: &int32x4_t, s: &mut [i32], i: usize) {
        let lanes = &mut s[i..i + 4];
        // SAFETY: `lanes` is 4 long.
        unsafe { vst1q_s32(lanes.as_mut_ptr(), *v) }
    }
    #[inline(always)]
    fn sub_i(self, a: &int32x4_t, b: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vsubq_s32(*a, *b) }
    }
    #[inline(always)]
    fn and_i(self, a: &int32x4_t, mask: i32) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vandq_s32(*a, vdupq_n_s32(mask)) }
    }
    #[inline(always)]
    fn mask_i(self, a: &int32x4_t, mask: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vandq_s32(*a, *mask) }
    }
    #[inline(always)]
    fn or_i(self, a: &int32x4_t, b: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vorrq_s32(*a, *b) }
    }
    #[inline(always)]
    fn shl_i<const N: i32>(self, a: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vshlq_s32(*a, vdupq_n_s32(N)) }
    }
    #[inline(always)]
    fn shr_i<const N: i32>(self, a: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vreinterpretq_s32_u32(vshrq_n_u32::<N>(vreinterpretq_u32_s32(*a))) }
    }
    #[inline(always)]
    fn lookup_f32(self, table: &[f32], index: &int32x4_t) -> float32x4_t {
        let mut lanes = [0i32; 4];
        // SAFETY: `lanes` is 4 long; baseline NEON.
        unsafe {
            vst1q_s32(lanes.as_mut_ptr(), *index);
            vld1q_f32(lanes.map(|i| table[i as usize]).as_ptr())
        }
    }
    #[inline(always)]
    fn sum_i(self, v: &int32x4_t) -> i32 {
        // SAFETY: baseline NEON.
        unsafe { vaddvq_s32(*v) }
    }
    #[inline(always)]
    fn round_i(self, v: &float32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vcvtnq_s32_f32(*v) }
    }
    #[inline(always)]
    fn bits_as_f32(self, v: &int32x4_t) -> float32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vreinterpretq_f32_s32(*v) }
    }

    #[inline(always)]
    fn load_b(self, s: &[u8], i: usize) -> int8x16_t {
        let bytes = &s[i..i + 16];
        // SAFETY: `bytes` is 16 long.
        unsafe { vreinterpretq_s8_u8(vld1q_u8(bytes.as_ptr())) }
    }
    #[inline(always)]
    fn load_splat_b4(self, s: &[i8], i: usize) -> int8x16_t {
        let four: &[i8; 4] = s[i..i + 4].try_into().expect("the slice is 4 long");
        // SAFETY: baseline NEON.
        unsafe { vreinterpretq_s8_s32(vdupq_n_s32(bytemuck::cast(*four))) }
    }
    #[inline(always)]
    fn splat_b(self, x: u8) -> int8x16_t {
        // SAFETY: baseline NEON.
        unsafe { vdupq_n_s8(x as i8) }
    }
    #[inline(always)]
    fn and_b(self, a: &int8x16_t, mask: u8) -> int8x16_t {
        // SAFETY: baseline NEON.
        unsafe { vandq_s8(*a, vdupq_n_s8(mask as i8)) }
    }
    #[inline(always)]
    fn or_b(self, a: &int8x16_t, b: &int8x16_t) -> int8x16_t {
        // SAFETY: baseline NEON.
        unsafe { vorrq_s8(*a, *b) }
    }
    #[inline(always)]
    fn shl_b<const N: i32>(self, a: &int8x16_t) -> int8x16_t {
        // SAFETY: baseline NEON.
        unsafe { vshlq_n_s8::<N>(*a) }
    }
    #[inline(always)]
    fn shr_b<const N: i32>(self, a: &int8x16_t) -> int8x16_t {
        // SAFETY: baseline NEON.
        unsafe { vreinterpretq_s8_u8(vshrq_n_u8::<N>(vreinterpretq_u8_s8(*a))) }
    }
    #[inline(always)]
    fn sub_b(self, a: &int8x16_t, b: &int8x16_t) -> int8x16_t {
        // SAFETY: baseline NEON.
        unsafe { vsubq_s8(*a, *b) }
    }
    #[inline(always)]
    fn load_table(self, s: &[i8], i: usize) -> int8x16_t {
        let sixteen = &s[i..i + 16];
        // SAFETY: `sixteen` is 16 long.
        unsafe { vld1q_s8(sixteen.as_ptr()) }
    }
    #[inline(always)]
    fn swizzle_b(self, table: &int8x16_t, index: &int8x16_t) -> int8x16_t {
        // SAFETY: baseline NEON.
        unsafe { vqtbl1q_s8(*table, vreinterpretq_u8_s8(*index)) }
    }
    #[inline(always)]
    fn dot4_b(self, acc: &int32x4_t, w: &int8x16_t, x: &int8x16_t) -> int32x4_t {
        if DOT {
            let mut out = *acc;
            // SAFETY: `DOT` values exist only where dotprod was detected.
            unsafe {
                core::arch::asm!(
                    ".arch_extension dotprod",
                    "sdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
                    inout(vreg) out,
                    in(vreg) *w,
                    in(vreg) *x,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            out
        } else {
            // SAFETY: baseline NEON. Products of two bytes fit i16; neighbours are added twice, into i32.
            unsafe {
                let low = vpaddlq_s16(vmull_s8(vget_low_s8(*w), vget_low_s8(*x)));
                let high = vpaddlq_s16(vmull_high_s8(*w, *x));
                vaddq_s32(*acc, vpaddq_s32(low, high))
            }
        }
    }
    #[inline(always)]
    fn dot4_ub(self, acc: &int32x4_t, w: &int8x16_t, x: &int8x16_t) -> int32x4_t {
        self.dot4_b(acc, w, x)
    }

    #[inline(always)]
    fn even_i16(self, v: &int8x16_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe {
            let pairs = vreinterpretq_s16_s8(*v);
            vreinterpretq_s32_s16(vshrq_n_s16::<8>(vshlq_n_s16::<8>(pairs)))
        }
    }
    #[inline(always)]
    fn odd_i16(self, v: &int8x16_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vreinterpretq_s32_s16(vshrq_n_s16::<8>(vreinterpretq_s16_s8(*v))) }
    }
    #[inline(always)]
    fn add_i16(self, a: &int32x4_t, b: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vreinterpretq_s32_s16(vaddq_s16(vreinterpretq_s16_s32(*a), vreinterpretq_s16_s32(*b))) }
    }
    #[inline(always)]
    fn madd_i16(self, acc: &int32x4_t, a: &int32x4_t, b: &int32x4_t) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe {
            let (a, b) = (vreinterpretq_s16_s32(*a), vreinterpretq_s16_s32(*b));
            let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
            vaddq_s32(*acc, vpaddq_s32(low, vmull_high_s16(a, b)))
        }
    }
    #[inline(always)]
    fn splat_i16(self, x: i16) -> int32x4_t {
        // SAFETY: baseline NEON.
        unsafe { vreinterpretq_s32_s16(vdupq_n_s16(x)) }
    }
}
