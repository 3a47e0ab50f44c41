//! idea: the byte dot product of four to a lane needs no widening

use super::{Args, DotTernary};
use crate::dot_fixed::simd_rows;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Dot4;

impl Rung<DotTernary> for Dot4 {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        simd_rows::<M, true>(m, a.w, a.x, a.y);
    }
}
