//! idea: one division a row, then a multiply for each share

use super::{Args, ONE, SoftmaxFixed, entry, rows, sum, top};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Reciprocal;

impl Rung<SoftmaxFixed> for Reciprocal {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        rows(
            m,
            a,
            #[inline(always)]
            |x, exps, y| {
                let largest = m.round_i(&top(m, x));
                let scale = m.div(&m.splat(ONE as f32), &m.to_f32(&sum(m, exps, x, &largest)));
                for c in m.steps(0, x.len(), 1) {
                    let share = m.mul(&m.to_f32(&entry(m, exps, x, &largest, c)), &scale);
                    m.store_i(&m.round_i(&share), y, c);
                }
            },
        );
    }
}
