//! idea: codes 0, 1, 2 multiply the activations as they are; the one too many meets the activations' sum, made once

use super::{Args, GemvTernary, Packed};
use crate::gemv_packed::hoisted as packed;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Integer;

impl Rung<GemvTernary> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        <packed::Hoisted as Rung<Packed>>::run(m, a.packed);
    }
}
