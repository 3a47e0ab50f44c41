//! idea: a bit of a weight becomes a mask that lets an activation through or not: sums without a multiply or a branch

use super::tq2_0::place;
use super::{Args, GemvTernary};
use crate::dtype::tq2_0::BlockTq2_0;
use crate::gemv_packed::rows_per_whole_lines;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct AddSub;

impl Rung<GemvTernary> for AddSub {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        rows(m.one(), a);
    }
}

/// A code is its low bit plus twice its high one, and the activations' sum is taken off at the end.
#[inline(always)]
fn rows<M: Machine<One = M>>(m: M, a: Args<'_>) {
    let (w, x, y) = (a.packed.w, a.packed.x, a.packed.y);
    let blocks = x.scales.len();
    tasks!(m, y.len(), rows_per_whole_lines(blocks * size_of::<BlockTq2_0>()), |r| {
        let row = &w[r * blocks..(r + 1) * blocks];
        let [mut sum] = m.zeros();
        for b in m.steps(0, blocks, 1) {
            let (block, x) = (&row[b], x.block::<BlockTq2_0>(b));
            let mut bits = [m.zero_i(), m.zero_i()];
            for half in 0..2 {
                for j in m.steps(0, 32, 1) {
                    let byte = m.load_u8(&block.qs, 32 * half + j);
                    for run in 0..4 {
                        let x = m.load_i8(x.quants, place(half, run, j));
                        for (high, bits) in bits.iter_mut().enumerate() {
                            let mask = mask(m, &byte, 2 * run + high);
                            *bits = m.add_i(bits, &m.mask_i(&x, &mask));
                        }
                    }
                }
            }
            let [low, high] = &bits;
            let whole = m.sub(&m.to_f32(&m.add_i(low, &m.shl_i::<1>(high))), &m.load(x.sums, 0));
            let scale = m.mul(&m.load_f16_splat(&block.d), &m.load(x.scales, 0));
            sum = m.mul_add(&whole, &scale, &sum);
        }
        m.store(&sum, y, r);
    });
}

/// All ones where bit `i` of a byte is set, else zeros.
#[inline(always)]
fn mask<M: Machine<One = M>>(m: M, byte: &M::I, i: usize) -> M::I {
    let shifted = match i {
        0 => return m.sub_i(&m.zero_i(), &m.and_i(byte, 1)),
        1 => m.shr_i::<1>(byte),
        2 => m.shr_i::<2>(byte),
        3 => m.shr_i::<3>(byte),
        4 => m.shr_i::<4>(byte),
        5 => m.shr_i::<5>(byte),
        6 => m.shr_i::<6>(byte),
        _ => return m.sub_i(&m.zero_i(), &m.shr_i::<7>(byte)),
    };
    m.sub_i(&m.zero_i(), &m.and_i(&shifted, 1))
}
