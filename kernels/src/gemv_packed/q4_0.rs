//! q4_0 in a dot product: 32 weights `d (q - 8)`, two to a byte.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::format::Quads;
use super::{Format, GROUP_ROWS, Packed, X, shaders};
use crate::dtype::q4_0::BlockQ4_0;
use crate::foreign::Shader;
use crate::input::Canary;
use crate::machine::Machine;

/// Sixteen blocks.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    /// Scales by row.
    pub(crate) d: [f16; GROUP_ROWS],
    /// Four bytes of each row, then the next four.
    pub(crate) qs: [[u8; 4 * GROUP_ROWS]; 4],
}

impl Canary for Group {
    const VALUE: Self = Self { d: [f16::VALUE; GROUP_ROWS], qs: [[0xad; 4 * GROUP_ROWS]; 4] };
}

/// What is taken off every quant.
const ZERO: f32 = 8.0;

impl Format for BlockQ4_0 {
    const KERNEL: &'static str = "gemv_q4_0";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], q4_0 weights, i8 activations: one token through a dense layer";
    const SHADERS: &'static [Shader] = shaders::Q4_0;
}

impl Packed for BlockQ4_0 {
    // Mask or shift, take 8 off, scale, multiply and add.
    const RUNG_0_OPERATIONS: f64 = 2.5;
    const SUB: usize = 32;
    type Group = Group;

    fn interleave(rows: &[Self; GROUP_ROWS]) -> Group {
        let byte = |c: usize, i: usize| rows[i / 4].qs[4 * c + i % 4];
        Group { d: rows.map(|row| row.d), qs: std::array::from_fn(|c| std::array::from_fn(|i| byte(c, i))) }
    }

    fn exact(&self) -> Vec<f64> {
        let d = f64::from(self.d);
        self.quants().map(|q| d * (f64::from(q) - f64::from(ZERO))).to_vec()
    }

    #[inline(always)]
    fn multiply_add<M: Machine<One = M>>(m: M, block: &Self, x: &[f32], mut sum: M::F) -> M::F {
        let scale = m.load_f16_splat(&block.d);
        let zero = m.splat_i(ZERO as i32);
        for j in m.steps(0, 16, 1) {
            let byte = m.load_u8(&block.qs, j);
            for (at, q) in [(j, m.and_i(&byte, 15)), (j + 16, m.shr_i::<4>(&byte))] {
                let weight = m.mul(&m.to_f32(&m.sub_i(&q, &zero)), &scale);
                sum = m.mul_add(&weight, &m.load(x, at), &sum);
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
        let zero = m.splat_i(ZERO as i32);
        let mut products: [M::I; R] = std::array::from_fn(|_| m.zero_i());
        for j in m.steps(0, 16, 1) {
            let byte = m.load_u8(&block.qs, j);
            for (at, q) in [(j, m.and_i(&byte, 15)), (j + 16, m.shr_i::<4>(&byte))] {
                let q = if HOISTED { q } else { m.sub_i(&q, &zero) };
                for (products, x) in products.iter_mut().zip(x) {
                    *products = m.add_i(products, &m.mul_i(&q, &m.load_i8(x.quants, at)));
                }
            }
        }
        let d = m.load_f16_splat(&block.d);
        for ((products, x), sum) in products.iter().zip(x).zip(sums) {
            let mut whole = m.to_f32(products);
            if HOISTED {
                whole = m.mul_add(&m.load(x.sums, 0), &m.splat(-ZERO), &whole);
            }
            *sum = m.mul_add(&m.mul(&whole, &d), &m.load(x.scales, 0), sum);
        }
    }

    #[inline(always)]
    fn dot_group_rows<M: Machine, const R: usize>(m: M, group: &Group, x: &[X<'_>; R], sums: &mut [M::Sixteen; R]) {
        let (quads, zero) = (Quads::new(m, x), m.splat(-ZERO));
        for v in 0..GROUP_ROWS / m.lanes() {
            let at = v * m.lanes();
            let mut products: [M::I; R] = std::array::from_fn(|_| m.zero_i());
            for c in 0..4 {
                let bytes = m.load_b(&group.qs[c], 4 * at);
                for (c, w) in [(c, m.and_b(&bytes, 15)), (c + 4, m.shr_b::<4>(&bytes))] {
                    for (products, x) in products.iter_mut().zip(x) {
                        *products = m.dot4_ub(products, &w, quads.get(m, x, c, &mut None));
                    }
                }
            }
            let d = m.load_f16(&group.d, at);
            for ((products, x), sums) in products.iter().zip(x).zip(&mut *sums) {
                let sum = &mut sums.as_mut()[v];
                let whole = m.mul_add(&m.load_splat(x.sums, 0), &zero, &m.to_f32(products));
                *sum = m.mul_add(&m.mul(&whole, &d), &m.load_splat(x.scales, 0), sum);
            }
        }
    }
}
