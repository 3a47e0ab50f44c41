//! idea: the byte dot product of four to a lane needs no widening

use super::simd_madd::every_row;
use super::{Args, DotFixed};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Dot4;

impl Rung<DotFixed> for Dot4 {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_row::<M, true>(m, a.w, a.x, a.y);
    }
}
