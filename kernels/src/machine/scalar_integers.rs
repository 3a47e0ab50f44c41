//! The integer half of the scalar native machine. Its register of bytes is four bytes, one lane's share.

use super::scalar::{opaque, opaque_i};
use super::{Integers, Scalar};

/// Both i16 halves of two lanes, by `f`.
#[inline(always)]
fn halves(a: i32, b: i32, f: impl Fn(i16, i16) -> i16) -> i32 {
    let low = f(a as i16, b as i16) as u16;
    let high = f((a >> 16) as i16, (b >> 16) as i16) as u16;
    (u32::from(low) | u32::from(high) << 16) as i32
}

/// An i16 pair of two bytes.
#[inline(always)]
fn pair(low: i8, high: i8) -> i32 {
    i32::from(low) & 0xffff | i32::from(high) << 16
}

impl Integers for Scalar {
    #[inline(always)]
    fn zero_i(self) -> i32 {
        0
    }
    #[inline(always)]
    fn splat_i(self, x: i32) -> i32 {
        x
    }
    #[inline(always)]
    fn load_i8(self, s: &[i8], i: usize) -> i32 {
        i32::from(s[i])
    }
    #[inline(always)]
    fn load_u8(self, s: &[u8], i: usize) -> i32 {
        i32::from(s[i])
    }
    #[inline(always)]
    fn store_i8(self, v: &i32, s: &mut [i8], i: usize) {
        s[i] = *v as i8;
    }
    #[inline(always)]
    fn store_i(self, v: &i32, s: &mut [i32], i: usize) {
        s[i] = *v;
    }
    #[inline(always)]
    fn add_i(self, a: &i32, b: &i32) -> i32 {
        opaque_i(a.wrapping_add(*b))
    }
    #[inline(always)]
    fn sub_i(self, a: &i32, b: &i32) -> i32 {
        opaque_i(a.wrapping_sub(*b))
    }
    #[inline(always)]
    fn mul_i(self, a: &i32, b: &i32) -> i32 {
        opaque_i(a.wrapping_mul(*b))
    }
    #[inline(always)]
    fn and_i(self, a: &i32, mask: i32) -> i32 {
        opaque_i(a & mask)
    }
    #[inline(always)]
    fn mask_i(self, a: &i32, mask: &i32) -> i32 {
        opaque_i(a & mask)
    }
    #[inline(always)]
    fn or_i(self, a: &i32, b: &i32) -> i32 {
        opaque_i(a | b)
    }
    #[inline(always)]
    fn shl_i<const N: i32>(self, a: &i32) -> i32 {
        opaque_i(a << N)
    }
    #[inline(always)]
    fn shr_i<const N: i32>(self, a: &i32) -> i32 {
        opaque_i((*a as u32 >> N) as i32)
    }
    // An index is never negative; extending it with zeros is free on x86-64, with its sign it is not.
    #[inline(always)]
    fn lookup(self, table: &[i32], index: &i32) -> i32 {
        table[*index as u32 as usize]
    }
    #[inline(always)]
    fn lookup_f32(self, table: &[f32], index: &i32) -> f32 {
        table[*index as u32 as usize]
    }
    #[inline(always)]
    fn sum_i(self, v: &i32) -> i32 {
        *v
    }
    #[inline(always)]
    fn to_f32(self, v: &i32) -> f32 {
        opaque(*v as f32)
    }
    #[inline(always)]
    fn round_i(self, v: &f32) -> i32 {
        opaque_i(v.round_ties_even() as i32)
    }
    #[inline(always)]
    fn bits_as_f32(self, v: &i32) -> f32 {
        f32::from_bits(*v as u32)
    }
    #[inline(always)]
    fn madd_i8(self, acc: &i32, w: &[i8], i: usize, x: &[i8], j: usize) -> i32 {
        let first = i32::from(w[i]) * i32::from(x[j]);
        let second = i32::from(w[i + 1]) * i32::from(x[j + 1]);
        opaque_i(acc.wrapping_add(first).wrapping_add(second))
    }

    #[inline(always)]
    fn load_b(self, s: &[u8], i: usize) -> [i8; 4] {
        [s[i] as i8, s[i + 1] as i8, s[i + 2] as i8, s[i + 3] as i8]
    }
    #[inline(always)]
    fn load_splat_b4(self, s: &[i8], i: usize) -> [i8; 4] {
        [s[i], s[i + 1], s[i + 2], s[i + 3]]
    }
    #[inline(always)]
    fn splat_b(self, x: u8) -> [i8; 4] {
        [x as i8; 4]
    }
    #[inline(always)]
    fn and_b(self, a: &[i8; 4], mask: u8) -> [i8; 4] {
        a.map(|a| a & mask as i8)
    }
    #[inline(always)]
    fn or_b(self, a: &[i8; 4], b: &[i8; 4]) -> [i8; 4] {
        std::array::from_fn(|k| a[k] | b[k])
    }
    #[inline(always)]
    fn shl_b<const N: i32>(self, a: &[i8; 4]) -> [i8; 4] {
        a.map(|a| ((a as u8) << N) as i8)
    }
    #[inline(always)]
    fn shr_b<const N: i32>(self, a: &[i8; 4]) -> [i8; 4] {
        a.map(|a| (a as u8 >> N) as i8)
    }
    #[inline(always)]
    fn sub_b(self, a: &[i8; 4], b: &[i8; 4]) -> [i8; 4] {
        std::array::from_fn(|k| a[k].wrapping_sub(b[k]))
    }
    #[inline(always)]
    fn load_table(self, s: &[i8], i: usize) -> [i8; 4] {
        self.load_splat_b4(s, i)
    }
    #[inline(always)]
    fn swizzle_b(self, table: &[i8; 4], index: &[i8; 4]) -> [i8; 4] {
        index.map(|i| table[usize::from(i as u8) % 4])
    }
    #[inline(always)]
    fn dot4_b(self, acc: &i32, w: &[i8; 4], x: &[i8; 4]) -> i32 {
        (0..4).fold(*acc, |sum, k| opaque_i(sum.wrapping_add(i32::from(w[k]) * i32::from(x[k]))))
    }
    #[inline(always)]
    fn dot4_ub(self, acc: &i32, w: &[i8; 4], x: &[i8; 4]) -> i32 {
        self.dot4_b(acc, w, x)
    }

    #[inline(always)]
    fn even_i16(self, v: &[i8; 4]) -> i32 {
        pair(v[0], v[2])
    }
    #[inline(always)]
    fn odd_i16(self, v: &[i8; 4]) -> i32 {
        pair(v[1], v[3])
    }
    #[inline(always)]
    fn add_i16(self, a: &i32, b: &i32) -> i32 {
        halves(*a, *b, i16::wrapping_add)
    }
    #[inline(always)]
    fn madd_i16(self, acc: &i32, a: &i32, b: &i32) -> i32 {
        let low = i32::from(*a as i16) * i32::from(*b as i16);
        acc.wrapping_add(low).wrapping_add((a >> 16).wrapping_mul(b >> 16))
    }
    #[inline(always)]
    fn splat_i16(self, x: i16) -> i32 {
        halves(0, 0, |_, _| x)
    }
}
