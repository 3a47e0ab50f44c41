//! idea: block by block, value by value: the largest, then the scale, then the quants

use super::in_lanes::block_by_block;
use super::{Args, KvAppendQ8};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Naive;

impl Rung<KvAppendQ8> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        block_by_block(m.one(), a);
    }
}
