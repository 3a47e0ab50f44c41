//! idea: products in four SIMD registers each, and a polynomial for the exp of the gate

use super::routed::route_by_route;
use super::{Args, ExpertElement, MoeFfn};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Simd;

impl<E: ExpertElement> Rung<MoeFfn<E>> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        route_by_route::<M, E, 4>(m, a);
    }
}
