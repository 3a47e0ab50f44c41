//! The portable native machine, on the `wide` crate. Its instruction set is chosen when the crate is built: in a default
//! x86-64 build it is SSE2, whatever the host has. Eight lanes: wider values only spill on the sixteen SSE2 registers.

use half::{bf16, f16};
use wide::{f32x8, i8x32, i32x8};

use super::scalar::{f16_to_f32, round_to_bf16};
use super::{Machine, Registers, Scalar, native_threads};

/// Eight lanes of `wide`.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

/// Eight f32 from `s[i..]`.
#[inline(always)]
fn eight(s: &[f32], i: usize) -> [f32; 8] {
    s[i..i + 8].try_into().expect("the slice is 8 long")
}

impl Portable {
    /// Nothing to enter: the build decided.
    #[inline(always)]
    fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

impl Registers for Portable {
    type F = f32x8;
    type I = i32x8;
    type B = i8x32;
    type Sixteen = [f32x8; 2];
    type One = Scalar;

    #[inline(always)]
    fn lanes(self) -> usize {
        8
    }
}

impl Machine for Portable {
    #[inline(always)]
    fn one(self) -> Scalar {
        Scalar
    }
    #[inline(always)]
    fn load(self, s: &[f32], i: usize) -> f32x8 {
        f32x8::new(eight(s, i))
    }
    #[inline(always)]
    fn load_splat(self, s: &[f32], i: usize) -> f32x8 {
        f32x8::splat(s[i])
    }
    #[inline(always)]
    fn load_f16_splat(self, h: &f16) -> f32x8 {
        f32x8::splat(f16_to_f32(*h))
    }
    #[inline(always)]
    fn load_bf16(self, s: &[bf16], i: usize) -> f32x8 {
        let values: &[bf16; 8] = s[i..i + 8].try_into().expect("the slice is 8 long");
        f32x8::new(values.map(|h| f32::from_bits(u32::from(h.to_bits()) << 16)))
    }
    #[inline(always)]
    fn load_f16(self, s: &[f16], i: usize) -> f32x8 {
        let values: &[f16; 8] = s[i..i + 8].try_into().expect("the slice is 8 long");
        f32x8::new(values.map(f16_to_f32))
    }
    #[inline(always)]
    fn load_pairs(self, s: &[f32], i: usize) -> (f32x8, f32x8) {
        let s = &s[i..i + 16];
        let every_other = |first: usize| f32x8::new(std::array::from_fn(|k| s[2 * k + first]));
        (every_other(0), every_other(1))
    }
    #[inline(always)]
    fn store(self, v: &f32x8, s: &mut [f32], i: usize) {
        s[i..i + 8].copy_from_slice(&v.to_array());
    }
    #[inline(always)]
    fn store_bf16(self, v: &f32x8, s: &mut [bf16], i: usize) {
        s[i..i + 8].copy_from_slice(&v.to_array().map(round_to_bf16));
    }
    #[inline(always)]
    fn store_f16(self, v: &f32x8, s: &mut [f16], i: usize) {
        s[i..i + 8].copy_from_slice(&v.to_array().map(f16::from_f32_const));
    }
    #[inline(always)]
    fn store_pairs(self, even: &f32x8, odd: &f32x8, s: &mut [f32], i: usize) {
        let (even, odd) = (even.to_array(), odd.to_array());
        for (k, pair) in s[i..i + 16].as_chunks_mut().0.iter_mut().enumerate() {
            *pair = [even[k], odd[k]];
        }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> f32x8 {
        f32x8::splat(x)
    }
    #[inline(always)]
    fn broadcast(self, v: &f32) -> f32x8 {
        f32x8::splat(*v)
    }
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(self) -> [[f32x8; C]; R] {
        [[f32x8::splat(0.0); C]; R]
    }
    #[inline(always)]
    fn sixteen(self) -> [f32x8; 2] {
        [f32x8::splat(0.0); 2]
    }
    #[inline(always)]
    fn zeros<const N: usize>(self) -> [f32x8; N] {
        [f32x8::splat(0.0); N]
    }
    #[inline(always)]
    fn add(self, a: &f32x8, b: &f32x8) -> f32x8 {
        *a + *b
    }
    #[inline(always)]
    fn sub(self, a: &f32x8, b: &f32x8) -> f32x8 {
        *a - *b
    }
    #[inline(always)]
    fn mul(self, a: &f32x8, b: &f32x8) -> f32x8 {
        *a * *b
    }
    #[inline(always)]
    fn mul_add(self, a: &f32x8, b: &f32x8, c: &f32x8) -> f32x8 {
        a.mul_add(*b, *c)
    }
    #[inline(always)]
    fn div(self, a: &f32x8, b: &f32x8) -> f32x8 {
        *a / *b
    }
    #[inline(always)]
    fn max(self, a: &f32x8, b: &f32x8) -> f32x8 {
        a.fast_max(*b)
    }
    #[inline(always)]
    fn abs(self, a: &f32x8) -> f32x8 {
        a.abs()
    }
    #[inline(always)]
    fn sqrt(self, a: &f32x8) -> f32x8 {
        a.sqrt()
    }
    #[inline(always)]
    fn pow2(self, n: &f32x8) -> f32x8 {
        let biased = (n.fast_round_int() + i32x8::splat(127)) << 23_i32;
        bytemuck::cast(biased)
    }
    #[inline(always)]
    fn exp_libm(self, x: &f32x8) -> f32x8 {
        f32x8::new(x.to_array().map(f32::exp))
    }
    #[inline(always)]
    fn sin_cos_libm(self, x: &f32x8) -> (f32x8, f32x8) {
        (f32x8::new(x.to_array().map(f32::sin)), f32x8::new(x.to_array().map(f32::cos)))
    }
    #[inline(always)]
    fn reveal(self, v: &f32x8) -> f32 {
        v.to_array()[0]
    }
    #[inline(always)]
    fn sum(self, v: &f32x8) -> f32 {
        v.reduce_add()
    }
    #[inline(always)]
    fn largest(self, v: &f32x8) -> f32 {
        let [a, b, c, d, e, f, g, h] = v.to_array();
        a.max(b).max(c.max(d)).max(e.max(f).max(g.max(h)))
    }

    native_threads!();
}
