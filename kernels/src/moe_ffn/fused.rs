//! idea: a row of the gate and one of up share each load of x, as do two far rows of down: two long streams of weights

use super::experts::expert_by_expert;
use super::{Args, ExpertElement, MoeFfn};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line. Neighbouring rows would be streams too, but ones that end with the row; measured on a Zen 4
/// out of cache, they yield two thirds of what streams do that go on for pages.
pub struct Fused;

impl<E: ExpertElement> Rung<MoeFfn<E>> for Fused {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        expert_by_expert::<M, E, false>(m, a);
    }
}
