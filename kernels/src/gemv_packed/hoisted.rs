//! idea: what is taken off every quant leaves the inner loop: it meets the sum of the activations, made once

use super::integer::row_by_row;
use super::{Args, Format, GemvPacked};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Hoisted;

impl<F: Format> Rung<GemvPacked<F>> for Hoisted {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, F>) {
        row_by_row::<M::One, F, true>(m.one(), a);
    }
}
