//! idea: pairs of bytes are squared and summed by one instruction, and values are scaled in lanes

use super::{Args, RmsNormFixed, inverse, keep, rows};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Simd;

impl Rung<RmsNormFixed> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        rows(
            m,
            a,
            #[inline(always)]
            |x, w, y| {
                let one = m.one();
                let mut sum = m.zero_i();
                let pairs = m.steps(0, x.len(), 2 * m.lanes());
                let tail = pairs.tail();
                for c in pairs {
                    sum = m.madd_i8(&sum, x, c, x, c);
                }
                let mut total = m.sum_i(&sum);
                for c in one.steps(tail, x.len(), 1) {
                    let x = one.load_i8(x, c);
                    total = one.add_i(&total, &one.mul_i(&x, &x));
                }
                let scale = inverse(one, &one.to_f32(&total), x.len());
                let wide = m.broadcast(&scale);
                let main = m.steps(0, x.len(), m.lanes());
                let tail = main.tail();
                for c in main {
                    let product = m.mul_i(&m.load_i8(x, c), &m.load_i8(w, c));
                    keep(m, &m.mul(&m.to_f32(&product), &wide), y, c);
                }
                for c in one.steps(tail, x.len(), 1) {
                    let product = one.mul_i(&one.load_i8(x, c), &one.load_i8(w, c));
                    keep(one, &one.mul(&one.to_f32(&product), &scale), y, c);
                }
            },
        );
    }
}
