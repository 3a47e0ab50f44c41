//! idea: scores, exps and weighted sums in SIMD lanes; outputs stay in registers while tokens pass

use super::blocks::{Dots, Plain, attend};
use super::{Args, AttentionDecode, Cached, Size};
use crate::gemv::Element;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Simd;

impl<E: Cached> Rung<AttentionDecode<E>> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        heads_together(m, a, 1);
    }
}

/// Every head, `together` of one group at a time.
#[inline(always)]
pub(super) fn heads_together<M: Machine, E: Cached>(m: M, a: Args<'_, E>, together: usize) {
    let size = a.size;
    let (width, tokens) = (size.width, size.tokens);
    tasks!(m, size.heads / together, size.group() / together, |task| {
        let heads = task * together..(task + 1) * together;
        let kv_head = heads.start / size.group();
        let room = &mut a.scores[heads.start * tokens..heads.end * tokens];
        let at = heads.start * width..heads.end * width;
        let asked = Dots { q: &a.q[at.clone()], k: rows(a.k, &size, kv_head) };
        attend(m, asked, rows(a.v, &size, kv_head), size.scale(), room, &mut a.o[at]);
    });
}

/// One head of a cache.
#[inline(always)]
pub(crate) fn rows<'a, E: Element>(cache: &'a [E], size: &Size, kv_head: usize) -> Plain<'a, E> {
    let data = size.cache(cache, kv_head, 0);
    Plain { data, stride: size.kv_heads * size.width, width: size.width, count: size.tokens }
}
