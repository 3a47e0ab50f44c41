//! idea: each weight is taken out of its byte, becomes f32 by its scale and goes into one running sum

use super::{Args, GemvTernary, Packed};
use crate::gemv_packed::naive as packed;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Naive;

impl Rung<GemvTernary> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        <packed::Naive as Rung<Packed>>::run(m, a.packed);
    }
}
