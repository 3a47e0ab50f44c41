//! idea: one instruction multiplies a register of i16 and adds pairs; that the factors are small no longer pays

use super::{Args, DotTernary};
use crate::dot_fixed::simd_rows;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct SimdMadd;

impl Rung<DotTernary> for SimdMadd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        simd_rows::<M, false>(m, a.w, a.x, a.y);
    }
}
