//! idea: maxima, products and roundings in SIMD lanes; lanes meet once a block

use super::naive::blocks;
use super::{Args, Blocks, QuantizeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Simd;

/// Running maxima: sixteen lanes have no more in a block of 32.
pub(super) const MAXIMA: usize = 2;

impl<B: Blocks> Rung<QuantizeQ8<B>> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        blocks::<M, B, MAXIMA>(m, a);
    }
}
