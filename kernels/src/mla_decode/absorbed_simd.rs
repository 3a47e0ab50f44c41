//! idea: attention over the latents in SIMD lanes, head by head

use super::absorbed::head_by_head;
use super::{Args, MlaDecode};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct AbsorbedSimd;

impl Rung<MlaDecode> for AbsorbedSimd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        head_by_head(m, a.absorbing);
    }
}
