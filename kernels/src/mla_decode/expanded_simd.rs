//! idea: scores, exps and weighted sums of the expanded cache in SIMD lanes

use super::expanded::head_by_head;
use super::{Args, MlaDecode};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct ExpandedSimd;

impl Rung<MlaDecode> for ExpandedSimd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        head_by_head(m, a);
    }
}
