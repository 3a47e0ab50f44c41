//! idea: heads are absorbed on every core, tokens split over them, and the parts merged by their maximums

use super::{Args, MlaDecodeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;
use crate::mla_decode::parallel::split;

/// See the file's first line.
pub struct Parallel;

impl Rung<MlaDecodeQ8> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        split(m, a);
    }
}
