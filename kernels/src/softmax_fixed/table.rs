//! idea: a byte less a byte is a byte: the exponential is an entry of a table, and sums are whole numbers

use super::{Args, ONE, SoftmaxFixed, entry, rows, sum, top};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Table;

impl Rung<SoftmaxFixed> for Table {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        rows(
            m,
            a,
            #[inline(always)]
            |x, exps, y| {
                let largest = m.round_i(&top(m, x));
                let whole = m.to_f32(&sum(m, exps, x, &largest));
                for c in m.steps(0, x.len(), 1) {
                    let share = m.div(&m.to_f32(&entry(m, exps, x, &largest, c)), &whole);
                    m.store_i(&m.round_i(&m.mul(&share, &m.splat(ONE as f32))), y, c);
                }
            },
        );
    }
}
