//! idea: the cache keeps each head's tokens together, so a head streams through whole lines and pages in order

use super::blocks::{Dots, Plain};
use super::online::one_pass;
use super::{Args, AttentionDecode, Cached, Size};
use crate::gemv::Element;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct HeadMajor;

impl<E: Cached> Rung<AttentionDecode<E>> for HeadMajor {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let size = a.size;
        one_pass(
            m,
            size,
            a.partial,
            a.o,
            #[inline(always)]
            |kv_head| {
                let asked = Dots { q: size.queries(a.q, kv_head), k: rows_by_head(a.k_by_head, &size, kv_head) };
                (asked, rows_by_head(a.v_by_head, &size, kv_head))
            },
        );
    }
}

/// One head of a cache whose heads lie one after the other.
#[inline(always)]
pub(super) fn rows_by_head<'a, E: Element>(cache: &'a [E], size: &Size, kv_head: usize) -> Plain<'a, E> {
    let data = &cache[kv_head * size.capacity * size.width..];
    Plain { data, stride: size.width, width: size.width, count: size.tokens }
}
