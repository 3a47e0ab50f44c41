//! idea: the definition in floating point, the C library's exp and a division for each byte of score

use super::{Args, ONE, STEPS, SoftmaxFixed, rows, top};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Naive;

impl Rung<SoftmaxFixed> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        rows(
            m,
            a,
            #[inline(always)]
            |x, _, y| {
                let largest = top(m, x);
                let exponential = |c: usize| {
                    let below = m.sub(&m.to_f32(&m.load_i8(x, c)), &largest);
                    m.exp_libm(&m.div(&below, &m.splat(STEPS as f32)))
                };
                let [mut sum] = m.zeros();
                for c in m.steps(0, x.len(), 1) {
                    sum = m.add(&sum, &exponential(c));
                }
                for c in m.steps(0, x.len(), 1) {
                    let share = m.div(&exponential(c), &sum);
                    m.store_i(&m.round_i(&m.mul(&share, &m.splat(ONE as f32))), y, c);
                }
            },
        );
    }
}
