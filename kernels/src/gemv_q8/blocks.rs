//! The dot product of two blocks as integers, in the lanes of each machine, and of rows of blocks.

use super::BLOCK_LEN;
use crate::dtype::q8_0::BlockQ8_0;
use crate::machine::Machine;

/// How a machine multiplies the bytes of two blocks.
pub(crate) trait BlockDot {
    /// The 32 products of `w` and `x[at..]`, summed into lanes.
    fn lanes<M: Machine>(m: M, w: &[i8; BLOCK_LEN], x: &[i8], at: usize) -> M::I;
}

/// By the pairwise multiply-add of i16.
pub(crate) struct Madd;

impl BlockDot for Madd {
    #[inline(always)]
    fn lanes<M: Machine>(m: M, w: &[i8; BLOCK_LEN], x: &[i8], at: usize) -> M::I {
        let mut sum = m.zero_i();
        for s in 0..BLOCK_LEN / (2 * m.lanes()) {
            sum = m.madd_i8(&sum, w, s * 2 * m.lanes(), x, at + s * 2 * m.lanes());
        }
        sum
    }
}

/// By the byte dot product of four to a lane.
pub(crate) struct Dot4;

impl BlockDot for Dot4 {
    #[inline(always)]
    fn lanes<M: Machine>(m: M, w: &[i8; BLOCK_LEN], x: &[i8], at: usize) -> M::I {
        let mut sum = m.zero_i();
        for s in 0..BLOCK_LEN / (4 * m.lanes()) {
            sum = m.dot4_i8(&sum, w, s * 4 * m.lanes(), x, at + s * 4 * m.lanes());
        }
        sum
    }
}

/// `y[r] = w[r, :] · x` for `R` rows of `xd.len()` blocks that walk along x together.
#[inline(always)]
pub(crate) fn rows<M: Machine, D: BlockDot, const R: usize>(
    m: M,
    w: &[BlockQ8_0],
    xq: &[i8],
    xd: &[f32],
    y: &mut [f32],
) {
    let blocks = xd.len();
    let xq = &xq[..blocks * BLOCK_LEN];
    let row: [&[BlockQ8_0]; R] = std::array::from_fn(|r| &w[r * blocks..(r + 1) * blocks]);
    let mut sums = m.zeros::<R>();
    for b in m.steps(0, blocks, 1) {
        let x_scale = m.load_splat(xd, b);
        for r in 0..R {
            let block = &row[r][b];
            let products = m.to_f32(&D::lanes(m, &block.qs, xq, b * BLOCK_LEN));
            let scale = m.mul(&m.load_f16_splat(&block.d), &x_scale);
            sums[r] = m.mul_add(&products, &scale, &sums[r]);
        }
    }
    for (r, sum) in sums.iter().enumerate() {
        m.one().store(&m.sum(sum), y, r);
    }
}
