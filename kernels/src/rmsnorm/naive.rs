//! idea: three passes over the row, one value at a time: add, sum the squares, scale

use super::{Args, RmsNorm};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Naive;

impl Rung<RmsNorm> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        super::rows(
            m,
            a,
            #[inline(always)]
            |mut row| {
                let n = row.w.len();
                for c in m.steps(0, n, 1) {
                    m.store(&m.add(&m.load(row.h, c), &m.load(row.delta, c)), row.h_out, c);
                }
                let [mut squares] = m.zeros();
                for c in m.steps(0, n, 1) {
                    let h = m.load(row.h_out, c);
                    squares = m.mul_add(&h, &h, &squares);
                }
                let inverse = super::inverse_rms(m, &squares, n, row.epsilon);
                super::scale(m, &mut row, &inverse);
            },
        );
    }
}
