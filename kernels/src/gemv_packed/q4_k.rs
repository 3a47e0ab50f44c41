//! q4_K in a dot product: 256 weights `d sc q - dmin mn` in eight sub-blocks of 32, two to a byte.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::{Format, GROUP_ROWS, Packed, X, shaders};
use crate::dtype::q4_k::BlockQ4K;
use crate::foreign::Shader;
use crate::input::Canary;
use crate::machine::Machine;

/// Sixteen blocks. Their 6-bit scales and minimums lie in bytes here: 2 % more to read, nothing to take apart.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    /// Scales by row.
    pub(crate) d: [f16; GROUP_ROWS],
    /// Scales of minimums by row.
    pub(crate) dmin: [f16; GROUP_ROWS],
    /// Scales of each sub-block by row.
    pub(crate) scales: [[u8; GROUP_ROWS]; 8],
    /// Minimums of each sub-block by row.
    pub(crate) mins: [[u8; GROUP_ROWS]; 8],
    /// Four bytes of each row, then the next four; eight such pieces are two sub-blocks.
    pub(crate) qs: [[u8; 4 * GROUP_ROWS]; 32],
}

impl Canary for Group {
    const VALUE: Self = Self {
        d: [f16::VALUE; GROUP_ROWS],
        dmin: [f16::VALUE; GROUP_ROWS],
        scales: [[0xad; GROUP_ROWS]; 8],
        mins: [[0xad; GROUP_ROWS]; 8],
        qs: [[0xad; 4 * GROUP_ROWS]; 32],
    };
}

/// Scale and minimum of sub-block `j` on the scalar unit; see [`BlockQ4K::scales_and_mins`].
#[inline(always)]
fn scale_and_min<M: Machine<One = M>>(m: M, packed: &[u8; 12], j: usize) -> (M::F, M::F) {
    let (scale, min) = if j < 4 {
        (m.and_i(&m.load_u8(packed, j), 63), m.and_i(&m.load_u8(packed, j + 4), 63))
    } else {
        let low = m.load_u8(packed, j + 4);
        let top = |at: usize| m.shl_i::<4>(&m.shr_i::<6>(&m.load_u8(packed, at)));
        (m.or_i(&m.and_i(&low, 15), &top(j - 4)), m.or_i(&m.shr_i::<4>(&low), &top(j)))
    };
    (m.to_f32(&scale), m.to_f32(&min))
}

/// The low or the high half of a byte.
#[inline(always)]
fn half<M: Machine<One = M>>(m: M, byte: &M::I, high: bool) -> M::I {
    if high { m.shr_i::<4>(byte) } else { m.and_i(byte, 15) }
}

impl Format for BlockQ4K {
    const KERNEL: &'static str = "gemv_q4_k";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], q4_K weights, i8 activations: one token through a dense layer";
    const SHADERS: &'static [Shader] = shaders::Q4_K;
}

impl Packed for BlockQ4K {
    // Mask or shift, scale, take the minimum off, multiply and add; and the sub-block's scales once for 32.
    const RUNG_0_OPERATIONS: f64 = 2.6;
    const MINIMUMS: bool = true;
    const SUB: usize = 32;
    type Group = Group;

    fn interleave(rows: &[Self; GROUP_ROWS]) -> Group {
        let byte = |c: usize, i: usize| rows[i / 4].qs[4 * c + i % 4];
        let unpacked = rows.map(|row| row.scales_and_mins());
        Group {
            d: rows.map(|row| row.d),
            dmin: rows.map(|row| row.dmin),
            scales: std::array::from_fn(|j| unpacked.map(|(scales, _)| scales[j])),
            mins: std::array::from_fn(|j| unpacked.map(|(_, mins)| mins[j])),
            qs: std::array::from_fn(|c| std::array::from_fn(|i| byte(c, i))),
        }
    }

    fn exact(&self) -> Vec<f64> {
        let (d, dmin) = (f64::from(self.d), f64::from(self.dmin));
        let (scales, mins) = self.scales_and_mins();
        let weight = |(i, q): (usize, &u8)| {
            d * f64::from(scales[i / Self::SUB]) * f64::from(*q) - dmin * f64::from(mins[i / Self::SUB])
        };
        self.quants().iter().enumerate().map(weight).collect()
    }

