//! idea: an angle in turns folds into a quarter without a branch, where five coefficients make a sine in lanes, without a call

use super::shared::every_position;
use super::{Args, Rope, Variety};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Polynomial;

impl<V: Variety> Rung<Rope<V>> for Polynomial {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_position::<M, V, true>(m, a);
    }
}
