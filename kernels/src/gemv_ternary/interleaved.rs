//! idea: sixteen rows lie interleaved by four codes, a row to a lane, multiplied where they lie in their byte

use super::{Args, GemvTernary, Packed};
use crate::gemv_packed::interleaved as packed;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Interleaved;

impl Rung<GemvTernary> for Interleaved {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        <packed::Interleaved as Rung<Packed>>::run(m, a.packed);
    }
}
