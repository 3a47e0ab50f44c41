//! idea: rows of gate and up share each load of x, rows of down each load of what is between; four streams in flight

use super::experts::expert_by_expert;
use super::{Args, ExpertElement, MoeFfn};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Fused;

impl<E: ExpertElement> Rung<MoeFfn<E>> for Fused {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        expert_by_expert::<M, E, false>(m, a);
    }
}
