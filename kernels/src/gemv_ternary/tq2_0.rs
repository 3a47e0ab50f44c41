//! tq2_0 in a dot product: 256 weights `d (q - 1)`, four to a byte.

use bytemuck::{Pod, Zeroable};
use half::f16;

use crate::dtype::tq2_0::{BLOCK_LEN, BlockTq2_0};
use crate::gemv_packed::{Format, GROUP_ROWS, Packed, X};
use crate::input::Canary;
use crate::kernel::Contract;
use crate::machine::Machine;

/// Sixteen blocks.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    /// Scales by row.
    pub(super) d: [f16; GROUP_ROWS],
    /// Four bytes of each row, then the next four.
    pub(super) qs: [[u8; 4 * GROUP_ROWS]; 16],
}

impl Canary for Group {
    const VALUE: Self = Self { d: [f16::VALUE; GROUP_ROWS], qs: [[0xad; 4 * GROUP_ROWS]; 16] };
}

/// On the scalar unit: code `run` of a byte.
#[inline(always)]
pub(super) fn code<M: Machine<One = M>>(m: M, byte: &M::I, run: usize) -> M::I {
    match run {
        0 => m.and_i(byte, 3),
        1 => m.and_i(&m.shr_i::<2>(byte), 3),
        2 => m.and_i(&m.shr_i::<4>(byte), 3),
        _ => m.shr_i::<6>(byte),
    }
}

/// The weight that is code `run` of byte `j` of a half.
#[inline(always)]
pub(super) fn place(half: usize, run: usize, j: usize) -> usize {
    128 * half + 32 * run + j
}

impl Format for BlockTq2_0 {
    const KERNEL: &'static str = super::GemvTernary::NAME;
    const ABOUT: &'static str = super::GemvTernary::ABOUT;
}

impl Packed for BlockTq2_0 {
    // One and a half operations take a code out of its byte, three more take 1 off it, scale it, and then multiply and add.
    const RUNG_0_OPERATIONS: f64 = 2.75;
    const SUB: usize = BLOCK_LEN;
    type Group = Group;

    fn interleave(rows: &[Self; GROUP_ROWS]) -> Group {
        Group {
            d: rows.map(|row| row.d),
            qs: std::array::from_fn(|c| std::array::from_fn(|i| rows[i / 4].qs[4 * c + i % 4])),
        }
    }

    fn exact(&self) -> Vec<f64> {
        let d = f64::from(self.d);
        self.codes().map(|code| d * (f64::from(code) - 1.0)).to_vec()
    }

    #[inline(always)]
    fn multiply_add<M: Machine<One = M>>(m: M, block: &Self, x: &[f32], mut sum: M::F) -> M::F {
        let (scale, zero) = (m.load_f16_splat(&block.d), m.splat_i(1));
        for half in 0..2 {
            for j in m.steps(0, 32, 1) {
                let byte = m.load_u8(&block.qs, 32 * half + j);
                for run in 0..4 {
                    let weight = m.mul(&m.to_f32(&m.sub_i(&code(m, &byte, run), &zero)), &scale);
                    sum = m.mul_add(&weight, &m.load(x, place(half, run, j)), &sum);
                }
            }
        }
        sum
    }

    #[inline(always)]
    fn dot_rows<M: Machine<One = M>, const HOISTED: bool, const R: usize>(
        m: M,
        block: &Self,
        x: &[X<'_>; R],
        sums: &mut [M::F; R],
    ) {
        let one = m.splat_i(1);
        let mut products: [M::I; R] = std::array::from_fn(|_| m.zero_i());
        for half in 0..2 {
            for j in m.steps(0, 32, 1) {
                let byte = m.load_u8(&block.qs, 32 * half + j);
                for run in 0..4 {
                    let q = code(m, &byte, run);
                    let q = if HOISTED { q } else { m.sub_i(&q, &one) };
                    for (products, x) in products.iter_mut().zip(x) {
                        *products = m.add_i(products, &m.mul_i(&q, &m.load_i8(x.quants, place(half, run, j))));
                    }
                }
            }
        }
        let d = m.load_f16_splat(&block.d);
        for ((products, x), sum) in products.iter().zip(x).zip(sums) {
            let mut whole = m.to_f32(products);
            if HOISTED {
                whole = m.sub(&whole, &m.load(x.sums, 0));
            }
            *sum = m.mul_add(&whole, &m.mul(&d, &m.load(x.scales, 0)), sum);
        }
    }

    /// Codes are multiplied where they lie: those of run r count 4^r times, which the sum of each run takes back. Only the
    /// highest is moved down, because a byte that is multiplied must stay below 128.
    #[inline(always)]
    fn dot_group_rows<M: Machine, const R: usize>(m: M, group: &Group, x: &[X<'_>; R], sums: &mut [M::Sixteen; R]) {
        let back = [0.25, 0.0625].map(|quarter| m.splat(quarter));
        for v in 0..GROUP_ROWS / m.lanes() {
            let mut products: [[M::I; 3]; R] = std::array::from_fn(|_| std::array::from_fn(|_| m.zero_i()));
            for half in 0..2 {
                for c in m.steps(0, 8, 1) {
                    let bytes = m.load_b(&group.qs[8 * half + c], 4 * v * m.lanes());
                    let codes = [
                        (0, 0, m.and_b(&bytes, 3)),
                        (0, 3, m.shr_b::<6>(&bytes)),
                        (1, 1, m.and_b(&bytes, 3 << 2)),
                        (2, 2, m.and_b(&bytes, 3 << 4)),
                    ];
                    for (products, x) in products.iter_mut().zip(x) {
                        for (into, run, codes) in &codes {
                            let quad = m.load_splat_b4(x.quants, place(half, *run, 4 * c));
                            products[*into] = m.dot4_ub(&products[*into], codes, &quad);
                        }
                    }
                }
            }
            let d = m.load_f16(&group.d, v * m.lanes());
            for ((products, x), sums) in products.iter().zip(x).zip(&mut *sums) {
                let mut whole = m.sub(&m.to_f32(&products[0]), &m.load_splat(x.sums, 0));
                for (products, back) in products[1..].iter().zip(&back) {
                    whole = m.mul_add(&m.to_f32(products), back, &whole);
                }
                let sum = &mut sums.as_mut()[v];
                *sum = m.mul_add(&whole, &m.mul(&d, &m.load_splat(x.scales, 0)), sum);
            }
        }
    }
}
