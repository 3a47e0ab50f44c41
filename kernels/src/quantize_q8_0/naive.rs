//! idea: block by block: one running maximum, its scale and reciprocal, then value by value a product and a rounding

use super::{Args, QuantizeQ8, every_block, largest, scaled};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Naive;

impl Rung<QuantizeQ8> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        blocks::<M::One, 1>(m.one(), a);
    }
}

/// Every block, `N` running maxima each.
#[inline(always)]
pub(super) fn blocks<M: Machine, const N: usize>(m: M, a: Args<'_>) {
    every_block(
        m,
        a,
        #[inline(always)]
        |x, quants, scale| scaled(m, &largest::<M, N>(m, x), x, quants, scale),
    );
}
