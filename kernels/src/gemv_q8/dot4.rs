//! idea: the byte dot product of four to a lane needs no widening: a block is one instruction of 32 bytes

use super::multi_row::every_four_rows;
use super::{Args, GemvQ8, blocks};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Dot4;

impl Rung<GemvQ8> for Dot4 {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_four_rows::<M, blocks::Dot4>(m, a);
    }
}
