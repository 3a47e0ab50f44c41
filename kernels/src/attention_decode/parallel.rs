//! idea: the tokens are split over every core and the parts merged by their maximums: few heads still use all cores

use super::blocks::{self, Asked, BLOCK, Values};
use super::online::pass;
use super::panels::{abreast, in_panels};
use super::{Args, AttentionDecode, Cached, Size};
use crate::exp::Exp;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line. The split is that of Flash-Decoding (Dao et al., 2023).
pub struct Parallel;

/// Tokens of one task: enough work to be worth a steal.
const TOKENS_PER_TASK: usize = 256;

/// Tasks of a head of the cache.
fn splits(size: &Size) -> usize {
    size.tokens.div_ceil(TOKENS_PER_TASK)
}

/// Values a task leaves: each head's largest score, sum of weights, and weighted values.
fn left(size: &Size) -> usize {
    size.group() * (2 + size.width)
}

/// Values of `partial` that this variant and `online` need: what the tasks leave, then each one's scores of a block.
pub(crate) fn room(size: &Size) -> usize {
    let tasks = size.kv_heads * splits(size);
    tasks * (left(size) + size.group() * BLOCK)
}

impl<E: Cached> Rung<AttentionDecode<E>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let size = a.size;
        let (q, k, v) = (a.q, a.k_panels, a.v_panels);
        split_pass(
            m,
            size,
            a.partial,
            a.o,
            #[inline(always)]
            |kv_head| (abreast(q, k, &size, kv_head), in_panels(v, &size, kv_head)),
        );
    }
}

/// [`super::online::one_pass`] with every head's tokens split over the cores.
#[inline(always)]
pub(crate) fn split_pass<M: Machine, A: Asked, V: Values>(
    m: M,
    size: Size,
    partial: &mut [f32],
    o: &mut [f32],
    of_head: impl Fn(usize) -> (A, V) + Sync,
) {
    let (group, splits) = (size.group(), splits(&size));
    let (parts, scratch) = partial.split_at_mut(size.kv_heads * splits * left(&size));
    m.par_chunks_with(
        parts,
        left(&size),
        scratch,
        group * BLOCK,
        #[inline(always)]
        |m, task, part, room| {
            let (kv_head, split) = (task / splits, task % splits);
            let first = split * TOKENS_PER_TASK;
            let count = TOKENS_PER_TASK.min(size.tokens - first);
            let (state, o) = part.split_at_mut(2 * group);
            let (asked, v) = of_head(kv_head);
            pass(m, asked.part(first, count), v.slice(first, count), size.scale(), state, room, o);
        },
    );
    for (kv_head, parts) in parts.chunks_exact(splits * left(&size)).enumerate() {
        for h in 0..group {
            let o = &mut o[(kv_head * group + h) * size.width..][..size.width];
            merge(m, parts, left(&size), group, h, o);
        }
    }
}

/// Head `h` of a group from what each task left of it.
#[inline(always)]
pub(crate) fn merge<M: Machine>(m: M, parts: &[f32], left: usize, group: usize, h: usize, o: &mut [f32]) {
    let one = m.one();
    let mut top = one.splat(f32::MIN);
    for part in parts.chunks_exact(left) {
        top = one.max(&one.load(part, 2 * h), &top);
    }
    let exp = Exp::new(one);
    let [mut sum] = one.zeros();
    blocks::clear(m, o);
    for part in parts.chunks_exact(left) {
        let weight = exp.of(one, &one.sub(&one.load(part, 2 * h), &top));
        sum = one.mul_add(&one.load(part, 2 * h + 1), &weight, &sum);
        let values = &part[2 * group + h * o.len()..][..o.len()];
        let wide = m.broadcast(&weight);
        let main = m.steps(0, o.len(), m.lanes());
        let tail = main.tail();
        for c in main {
            m.store(&m.mul_add(&m.load(values, c), &wide, &m.load(o, c)), o, c);
        }
        for c in one.steps(tail, o.len(), 1) {
            one.store(&one.mul_add(&one.load(values, c), &weight, &one.load(o, c)), o, c);
        }
    }
    blocks::scale(m, o, &one.div(&one.splat(1.0), &sum));
}
