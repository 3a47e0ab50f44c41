//! idea: the integer multiplier makes the product of two bytes; nothing is converted

use super::{Args, DotFixed, every_row};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Integer;

impl Rung<DotFixed> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        every_row(
            m,
            a.w,
            a.x.len(),
            a.y,
            #[inline(always)]
            |w| {
                let mut sum = m.zero_i();
                for c in m.steps(0, w.len(), 1) {
                    sum = m.add_i(&sum, &m.mul_i(&m.load_i8(w, c), &m.load_i8(a.x, c)));
                }
                sum
            },
        );
    }
}