    #[inline(always)]
    fn multiply_add<M: Machine<One = M>>(m: M, block: &Self, x: &[f32], mut sum: M::F) -> M::F {
        let (d, dmin) = (m.load_f16_splat(&block.d), m.load_f16_splat(&block.dmin));
        for j in 0..8 {
            let (scale, min) = scale_and_min(m, &block.scales, j);
            let (scale, min) = (m.mul(&scale, &d), m.mul(&min, &dmin));
            for i in m.steps(0, Self::SUB, 1) {
                let q = half(m, &m.load_u8(&block.qs, j / 2 * Self::SUB + i), j % 2 == 1);
                let weight = m.sub(&m.mul(&m.to_f32(&q), &scale), &min);
                sum = m.mul_add(&weight, &m.load(x, j * Self::SUB + i), &sum);
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
        let (mut scaled, mut offset) = (m.zeros::<R>(), m.zeros::<R>());
        for j in 0..8 {
            let (scale, min) = scale_and_min(m, &block.scales, j);
            let mut products: [M::I; R] = std::array::from_fn(|_| m.zero_i());
            let mut x_sums: [M::I; R] = std::array::from_fn(|_| m.zero_i());
            for i in m.steps(0, Self::SUB, 1) {
                let q = half(m, &m.load_u8(&block.qs, j / 2 * Self::SUB + i), j % 2 == 1);
                for r in 0..R {
                    let x = m.load_i8(x[r].quants, j * Self::SUB + i);
                    products[r] = m.add_i(&products[r], &m.mul_i(&q, &x));
                    if !HOISTED {
                        x_sums[r] = m.add_i(&x_sums[r], &x);
                    }
                }
            }
            for r in 0..R {
                scaled[r] = m.mul_add(&m.to_f32(&products[r]), &scale, &scaled[r]);
                let x_sum = if HOISTED { m.load(x[r].sums, j) } else { m.to_f32(&x_sums[r]) };
                offset[r] = m.mul_add(&x_sum, &min, &offset[r]);
            }
        }
        let (d, dmin) = (m.load_f16_splat(&block.d), m.load_f16_splat(&block.dmin));
        for r in 0..R {
            let whole = m.sub(&m.mul(&scaled[r], &d), &m.mul(&offset[r], &dmin));
            sums[r] = m.mul_add(&whole, &m.load(x[r].scales, 0), &sums[r]);
        }
    }

    #[inline(always)]
    fn dot_group_rows<M: Machine, const R: usize>(m: M, group: &Group, x: &[X<'_>; R], sums: &mut [M::Sixteen; R]) {
        for v in 0..GROUP_ROWS / m.lanes() {
            let at = v * m.lanes();
            let (mut scaled, mut offset) = (m.zeros::<R>(), m.zeros::<R>());
            for run in 0..4 {
                let mut products: [[M::I; R]; 2] = std::array::from_fn(|_| std::array::from_fn(|_| m.zero_i()));
                for c in 0..8 {
                    let bytes = m.load_b(&group.qs[8 * run + c], 4 * at);
                    for (j, w) in [m.and_b(&bytes, 15), m.shr_b::<4>(&bytes)].iter().enumerate() {
                        for (products, x) in products[j].iter_mut().zip(x) {
                            let quad = m.load_splat_b4(x.quants, (2 * run + j) * Self::SUB + 4 * c);
                            *products = m.dot4_ub(products, w, &quad);
                        }
                    }
                }
                for (j, products) in (2 * run..).zip(&products) {
                    let scale = m.to_f32(&m.load_u8(&group.scales[j], at));
                    let min = m.to_f32(&m.load_u8(&group.mins[j], at));
                    for r in 0..R {
                        scaled[r] = m.mul_add(&m.to_f32(&products[r]), &scale, &scaled[r]);
                        offset[r] = m.mul_add(&m.load_splat(x[r].sums, j), &min, &offset[r]);
                    }
                }
            }
            let (d, dmin) = (m.load_f16(&group.d, at), m.load_f16(&group.dmin, at));
            for r in 0..R {
                let whole = m.sub(&m.mul(&scaled[r], &d), &m.mul(&offset[r], &dmin));
                let sum = &mut sums[r].as_mut()[v];
                *sum = m.mul_add(&whole, &m.load_splat(x[r].scales, 0), sum);
            }
        }
    }
}
