//! idea: query heads that share a head of the cache pass over it together: each key and value is loaded once for all

use super::simd::heads_together;
use super::{Args, AttentionDecode, Cached};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line. What grouped-query attention is for (Ainslie et al., arXiv 2305.13245).
pub struct Grouped;

impl<E: Cached> Rung<AttentionDecode<E>> for Grouped {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let together = a.size.group();
        heads_together(m, a, together);
    }
}
