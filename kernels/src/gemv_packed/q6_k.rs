//! q6_K in a dot product: 256 weights `d sc (q - 32)` in sixteen sub-blocks of 16, four bits in one place and two in another.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::{Format, GROUP_ROWS, Packed, X, shaders};
use crate::dtype::q6_k::BlockQ6K;
use crate::foreign::Shader;
use crate::input::Canary;
use crate::machine::Machine;

/// Sixteen blocks.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    /// Scales by row.
    pub(crate) d: [f16; GROUP_ROWS],
    /// Scales of each sub-block by row.
    pub(crate) scales: [[i8; GROUP_ROWS]; 16],
    /// In the order in which products read them, as prefetchers follow no other: four bytes of low bits of each row, four
    /// that lie 32 further, and the four of high bits that complete both.
    pub(crate) bits: [[[u8; 4 * GROUP_ROWS]; 3]; 16],
}

impl Canary for Group {
    const VALUE: Self =
        Self { d: [f16::VALUE; GROUP_ROWS], scales: [[-1; GROUP_ROWS]; 16], bits: [[[0xad; 4 * GROUP_ROWS]; 3]; 16] };
}

/// What is taken off every quant.
const ZERO: f32 = 32.0;

/// A quant of run `run` of a half from its two bytes, on the scalar unit.
#[inline(always)]
fn quant<M: Machine<One = M>>(m: M, low: &M::I, high: &M::I, run: usize) -> M::I {
    let low = if run < 2 { m.and_i(low, 15) } else { m.shr_i::<4>(low) };
    let high = m.and_i(high, 3 << (2 * run));
    let high = match run {
        0 => m.shl_i::<4>(&high),
        1 => m.shl_i::<2>(&high),
        2 => high,
        _ => m.shr_i::<2>(&high),
    };
    m.or_i(&low, &high)
}

/// The same for a register of bytes.
#[inline(always)]
fn quants<M: Machine>(m: M, low: &M::B, high: &M::B, run: usize) -> M::B {
    let low = if run < 2 { m.and_b(low, 15) } else { m.shr_b::<4>(low) };
    let high = m.and_b(high, 3 << (2 * run));
    let high = match run {
        0 => m.shl_b::<4>(&high),
        1 => m.shl_b::<2>(&high),
        2 => high,
        _ => m.shr_b::<2>(&high),
    };
    m.or_b(&low, &high)
}

impl Format for BlockQ6K {
    const KERNEL: &'static str = "gemv_q6_k";
    const ABOUT: &'static str = "y[n] = W[n, k] x[k], q6_K weights, i8 activations: one token through a dense layer";
    const SHADERS: &'static [Shader] = shaders::Q6_K;
}

impl Packed for BlockQ6K {
    // Four operations put a quant together (a shift less in one run of four), then as for q4_0.
    const RUNG_0_OPERATIONS: f64 = 3.9;
    const SUB: usize = 16;
    type Group = Group;

    fn interleave(rows: &[Self; GROUP_ROWS]) -> Group {
        Group {
            d: rows.map(|row| row.d),
            scales: std::array::from_fn(|j| rows.map(|row| row.scales[j])),
            bits: std::array::from_fn(|c| {
                let low = 64 * (c / 8) + 4 * (c % 8);
                let quads =
                    |bytes: fn(&Self) -> &[u8], at: usize| std::array::from_fn(|i| bytes(&rows[i / 4])[at + i % 4]);
                [quads(|row| &row.ql, low), quads(|row| &row.ql, low + 32), quads(|row| &row.qh, 4 * c)]
            }),
        }
    }

    fn exact(&self) -> Vec<f64> {
        let d = f64::from(self.d);
        let weight =
            |(i, q): (usize, &u8)| d * f64::from(self.scales[i / Self::SUB]) * (f64::from(*q) - f64::from(ZERO));
        self.quants().iter().enumerate().map(weight).collect()
    }

