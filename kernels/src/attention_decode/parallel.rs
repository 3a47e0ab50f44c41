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

/// Parts of a short text: enough for many cores.
const SPLITS: usize = 32;
/// Tokens of a part of a long one: enough work to be worth a steal.
const LONG: usize = 256;

/// Most parts of a head's tokens; more for more tokens.
fn most_splits(size: &Size) -> usize {
    size.tokens.div_ceil(BLOCK).min(SPLITS).max(size.tokens.div_ceil(LONG))
}

/// Tokens of a part: whole blocks.
fn part_tokens(size: &Size) -> usize {
    size.tokens.div_ceil(most_splits(size)).next_multiple_of(BLOCK)
}

/// Values a task leaves: each head's largest score, sum of weights, and weighted values.
fn left(size: &Size) -> usize {
    size.group() * (2 + size.width)
}

/// Values that a task needs beside: of each head the scores of a block, and where the cache is in q8_0 one for each of the
/// key's blocks.
fn scratch(size: &Size) -> usize {
    size.group() * (BLOCK + size.width.div_ceil(32))
}

/// Values of `partial` that this variant and `online` need: what the tasks leave, then each one's scratch.
pub(crate) fn room(size: &Size) -> usize {
    size.kv_heads * most_splits(size) * (left(size) + scratch(size))
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
    split(
        m,
        size,
        partial,
        o,
        #[inline(always)]
        |m, kv_head, first, count, state, room, o| {
            let (asked, v) = of_head(kv_head);
            pass(m, asked.part(first, count), v.slice(first, count), size.scale(), state, room, o);
        },
    );
}

/// Every head's tokens split over the cores. `pass` is given a head of the cache, the first token of a part and how many it
/// has, and leaves the state and the sums of `online`'s pass over them.
#[inline(always)]
pub(crate) fn split<M: Machine>(
    m: M,
    size: Size,
    partial: &mut [f32],
    o: &mut [f32],
    pass: impl Fn(M, usize, usize, usize, &mut [f32], &mut [f32], &mut [f32]) + Sync,
) {
    let (group, tokens) = (size.group(), part_tokens(&size));
    let splits = size.tokens.div_ceil(tokens);
    let (parts, room) = partial.split_at_mut(size.kv_heads * splits * left(&size));
    m.par_chunks_with(
        parts,
        left(&size),
        room,
        scratch(&size),
        #[inline(always)]
        |m, task, part, room| {
            let (kv_head, first) = (task / splits, task % splits * tokens);
            let (state, o) = part.split_at_mut(2 * group);
            pass(m, kv_head, first, tokens.min(size.tokens - first), state, room, o);
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
