//! q8_0 in a dot product: 32 weights `d q`, each a byte of its own. Its one-row ladder is `gemv_q8`.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::format::Quads;
use super::{GROUP_ROWS, Packed, X};
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::input::Canary;
use crate::machine::Machine;

/// Sixteen blocks.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    /// Scales by row.
    pub(crate) d: [f16; GROUP_ROWS],
    /// Four quants of each row, two's complement, then the next four.
    pub(crate) qs: [[u8; 4 * GROUP_ROWS]; 8],
}

impl Canary for Group {
    const VALUE: Self = Self { d: [f16::VALUE; GROUP_ROWS], qs: [[0xad; 4 * GROUP_ROWS]; 8] };
}

impl Packed for BlockQ8_0 {
    // Scale, multiply and add.
    const RUNG_0_OPERATIONS: f64 = 1.5;
    const SUB: usize = BLOCK_LEN;
    type Group = Group;

    fn interleave(rows: &[Self; GROUP_ROWS]) -> Group {
        let byte = |c: usize, i: usize| rows[i / 4].qs[4 * c + i % 4] as u8;
        Group { d: rows.map(|row| row.d), qs: std::array::from_fn(|c| std::array::from_fn(|i| byte(c, i))) }
    }

    fn exact(&self) -> Vec<f64> {
        let d = f64::from(self.d);
        self.qs.map(|q| d * f64::from(q)).to_vec()
    }

    #[inline(always)]
    fn multiply_add<M: Machine<One = M>>(m: M, block: &Self, x: &[f32], mut sum: M::F) -> M::F {
        let scale = m.load_f16_splat(&block.d);
        for j in m.steps(0, BLOCK_LEN, 1) {
            let weight = m.mul(&m.to_f32(&m.load_i8(&block.qs, j)), &scale);
            sum = m.mul_add(&weight, &m.load(x, j), &sum);
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
        let mut products: [M::I; R] = std::array::from_fn(|_| m.zero_i());
        for j in m.steps(0, BLOCK_LEN, 1) {
            let q = m.load_i8(&block.qs, j);
            for (products, x) in products.iter_mut().zip(x) {
                *products = m.add_i(products, &m.mul_i(&q, &m.load_i8(x.quants, j)));
            }
        }
        let d = m.load_f16_splat(&block.d);
        for ((products, x), sum) in products.iter().zip(x).zip(sums) {
            *sum = m.mul_add(&m.mul(&m.to_f32(products), &d), &m.load(x.scales, 0), sum);
        }
    }

    #[inline(always)]
    fn dot_group_rows<M: Machine, const R: usize>(m: M, group: &Group, x: &[X<'_>; R], sums: &mut [M::Sixteen; R]) {
        let quads = Quads::new(m, x);
        for v in 0..GROUP_ROWS / m.lanes() {
            let at = v * m.lanes();
            let mut products: [M::I; R] = std::array::from_fn(|_| m.zero_i());
            for c in 0..8 {
                let w = m.load_b(&group.qs[c], 4 * at);
                for (products, x) in products.iter_mut().zip(x) {
                    *products = m.dot4_b(products, &w, quads.get(m, x, c, &mut None));
                }
            }
            let d = m.load_f16(&group.d, at);
            for ((products, x), sums) in products.iter().zip(x).zip(&mut *sums) {
                let sum = &mut sums.as_mut()[v];
                *sum = m.mul_add(&m.mul(&m.to_f32(products), &d), &m.load_splat(x.scales, 0), sum);
            }
        }
    }
}
