//! idea: the integer multiplier makes the product of two bytes; nothing is converted

use super::{Args, DotFixed, every_product};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Integer;

impl Rung<DotFixed> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        every_product(
            m,
            a,
            #[inline(always)]
            |w, x| m.mul_i(w, x),
        );
    }
}
