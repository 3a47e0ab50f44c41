//! One block: its largest magnitude, its scale, its quants.

use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::machine::{Machine, OneF};

/// Scales below this are taken for it when values are divided by them: 2⁻⁶⁴, whose inverse is finite, and far below what
/// an f16 says.
pub const LEAST: f32 = 1.0 / (1u64 << 63) as f32 / 2.0;

/// The largest magnitude of 32 values.
#[inline(always)]
pub fn largest<M: Machine>(m: M, x: &[f32]) -> OneF<M> {
    let [mut tops] = m.zeros();
    for c in (0..BLOCK_LEN).step_by(m.lanes()) {
        tops = m.max(&m.abs(&m.load(x, c)), &tops);
    }
    m.largest(&tops)
}

/// Scales of blocks with these largest magnitudes, and what their values are multiplied by.
#[inline(always)]
pub fn scales<M: Machine>(m: M, largest: &M::F) -> (M::F, M::F) {
    let d = m.div(largest, &m.splat(127.0));
    let inverse = m.div(&m.splat(1.0), &m.max(&d, &m.splat(LEAST)));
    (d, inverse)
}

/// Stores the scale and the quants.
#[inline(always)]
pub fn store<M: Machine>(m: M, x: &[f32], d: &OneF<M>, inverse: &M::F, block: &mut BlockQ8_0) {
    m.one().store_f16(d, std::slice::from_mut(&mut block.d), 0);
    for c in (0..BLOCK_LEN).step_by(m.lanes()) {
        let q = m.round_i(&m.mul(&m.load(x, c), inverse));
        m.store_i8(&q, &mut block.qs, c);
    }
}
