//! The integer half of a machine: i32 lanes, registers of bytes, and the ways between bits, integers and floats.

use super::{Machine, Registers};

/// Integer arithmetic on registers. i32 lanes wrap on overflow. A register of bytes ([`Registers::B`]) has four bytes to
/// each lane; some operations see it, or a register of i32, as i16 pairs, the even byte or half lower.
pub trait Integers: Registers {
    /// Zero in every i32 lane.
    fn zero_i(self) -> Self::I;
    /// A constant in every i32 lane.
    fn splat_i(self, x: i32) -> Self::I;
    /// `lanes` i8 from `s[i..]`, sign-extended.
    fn load_i8(self, s: &[i8], i: usize) -> Self::I;
    /// `lanes` u8 from `s[i..]`, zero-extended.
    fn load_u8(self, s: &[u8], i: usize) -> Self::I;
    /// Stores the low byte of each lane to `s[i..i + lanes]`. Lanes lie in `-128..=127`.
    fn store_i8(self, v: &Self::I, s: &mut [i8], i: usize);
    /// Stores to `s[i..i + lanes]`.
    fn store_i(self, v: &Self::I, s: &mut [i32], i: usize);
    /// `a + b`.
    fn add_i(self, a: &Self::I, b: &Self::I) -> Self::I;
    /// `a - b`.
    fn sub_i(self, a: &Self::I, b: &Self::I) -> Self::I;
    /// `a * b`, low 32 bits.
    fn mul_i(self, a: &Self::I, b: &Self::I) -> Self::I;
    /// Bitwise and with a constant.
    fn and_i(self, a: &Self::I, mask: i32) -> Self::I;
    /// Bitwise and of two registers.
    fn mask_i(self, a: &Self::I, mask: &Self::I) -> Self::I;
    /// Bitwise or.
    fn or_i(self, a: &Self::I, b: &Self::I) -> Self::I;
    /// `a << N`, `0 < N < 32`.
    fn shl_i<const N: i32>(self, a: &Self::I) -> Self::I;
    /// `a >> N` with zeros from above, `0 < N < 32`.
    fn shr_i<const N: i32>(self, a: &Self::I) -> Self::I;
    /// `table[index]` lane by lane; the next address waits for this one's value.
    fn lookup(self, table: &[i32], index: &Self::I) -> Self::I;
    /// [`Integers::lookup`] in a table of f32.
    fn lookup_f32(self, table: &[f32], index: &Self::I) -> Self::F;
    /// Sum of the lanes.
    fn sum_i(self, v: &Self::I) -> <Self::One as Registers>::I;

    /// i32 to f32.
    fn to_f32(self, v: &Self::I) -> Self::F;
    /// To the nearest integer, halves to even. `|v| < 2^31`.
    fn round_i(self, v: &Self::F) -> Self::I;
    /// The bits of i32 lanes read as f32.
    fn bits_as_f32(self, v: &Self::I) -> Self::F;

    /// `acc` plus the products of `2 * lanes` i8 from `w[i..]` and `x[j..]`, two to a lane (pmaddwd kind).
    fn madd_i8(self, acc: &Self::I, w: &[i8], i: usize, x: &[i8], j: usize) -> Self::I;
    /// `acc` plus the products of `4 * lanes` i8 from `w[i..]` and `x[j..]`, four to a lane or two to each half of one.
    /// `x` holds no -128. Machines without the instruction do it with two [`Integers::madd_i8`].
    #[inline(always)]
    fn dot4_i8(self, acc: &Self::I, w: &[i8], i: usize, x: &[i8], j: usize) -> Self::I {
        let half = self.madd_i8(acc, w, i, x, j);
        self.madd_i8(&half, w, i + 2 * self.lanes(), x, j + 2 * self.lanes())
    }

    /// `4 * lanes` bytes from `s[i..]`.
    fn load_b(self, s: &[u8], i: usize) -> Self::B;
    /// The four bytes of `s[i..i + 4]` in every lane.
    fn load_splat_b4(self, s: &[i8], i: usize) -> Self::B;
    /// A byte in every byte.
    fn splat_b(self, x: u8) -> Self::B;
    /// Bitwise and with a constant byte.
    fn and_b(self, a: &Self::B, mask: u8) -> Self::B;
    /// Bitwise or.
    fn or_b(self, a: &Self::B, b: &Self::B) -> Self::B;
    /// Each byte `<< N`, `0 < N < 8`.
    fn shl_b<const N: i32>(self, a: &Self::B) -> Self::B;
    /// Each byte `>> N` with zeros from above, `0 < N < 8`.
    fn shr_b<const N: i32>(self, a: &Self::B) -> Self::B;
    /// Each byte `a - b`, wrapping.
    fn sub_b(self, a: &Self::B, b: &Self::B) -> Self::B;
    /// Each byte from a table of sixteen, which every group of sixteen bytes of `table` repeats (pshufb, tbl). Indices lie
    /// in `0..16`. Fewer than four lanes have no whole table: those machines read the table's bytes 0..4 lanes only, and
    /// variants that use this ask for [`crate::kernel::Width::SimdShuffle`].
    fn swizzle_b(self, table: &Self::B, index: &Self::B) -> Self::B;
    /// The sixteen bytes of `s[i..i + 16]`, repeated in every group of sixteen.
    fn load_table(self, s: &[i8], i: usize) -> Self::B;
    /// `acc` plus four products of signed bytes to a lane. `x` holds no -128.
    fn dot4_b(self, acc: &Self::I, w: &Self::B, x: &Self::B) -> Self::I;
    /// [`Integers::dot4_b`] where every byte of `w` lies in `0..=127`: cheaper where the instruction multiplies unsigned
    /// by signed bytes.
    fn dot4_ub(self, acc: &Self::I, w: &Self::B, x: &Self::B) -> Self::I;

    /// The even bytes, sign-extended to i16 pairs.
    fn even_i16(self, v: &Self::B) -> Self::I;
    /// The odd bytes, sign-extended to i16 pairs.
    fn odd_i16(self, v: &Self::B) -> Self::I;
    /// Pairs of i16 `a + b`, wrapping.
    fn add_i16(self, a: &Self::I, b: &Self::I) -> Self::I;
    /// `acc` plus the two products of each lane's pairs of i16 (pmaddwd).
    fn madd_i16(self, acc: &Self::I, a: &Self::I, b: &Self::I) -> Self::I;
    /// A constant in both i16 of every lane.
    fn splat_i16(self, x: i16) -> Self::I;
}

/// Four products of signed bytes to a lane, on machines with nothing better than the pairwise i16 multiply-add: even and
/// odd bytes apart need no widening shuffle.
#[inline(always)]
pub(super) fn dot4_by_pairs<M: Machine>(m: M, acc: &M::I, w: &M::B, x: &M::B) -> M::I {
    let even = m.madd_i16(acc, &m.even_i16(w), &m.even_i16(x));
    m.madd_i16(&even, &m.odd_i16(w), &m.odd_i16(x))
}
