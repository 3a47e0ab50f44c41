//! idea: attention over the latents in SIMD lanes, head by head

use super::absorbed::head_by_head;
use super::{Args, Cached, MlaDecode};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct AbsorbedSimd;

impl<E: Cached> Rung<MlaDecode<E>> for AbsorbedSimd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        head_by_head(m, a.absorbing);
    }
}
