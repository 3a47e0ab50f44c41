//! The integer half of the portable native machine.

use bytemuck::cast;
use wide::{f32x8, i8x16, i8x32, i16x8, i16x16, i32x8, u16x16};

use super::integers::dot4_by_pairs;
use super::{Integers, Portable};

/// 16 i8 from `s[i..]`, sign-extended to i16.
#[inline(always)]
fn load_i16(s: &[i8], i: usize) -> i16x16 {
    let bytes: &[i8; 16] = s[i..i + 16].try_into().expect("the slice is 16 long");
    i16x16::from_i8x16(i8x16::new(*bytes))
}

impl Integers for Portable {
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

    #[inline(always)]
    fn splat_i(self, x: i32) -> i32x8 {
        i32x8::splat(x)
    }
    #[inline(always)]
    fn load_u8(self, s: &[u8], i: usize) -> i32x8 {
        let bytes: &[u8; 8] = s[i..i + 8].try_into().expect("the slice is 8 long");
        i32x8::from_i16x8(i16x8::new(bytes.map(i16::from)))
    }
    #[inline(always)]
    fn store_i8(self, v: &i32x8, s: &mut [i8], i: usize) {
        s[i..i + 8].copy_from_slice(&v.to_array().map(|x| x as i8));
    }
    #[inline(always)]
    fn store_i(self, v: &i32x8, s: &mut [i32], i: usize) {
        s[i..i + 8].copy_from_slice(&v.to_array());
    }
    #[inline(always)]
    fn sub_i(self, a: &i32x8, b: &i32x8) -> i32x8 {
        *a - *b
    }
    #[inline(always)]
    fn and_i(self, a: &i32x8, mask: i32) -> i32x8 {
        *a & i32x8::splat(mask)
    }
    #[inline(always)]
    fn mask_i(self, a: &i32x8, mask: &i32x8) -> i32x8 {
        *a & *mask
    }
    #[inline(always)]
    fn or_i(self, a: &i32x8, b: &i32x8) -> i32x8 {
        *a | *b
    }
    #[inline(always)]
    fn shl_i<const N: i32>(self, a: &i32x8) -> i32x8 {
        *a << N
    }
    #[inline(always)]
    fn shr_i<const N: i32>(self, a: &i32x8) -> i32x8 {
        (*a >> N) & i32x8::splat(i32::MAX >> (N - 1))
    }
    #[inline(always)]
    fn lookup_f32(self, table: &[f32], index: &i32x8) -> f32x8 {
        f32x8::new(index.to_array().map(|i| table[i as usize]))
    }
    #[inline(always)]
    fn sum_i(self, v: &i32x8) -> i32 {
        v.reduce_add()
    }
    #[inline(always)]
    fn round_i(self, v: &f32x8) -> i32x8 {
        v.fast_round_int()
    }
    #[inline(always)]
    fn bits_as_f32(self, v: &i32x8) -> f32x8 {
        cast(*v)
    }

    #[inline(always)]
    fn load_b(self, s: &[u8], i: usize) -> i8x32 {
        let bytes: &[u8; 32] = s[i..i + 32].try_into().expect("the slice is 32 long");
        cast(*bytes)
    }
    #[inline(always)]
    fn load_splat_b4(self, s: &[i8], i: usize) -> i8x32 {
        let four: &[i8; 4] = s[i..i + 4].try_into().expect("the slice is 4 long");
        cast(i32x8::splat(cast(*four)))
    }
    #[inline(always)]
    fn splat_b(self, x: u8) -> i8x32 {
        i8x32::splat(x as i8)
    }
    #[inline(always)]
    fn and_b(self, a: &i8x32, mask: u8) -> i8x32 {
        *a & i8x32::splat(mask as i8)
    }
    #[inline(always)]
    fn or_b(self, a: &i8x32, b: &i8x32) -> i8x32 {
        *a | *b
    }
    #[inline(always)]
    fn shl_b<const N: i32>(self, a: &i8x32) -> i8x32 {
        let pairs: u16x16 = cast(*a);
        self.and_b(&cast(pairs << N), 0xff << N)
    }
    #[inline(always)]
    fn shr_b<const N: i32>(self, a: &i8x32) -> i8x32 {
        let pairs: u16x16 = cast(*a);
        self.and_b(&cast(pairs >> N), 0xff >> N)
    }
    #[inline(always)]
    fn sub_b(self, a: &i8x32, b: &i8x32) -> i8x32 {
        *a - *b
    }
    #[inline(always)]
    fn load_table(self, s: &[i8], i: usize) -> i8x32 {
        let sixteen: &[i8; 16] = s[i..i + 16].try_into().expect("the slice is 16 long");
        cast([*sixteen; 2])
    }
    #[inline(always)]
    fn swizzle_b(self, table: &i8x32, index: &i8x32) -> i8x32 {
        table.swizzle_half_relaxed(*index)
    }
    #[inline(always)]
    fn dot4_b(self, acc: &i32x8, w: &i8x32, x: &i8x32) -> i32x8 {
        dot4_by_pairs(self, acc, w, x)
    }
    #[inline(always)]
    fn dot4_ub(self, acc: &i32x8, w: &i8x32, x: &i8x32) -> i32x8 {
        dot4_by_pairs(self, acc, w, x)
    }

    #[inline(always)]
    fn even_i16(self, v: &i8x32) -> i32x8 {
        let pairs: i16x16 = cast(*v);
        cast((pairs << 8) >> 8)
    }
    #[inline(always)]
    fn odd_i16(self, v: &i8x32) -> i32x8 {
        let pairs: i16x16 = cast(*v);
        cast(pairs >> 8)
    }
    #[inline(always)]
    fn add_i16(self, a: &i32x8, b: &i32x8) -> i32x8 {
        let (a, b): (i16x16, i16x16) = (cast(*a), cast(*b));
        cast(a + b)
    }
    #[inline(always)]
    fn madd_i16(self, acc: &i32x8, a: &i32x8, b: &i32x8) -> i32x8 {
        let (a, b): (i16x16, i16x16) = (cast(*a), cast(*b));
        *acc + a.dot(b)
    }
    #[inline(always)]
    fn splat_i16(self, x: i16) -> i32x8 {
        cast(i16x16::splat(x))
    }
}
