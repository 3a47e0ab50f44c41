//! idea: a running maximum rescales what was summed before, so tokens go by in blocks and no row of scores is kept

use super::blocks::{self, Asked, BLOCK, Dots, Values};
use super::simd::rows;
use super::{Args, AttentionDecode, Cached, Size};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The rescaling is that of Milakov and Gimelshein (arXiv 1805.02867), as FlashAttention uses it.
pub struct Online;

impl<E: Cached> Rung<AttentionDecode<E>> for Online {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let size = a.size;
        one_pass(
            m,
            size,
            a.partial,
            a.o,
            #[inline(always)]
            |kv_head| (Dots { q: size.queries(a.q, kv_head), k: rows(a.k, &size, kv_head) }, rows(a.v, &size, kv_head)),
        );
    }
}

/// Every head of the cache in one pass over its tokens; `of_head` gives its queries before its keys, and its values.
#[inline(always)]
pub(crate) fn one_pass<M: Machine, A: Asked, V: Values>(
    m: M,
    size: Size,
    partial: &mut [f32],
    o: &mut [f32],
    of_head: impl Fn(usize) -> (A, V),
) {
    let group = size.group();
    // The largest and the sum of each head, then the scores of a block.
    let (state, room) = partial[..group * (2 + BLOCK)].split_at_mut(2 * group);
    tasks!(m, size.kv_heads, 1, |kv_head| {
        let o = &mut o[kv_head * group * size.width..(kv_head + 1) * group * size.width];
        let (asked, v) = of_head(kv_head);
        pass(m, asked, v, size.scale(), state, room, o);
        normalize(m, state, size.width, o);
    });
}

/// Divides what [`pass`] left of each head by the sum of its weights.
#[inline(always)]
pub(crate) fn normalize<M: Machine>(m: M, state: &[f32], width: usize, o: &mut [f32]) {
    let one = m.one();
    for (h, o) in o.chunks_exact_mut(width).enumerate() {
        blocks::scale(m, o, &one.div(&one.splat(1.0), &one.load(state, 2 * h + 1)));
    }
}

/// Passes over the tokens once. Leaves in `o` the values weighted by `e^(score - largest)`, in `state` each head's largest
/// score and the sum of the weights.
#[inline(always)]
pub(crate) fn pass<M: Machine, V: Values>(
    m: M,
    asked: impl Asked,
    v: V,
    scale: f32,
    state: &mut [f32],
    room: &mut [f32],
    o: &mut [f32],
) {
    begin(m, state, o);
    tasks!(m, asked.count().div_ceil(BLOCK), 1, |block| {
        let first = block * BLOCK;
        let count = BLOCK.min(asked.count() - first);
        asked.part(first, count).scores(m, scale, room, BLOCK);
        fade(m, state, room, count, v.columns(), o);
        v.slice(first, count).weigh(m, asked.heads(), room, BLOCK, o);
    });
}

/// Before the first token.
#[inline(always)]
pub(crate) fn begin<M: Machine>(m: M, state: &mut [f32], o: &mut [f32]) {
    let one = m.one();
    let lowest = one.splat(f32::MIN);
    let [zero] = one.zeros();
    for head in state.chunks_exact_mut(2) {
        one.store(&lowest, head, 0);
        one.store(&zero, head, 1);
    }
    blocks::clear(m, o);
}

/// Makes weights of a block's scores, [`BLOCK`] apart, and fades what went before by how much the largest grew.
#[inline(always)]
pub(crate) fn fade<M: Machine>(m: M, state: &mut [f32], room: &mut [f32], count: usize, width: usize, o: &mut [f32]) {
    let one = m.one();
    for (h, state) in state.chunks_exact_mut(2).enumerate() {
        let x = &mut room[h * BLOCK..h * BLOCK + count];
        let before = one.load(state, 0);
        let top = one.max(&blocks::largest(m, x, f32::MIN), &before);
        let sum = blocks::exps(m, x, &top);
        // e^(before - top), which is 1 in most blocks.
        let faded = crate::exp::Exp::new(one).of(one, &one.sub(&before, &top));
        blocks::scale(m, &mut o[h * width..(h + 1) * width], &faded);
        one.store(&one.mul_add(&one.load(state, 1), &faded, &sum), state, 1);
        one.store(&top, state, 0);
    }
}
