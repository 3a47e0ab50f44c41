//! idea: query heads that share a head of the cache pass over it together: each value is made f32 once for all

use super::simd::heads_together;
use super::{Args, AttentionDecodeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Grouped;

impl Rung<AttentionDecodeQ8> for Grouped {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let together = a.size.group();
        heads_together(m, a, together);
    }
}
