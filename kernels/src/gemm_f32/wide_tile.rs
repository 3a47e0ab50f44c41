//! idea: twice the rows in a tile halve the loads of B; 24 accumulators spill where there are 16 registers

use super::packed::packed_gemm;
use super::{Args, GemmF32};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct WideTile;

/// Rows of a tile.
pub(super) const MR: usize = 12;

impl Rung<GemmF32> for WideTile {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        packed_gemm::<M, MR>(m, g);
    }
}
