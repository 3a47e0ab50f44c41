//! idea: four running maxima hide each other's latency

use super::naive::blocks;
use super::{Args, Blocks, QuantizeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Unrolled;

impl<B: Blocks> Rung<QuantizeQ8<B>> for Unrolled {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        blocks::<M::One, B, 4>(m.one(), a);
    }
}
