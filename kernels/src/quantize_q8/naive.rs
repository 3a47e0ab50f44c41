//! idea: block by block: one running maximum, its scale and reciprocal, then value by value a product and a rounding

use super::{Args, Blocks, QuantizeQ8, every_block, largest, scaled};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Naive;

impl<B: Blocks> Rung<QuantizeQ8<B>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        blocks::<M::One, B, 1>(m.one(), a);
    }
}

/// Every block, `N` running maxima each.
#[inline(always)]
pub(super) fn blocks<M: Machine, B: Blocks, const N: usize>(m: M, a: Args<'_>) {
    every_block::<M, B>(
        m,
        a,
        #[inline(always)]
        |x, quants, scale| scaled(m, &largest::<M, N>(m, x), x, quants, scale),
    );
}
