//! idea: five weights to a byte, taken out by multiplying with three: a fifth fewer bytes, twice the work

use super::{Args, GemvTernary};
use crate::dtype::tq1_0::BlockTq1_0;
use crate::dtype::tq2_0::{BLOCK_LEN, BlockTq2_0};
use crate::gemv_packed::{X, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine, Registers, tasks};

/// See the file's first line. The format is ggml's TQ1_0.
pub struct Base3;

impl Rung<GemvTernary> for Base3 {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (w, x, y) = (a.base3, a.packed.x, a.packed.y);
        let blocks = x.scales.len();
        tasks!(m, y.len(), rows_per_whole_lines(blocks * size_of::<BlockTq1_0>()), |r| {
            let row = &w[r * blocks..(r + 1) * blocks];
            let one = m.one();
            let [mut sum] = one.zeros();
            for b in m.steps(0, blocks, 1) {
                let x = x.block::<BlockTq2_0>(b);
                let whole = one.sub(&one.to_f32(&products(m, &row[b], x)), &one.load(x.sums, 0));
                let scale = one.mul(&one.load_f16_splat(&row[b].d), &one.load(x.scales, 0));
                sum = one.mul_add(&whole, &scale, &sum);
            }
            one.store(&sum, y, r);
        });
    }
}

/// Codes times quants of a block.
#[inline(always)]
fn products<M: Machine>(m: M, block: &BlockTq1_0, x: X<'_>) -> <M::One as Registers>::I {
    let x = &x.quants[..BLOCK_LEN];
    let mut sum = m.zero_i();
    for (first, bytes, weight) in [(0, 32, 0), (32, 16, 160)] {
        for j in m.steps(0, bytes, m.lanes()) {
            sum = digits::<M, 5>(m, &block.qs, first + j, x, (weight + j, bytes), sum);
        }
    }
    let one = m.one();
    let mut last = m.sum_i(&sum);
    for j in one.steps(0, 4, 1) {
        last = digits::<M::One, 4>(one, &block.qh, j, x, (240 + j, 4), last);
    }
    last
}

/// `sum` plus the first `N` digits of a register of bytes times quants from `x[at..]`, a digit `stride` after the other.
/// Three times a fraction is a digit and the rest of the fraction.
#[inline(always)]
fn digits<M: Machine, const N: usize>(
    m: M,
    bytes: &[u8],
    i: usize,
    x: &[i8],
    (at, stride): (usize, usize),
    mut sum: M::I,
) -> M::I {
    let mut fraction = m.load_u8(bytes, i);
    for digit in 0..N {
        let three = m.add_i(&fraction, &m.shl_i::<1>(&fraction));
        let product = m.mul_i(&m.shr_i::<8>(&three), &m.load_i8(x, at + digit * stride));
        sum = m.add_i(&sum, &product);
        fraction = if digit + 1 < N { m.and_i(&three, 255) } else { three };
    }
    sum
}
