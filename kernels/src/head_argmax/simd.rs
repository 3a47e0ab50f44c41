//! idea: a logit's sums are SIMD registers, so one instruction does a register's worth of columns

use super::fused::row_by_row;
use super::{Args, HeadArgmax, HeadElement};
use crate::gemv::simd::SUMS;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Simd;

impl<E: HeadElement> Rung<HeadArgmax<E>> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        row_by_row::<M, E, SUMS>(m, a);
    }
}
