//! idea: scores, exps and weighted sums of the expanded cache in SIMD lanes

use super::expanded::head_by_head;
use super::{Args, Cached, MlaDecode};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct ExpandedSimd;

impl<E: Cached> Rung<MlaDecode<E>> for ExpandedSimd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        head_by_head(m, a);
    }
}
