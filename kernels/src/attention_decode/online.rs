//! idea: a running maximum rescales what was summed before, so tokens go by in blocks and no row of scores is kept

use super::blocks::{self, BLOCK, Rows};
use super::simd::rows;
use super::{Args, AttentionDecode, Size};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The rescaling is that of Milakov and Gimelshein (arXiv 1805.02867), as FlashAttention uses it.
pub struct Online;

impl Rung<AttentionDecode> for Online {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        one_pass(m, a.size, a.q, (a.k, a.v), rows, a.partial, a.o);
    }
}

/// Every head in one pass over its tokens; `rows` finds them in the caches.
#[inline(always)]
pub(super) fn one_pass<'a, M: Machine>(
    m: M,
    size: Size,
    q: &[f32],
    (k, v): (&'a [f32], &'a [f32]),
    rows: impl Fn(&'a [f32], &Size, usize) -> Rows<'a>,
    partial: &mut [f32],
    o: &mut [f32],
) {
    let group = size.group();
    // The largest and the sum of each head, then the scores of a block.
    let (state, room) = partial[..group * (2 + BLOCK)].split_at_mut(2 * group);
    tasks!(m, size.kv_heads, 1, |kv_head| {
        let at = kv_head * group * size.width..(kv_head + 1) * group * size.width;
        let o = &mut o[at.clone()];
        pass(m, &q[at], rows(k, &size, kv_head), rows(v, &size, kv_head), size.scale(), state, room, o);
        let one = m.one();
        for (h, o) in o.chunks_exact_mut(size.width).enumerate() {
            blocks::scale(m, o, &one.div(&one.splat(1.0), &one.load(state, 2 * h + 1)));
        }
    });
}

/// Passes over the tokens once. Leaves in `o` the values weighted by `e^(score - largest)`, in `state` each head's largest
/// score and the sum of the weights.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "one operand each")]
pub(crate) fn pass<M: Machine>(
    m: M,
    q: &[f32],
    k: Rows<'_>,
    v: Rows<'_>,
    scale: f32,
    state: &mut [f32],
    room: &mut [f32],
    o: &mut [f32],
) {
    let one = m.one();
    let lowest = one.splat(f32::MIN);
    let [zero] = one.zeros();
    for head in state.chunks_exact_mut(2) {
        one.store(&lowest, head, 0);
        one.store(&zero, head, 1);
    }
    blocks::clear(m, o);
    tasks!(m, k.count.div_ceil(BLOCK), 1, |block| {
        let first = block * BLOCK;
        let count = BLOCK.min(k.count - first);
        blocks::scores(m, q, k.part(first, count), scale, room, BLOCK);
        for (h, state) in state.chunks_exact_mut(2).enumerate() {
            let x = &mut room[h * BLOCK..h * BLOCK + count];
            let before = one.load(state, 0);
            let top = one.max(&blocks::largest(m, x, f32::MIN), &before);
            let sum = blocks::exps(m, x, &top);
            // e^(before - top), which is 1 in most blocks.
            let faded = crate::exp::Exp::new(one).of(one, &one.sub(&before, &top));
            blocks::scale(m, &mut o[h * v.width..(h + 1) * v.width], &faded);
            one.store(&one.mul_add(&one.load(state, 1), &faded, &sum), state, 1);
            one.store(&top, state, 0);
        }
        blocks::weigh(m, room, BLOCK, v.part(first, count), o);
    });
}
