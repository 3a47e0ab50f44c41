//! idea: blocks of rows go to every core, which multiplies by the byte dot product: few instructions a byte, so the bus fills

use super::blocks::Dot4;
use super::{Args, GemvQ8, parallel};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Dot4Parallel;

impl Rung<GemvQ8> for Dot4Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        parallel::every_row::<M, Dot4>(m, a);
    }
}
