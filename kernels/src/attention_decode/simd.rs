//! idea: scores, exps and weighted sums in SIMD lanes; outputs stay in registers while tokens pass

use super::blocks::{Rows, attend};
use super::{Args, AttentionDecode};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Simd;

impl Rung<AttentionDecode> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        heads_together(m, a, 1);
    }
}

/// Every head, `together` of one group at a time.
#[inline(always)]
pub(super) fn heads_together<M: Machine>(m: M, a: Args<'_>, together: usize) {
    let size = a.size;
    let (width, tokens) = (size.width, size.tokens);
    tasks!(m, size.heads / together, size.group() / together, |task| {
        let heads = task * together..(task + 1) * together;
        let kv_head = heads.start / size.group();
        let rows = |cache| rows(cache, &size, kv_head);
        let room = &mut a.scores[heads.start * tokens..heads.end * tokens];
        let at = heads.start * width..heads.end * width;
        attend(m, &a.q[at.clone()], rows(a.k), rows(a.v), size.scale(), room, &mut a.o[at]);
    });
}

/// One head of a cache.
pub(super) fn rows<'a>(cache: &'a [f32], size: &super::Size, kv_head: usize) -> Rows<'a> {
    let data = Args::cache(cache, size, kv_head, 0);
    Rows { data, stride: size.kv_heads * size.width, width: size.width, count: size.tokens }
}
