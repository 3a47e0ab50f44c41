//! idea: the cache lies as tiles read it, keys sixteen abreast, values in panels of columns: no sums across, no strides

use super::blocks::{Abreast, BLOCK, PANEL, Panels};
use super::online::one_pass;
use super::{Args, AttentionDecode, Cached, Size};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line. vLLM and FasterTransformer keep keys transposed in blocks like these.
pub struct InPanels;

impl<E: Cached> Rung<AttentionDecode<E>> for InPanels {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let size = a.size;
        one_pass(
            m,
            size,
            a.partial,
            a.o,
            #[inline(always)]
            |kv_head| (abreast(a.q, a.k_panels, &size, kv_head), in_panels(a.v_panels, &size, kv_head)),
        );
    }
}

/// The queries of one head of the cache before its keys.
#[inline(always)]
pub(super) fn abreast<'a, E: Cached>(q: &'a [f32], k: &'a [E], size: &Size, kv_head: usize) -> Abreast<'a, E> {
    let of_head = size.capacity.next_multiple_of(PANEL) * size.width;
    let k = &k[kv_head * of_head..(kv_head + 1) * of_head];
    Abreast { q: size.queries(q, kv_head), k, width: size.width, count: size.tokens }
}

/// Its values.
#[inline(always)]
pub(super) fn in_panels<'a, E: Cached>(v: &'a [E], size: &Size, kv_head: usize) -> Panels<'a, E> {
    let of_head = size.capacity.next_multiple_of(BLOCK) * size.width;
    Panels { data: &v[kv_head * of_head..(kv_head + 1) * of_head], width: size.width, count: size.tokens }
}