    #[inline(always)]
    fn multiply_add<M: Machine<One = M>>(m: M, block: &Self, x: &[f32], mut sum: M::F) -> M::F {
        let d = m.load_f16_splat(&block.d);
        let zero = m.splat_i(ZERO as i32);
        for sub in 0..16 {
            let (half, run, first) = (sub / 8, sub % 8 / 2, sub % 2 * Self::SUB);
            let scale = m.mul(&m.to_f32(&m.load_i8(&block.scales, sub)), &d);
            for i in m.steps(0, Self::SUB, 1) {
                let low = m.load_u8(&block.ql, 64 * half + 32 * (run % 2) + first + i);
                let high = m.load_u8(&block.qh, 32 * half + first + i);
                let q = m.sub_i(&quant(m, &low, &high, run), &zero);
                let weight = m.mul(&m.to_f32(&q), &scale);
                sum = m.mul_add(&weight, &m.load(x, sub * Self::SUB + i), &sum);
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
        let mut scaled = m.zeros::<R>();
        for sub in 0..16 {
            let (half, run, first) = (sub / 8, sub % 8 / 2, sub % 2 * Self::SUB);
            let mut products: [M::I; R] = std::array::from_fn(|_| m.zero_i());
            for i in m.steps(0, Self::SUB, 1) {
                let low = m.load_u8(&block.ql, 64 * half + 32 * (run % 2) + first + i);
                let high = m.load_u8(&block.qh, 32 * half + first + i);
                let q = quant(m, &low, &high, run);
                let q = if HOISTED { q } else { m.sub_i(&q, &zero) };
                for (products, x) in products.iter_mut().zip(x) {
                    *products = m.add_i(products, &m.mul_i(&q, &m.load_i8(x.quants, sub * Self::SUB + i)));
                }
            }
            let scale = m.to_f32(&m.load_i8(&block.scales, sub));
            for r in 0..R {
                let mut whole = m.to_f32(&products[r]);
                if HOISTED {
                    whole = m.mul_add(&m.load(x[r].sums, sub), &m.splat(-ZERO), &whole);
                }
                scaled[r] = m.mul_add(&whole, &scale, &scaled[r]);
            }
        }
        let d = m.load_f16_splat(&block.d);
        for r in 0..R {
            sums[r] = m.mul_add(&m.mul(&scaled[r], &d), &m.load(x[r].scales, 0), &sums[r]);
        }
    }

    #[inline(always)]
    fn dot_group_rows<M: Machine, const R: usize>(m: M, group: &Group, x: &[X<'_>; R], sums: &mut [M::Sixteen; R]) {
        let zero = m.splat(-ZERO);
        for v in 0..GROUP_ROWS / m.lanes() {
            let at = v * m.lanes();
            let mut scaled = m.zeros::<R>();
            // A byte of qh serves all four runs of a half, one of ql two of them.
            for part in 0..4 {
                let half = part / 2;
                let mut products: [[M::I; R]; 4] = std::array::from_fn(|_| std::array::from_fn(|_| m.zero_i()));
                for c in 0..4 {
                    let bits = &group.bits[4 * part + c];
                    let [a, b, high] = std::array::from_fn(|i| m.load_b(&bits[i], 4 * at));
                    for (run, products) in products.iter_mut().enumerate() {
                        let sub = 8 * half + 2 * run + part % 2;
                        let w = quants(m, if run % 2 == 0 { &a } else { &b }, &high, run);
                        for (products, x) in products.iter_mut().zip(x) {
                            let quad = m.load_splat_b4(x.quants, sub * Self::SUB + 4 * c);
                            *products = m.dot4_ub(products, &w, &quad);
                        }
                    }
                }
                for (run, products) in products.iter().enumerate() {
                    let sub = 8 * half + 2 * run + part % 2;
                    let scale = m.to_f32(&m.load_i8(&group.scales[sub], at));
                    for r in 0..R {
                        let whole = m.mul_add(&m.load_splat(x[r].sums, sub), &zero, &m.to_f32(&products[r]));
                        scaled[r] = m.mul_add(&whole, &scale, &scaled[r]);
                    }
                }
            }
            let d = m.load_f16(&group.d, at);
            for r in 0..R {
                let sum = &mut sums[r].as_mut()[v];
                *sum = m.mul_add(&m.mul(&scaled[r], &d), &m.load_splat(x[r].scales, 0), sum);
            }
        }
    }
}
