//! idea: the same loop a register at a time, so one instruction does a register's worth of columns

use super::loop_order::rows_of_b;
use super::{Args, Factor, Gemm};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Simd;

impl<E: Factor> Rung<Gemm<E>> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, E>) {
        rows_of_b(m, g);
    }
}
