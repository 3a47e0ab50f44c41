//! idea: a register's worth of pairs is turned at once; pairs of neighbours are taken apart by shuffles

use super::shared::every_position;
use super::{Args, Rope, Variety};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Simd;

impl<V: Variety> Rung<Rope<V>> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_position::<M, V, false>(m, a);
    }
}
