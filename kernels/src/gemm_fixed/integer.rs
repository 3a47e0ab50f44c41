//! idea: the integer multiplier makes the product of two bytes; nothing is converted

use super::{Args, GemmFixed, every_row};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Integer;

impl Rung<GemmFixed> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_product::<M, 1>(m, a);
    }
}

/// Every row by as many tokens at a time.
#[inline(always)]
pub(super) fn every_product<M: Machine, const T: usize>(m: M, a: Args<'_>) {
    let m = m.one();
    every_row::<_, T>(
        m,
        a,
        #[inline(always)]
        |w, x| {
            let mut sums = std::array::from_fn(|_| m.zero_i());
            for c in m.steps(0, w.len(), 1) {
                let weight = m.load_i8(w, c);
                for t in 0..T {
                    sums[t] = m.add_i(&sums[t], &m.mul_i(&weight, &m.load_i8(x[t], c)));
                }
            }
            sums
        },
    );
}
