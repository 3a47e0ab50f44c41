//! The scalar native machine: one value at a time, as the source says. A compiler would turn independent scalar
//! accumulators into SIMD behind our back; an empty `asm!` on each result keeps a scalar rung scalar.

use half::{bf16, f16};

use super::{Machine, Registers, native_threads};

/// One lane, no SIMD.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

/// Hides a float from the vectorizers. No instruction is emitted.
#[inline(always)]
pub(super) fn opaque(x: f32) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        let mut x = x;
        // SAFETY: the template is empty; the value stays in its register.
        unsafe {
            core::arch::asm!("/* {0} */", inout(xmm_reg) x, options(pure, nomem, nostack, preserves_flags));
        }
        x
    }
    #[cfg(target_arch = "aarch64")]
    {
        let mut x = x;
        // SAFETY: the template is empty; the value stays in its register.
        unsafe {
            core::arch::asm!("/* {0:s} */", inout(vreg) x, options(pure, nomem, nostack, preserves_flags));
        }
        x
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        core::hint::black_box(x)
    }
}

/// Hides an integer from the vectorizers. No instruction is emitted.
#[inline(always)]
pub(super) fn opaque_i(x: i32) -> i32 {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        let mut x = x;
        // SAFETY: the template is empty; the value stays in its register.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            core::arch::asm!("/* {0:e} */", inout(reg) x, options(pure, nomem, nostack, preserves_flags));
            #[cfg(target_arch = "aarch64")]
            core::arch::asm!("/* {0:w} */", inout(reg) x, options(pure, nomem, nostack, preserves_flags));
        }
        x
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        core::hint::black_box(x)
    }
}

/// f16 to f32 with integer operations and one multiply (the exponent is rebased by 2^112), exact for every input.
#[inline(always)]
pub(crate) fn f16_to_f32(h: f16) -> f32 {
    let bits = u32::from(h.to_bits());
    let sign = (bits & 0x8000) << 16;
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
    let special = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(magnitude.to_bits() | special | sign)
}

/// `2^n` by building the exponent field.
#[inline(always)]
pub(crate) fn pow2(n: f32) -> f32 {
    f32::from_bits(((n as i32 + 127) << 23) as u32)
}

/// To the nearest bf16, halves to even: adding half a unit less one, and one more where the bit kept is odd, carries into
/// the kept bits. No NaN.
#[inline(always)]
pub(crate) fn round_to_bf16(x: f32) -> bf16 {
    let bits = x.to_bits();
    bf16::from_bits((bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16)
}

impl Scalar {
    /// Nothing to enter: every build has scalar instructions.
    #[inline(always)]
    fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

impl Registers for Scalar {
    type F = f32;
    type I = i32;
    type B = [i8; 4];
    type Sixteen = [f32; 16];
    type One = Scalar;

    #[inline(always)]
    fn lanes(self) -> usize {
        1
    }
}

impl Machine for Scalar {
    #[inline(always)]
    fn one(self) -> Scalar {
        self
    }
    #[inline(always)]
    fn load(self, s: &[f32], i: usize) -> f32 {
        s[i]
    }
    #[inline(always)]
    fn load_splat(self, s: &[f32], i: usize) -> f32 {
        s[i]
    }
    #[inline(always)]
    fn load_f16_splat(self, h: &f16) -> f32 {
        f16_to_f32(*h)
    }
    #[inline(always)]
    fn load_bf16(self, s: &[bf16], i: usize) -> f32 {
        opaque(f32::from_bits(u32::from(s[i].to_bits()) << 16))
    }
    #[inline(always)]
    fn load_f16(self, s: &[f16], i: usize) -> f32 {
        opaque(f16_to_f32(s[i]))
    }
    #[inline(always)]
    fn load_pairs(self, s: &[f32], i: usize) -> (f32, f32) {
        (s[i], s[i + 1])
    }
    #[inline(always)]
    fn store(self, v: &f32, s: &mut [f32], i: usize) {
        s[i] = *v;
    }
    #[inline(always)]
    fn store_bf16(self, v: &f32, s: &mut [bf16], i: usize) {
        s[i] = round_to_bf16(*v);
    }
    #[inline(always)]
    fn store_f16(self, v: &f32, s: &mut [f16], i: usize) {
        s[i] = f16::from_f32_const(*v);
    }
    #[inline(always)]
    fn store_pairs(self, even: &f32, odd: &f32, s: &mut [f32], i: usize) {
        (s[i], s[i + 1]) = (*even, *odd);
    }
    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }
    #[inline(always)]
    fn broadcast(self, v: &f32) -> f32 {
        *v
    }
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(self) -> [[f32; C]; R] {
        [[0.0; C]; R]
    }
    #[inline(always)]
    fn sixteen(self) -> [f32; 16] {
        [0.0; 16]
    }
    #[inline(always)]
    fn zeros<const N: usize>(self) -> [f32; N] {
        [0.0; N]
    }
    #[inline(always)]
    fn add(self, a: &f32, b: &f32) -> f32 {
        opaque(a + b)
    }
    #[inline(always)]
    fn sub(self, a: &f32, b: &f32) -> f32 {
        opaque(a - b)
    }
    #[inline(always)]
    fn mul(self, a: &f32, b: &f32) -> f32 {
        opaque(a * b)
    }
    // Not `f32::mul_add`: rustc never contracts plain code, and without FMA hardware that is a library call.
    #[inline(always)]
    fn mul_add(self, a: &f32, b: &f32, c: &f32) -> f32 {
        opaque(a * b + c)
    }
    #[inline(always)]
    fn div(self, a: &f32, b: &f32) -> f32 {
        opaque(a / b)
    }
    #[inline(always)]
    fn max(self, a: &f32, b: &f32) -> f32 {
        opaque(if *a > *b { *a } else { *b })
    }
    #[inline(always)]
    fn abs(self, a: &f32) -> f32 {
        opaque(a.abs())
    }
    #[inline(always)]
    fn sqrt(self, a: &f32) -> f32 {
        opaque(a.sqrt())
    }
    #[inline(always)]
    fn pow2(self, n: &f32) -> f32 {
        opaque(pow2(*n))
    }
    #[inline(always)]
    fn exp_libm(self, x: &f32) -> f32 {
        x.exp()
    }
    #[inline(always)]
    fn sin_cos_libm(self, x: &f32) -> (f32, f32) {
        x.sin_cos()
    }
    #[inline(always)]
    fn reveal(self, v: &f32) -> f32 {
        *v
    }
    #[inline(always)]
    fn sum(self, v: &f32) -> f32 {
        *v
    }
    #[inline(always)]
    fn largest(self, v: &f32) -> f32 {
        *v
    }

    native_threads!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_conversion_is_exact_for_all_65536_inputs() {
        for bits in 0..=u16::MAX {
            let h = f16::from_bits(bits);
            let (ours, theirs) = (f16_to_f32(h), h.to_f32());
            assert!(ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan()), "{bits:#06x}");
        }
    }
}
