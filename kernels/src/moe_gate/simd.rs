//! idea: products of four experts at a time and sigmoids in SIMD lanes; the sorts begin to show

use super::scores::all;
use super::sorted::select;
use super::{Args, MoeGate};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line. The products are those of `gemv`'s `multi_row`.
pub struct Simd;

impl Rung<MoeGate> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut a: Args<'_>) {
        all(m, a.gate, a.x, a.scores, a.biased);
        select(m.one(), &mut a);
    }
}
