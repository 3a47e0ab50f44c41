//! The portable native machine, on the `wide` crate. Its instruction set is chosen when the crate is built: in a default
//! x86-64 build it is SSE2, whatever the host has. Eight lanes: wider values only spill on the sixteen SSE2 registers.

use half::f16;
use wide::{f32x8, i8x16, i16x8, i16x16, i32x8};

use super::scalar::f16_to_f32;
use super::{Machine, Scalar, native_threads};

/// Eight lanes of `wide`.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

/// 16 i8 from `s[i..]`, sign-extended to i16.
#[inline(always)]
fn load_i16(s: &[i8], i: usize) -> i16x16 {
    let bytes: &[i8; 16] = s[i..i + 16].try_into().expect("the slice is 16 long");
    i16x16::from_i8x16(i8x16::new(*bytes))
}

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

impl Machine for Portable {
    const LANES: usize = 8;
    type F = f32x8;
    type I = i32x8;
    type One = Scalar;

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
    fn store(self, v: &f32x8, s: &mut [f32], i: usize) {
        s[i..i + 8].copy_from_slice(&v.to_array());
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
    fn sum(self, v: &f32x8) -> f32 {
        v.reduce_add()
    }
    #[inline(always)]
    fn largest(self, v: &f32x8) -> f32 {
        let [a, b, c, d, e, f, g, h] = v.to_array();
        a.max(b).max(c.max(d)).max(e.max(f).max(g.max(h)))
    }
    #[inline(always)]
    fn zero_i(self) -> i32x8 {
        i32x8::splat(0)
    }
    #[inline(always)]
    fn load_i8(self, s: &[i8], i: usize) -> i32x8 {
        let bytes: &[i8; 8] = s[i..i + 8].try_into().expect("the slice is 8 long");
        i32x8::from_i16x8(i16x8::new(bytes.map(i16::from)))
    }
    #[inline(always)]
    fn add_i(self, a: &i32x8, b: &i32x8) -> i32x8 {
        *a + *b
    }
    #[inline(always)]
    fn mul_i(self, a: &i32x8, b: &i32x8) -> i32x8 {
        *a * *b
    }
    #[inline(always)]
    fn lookup(self, table: &[i32], index: &i32x8) -> i32x8 {
        i32x8::new(index.to_array().map(|i| table[i as usize]))
    }
    #[inline(always)]
    fn to_f32(self, v: &i32x8) -> f32x8 {
        f32x8::from_i32x8(*v)
    }
    #[inline(always)]
    fn madd_i8(self, acc: &i32x8, w: &[i8], i: usize, x: &[i8], j: usize) -> i32x8 {
        *acc + load_i16(w, i).dot(load_i16(x, j))
    }

    native_threads!();
}
