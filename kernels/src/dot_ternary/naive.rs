//! idea: the weight is a factor like any other: every product is made, also those with 0 and 1

use super::{Args, DotTernary};
use crate::dot_fixed::every_row;
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Naive;

impl Rung<DotTernary> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        every_row(
            m,
            a.w,
            a.x.len(),
            a.y,
            #[inline(always)]
            |row| {
                let mut sum = m.zero_i();
                for c in m.steps(0, row.len(), 1) {
                    sum = m.add_i(&sum, &m.mul_i(&m.load_i8(row, c), &m.load_i8(a.x, c)));
                }
                sum
            },
        );
    }
}
