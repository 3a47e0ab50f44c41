//! idea: groups of interleaved rows go to every core: two bits a weight leave more to compute than to load

use super::{Args, GemvTernary, Packed};
use crate::gemv_packed::parallel as packed;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

impl Rung<GemvTernary> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        <packed::Parallel as Rung<Packed>>::run(m, a.packed);
    }
}
