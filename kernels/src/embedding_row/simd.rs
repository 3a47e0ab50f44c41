//! idea: a register's worth of bytes is widened, scaled and stored at once

use super::naive::every_block;
use super::{Args, EmbeddingRow, Format};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Simd;

impl<F: Format> Rung<EmbeddingRow<F>> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, F>) {
        every_block::<M, F>(m, a);
    }
}
