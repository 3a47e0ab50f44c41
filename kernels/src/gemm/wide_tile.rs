//! idea: twice the rows in a tile halve the loads of B; 24 accumulators spill where there are 16 registers

use super::packed::packed_gemm;
use super::{Args, Factor, Gemm};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct WideTile;

/// Rows of a tile.
pub(super) const MR: usize = 12;

impl<E: Factor> Rung<Gemm<E>> for WideTile {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, E>) {
        packed_gemm::<M, E, MR>(m, g);
    }
}
