//! idea: weight by weight: taken out of its byte, scaled, stored

use super::{Args, EmbeddingRow, Format};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Naive;

impl<F: Format> Rung<EmbeddingRow<F>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, F>) {
        every_block::<M::One, F>(m.one(), a);
    }
}

/// The row, block by block.
#[inline(always)]
pub(super) fn every_block<M: Machine, F: Format>(m: M, a: Args<'_, F>) {
    for b in m.steps(0, a.row.len(), 1) {
        F::values(m, &a.row[b], &mut a.y[b * F::LEN..(b + 1) * F::LEN]);
    }
}
