//! idea: the tokens of an expert pass together: each of its weights is read once for all of them

use super::experts::expert_by_expert;
use super::{Args, ExpertElement, MoeFfn};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Batched;

impl<E: ExpertElement> Rung<MoeFfn<E>> for Batched {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        expert_by_expert::<M, E, true>(m, a);
    }
}
