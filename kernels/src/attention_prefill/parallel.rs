//! idea: heads and pairs of query blocks, a short with a long one, go to every core

use super::tile::{Head, blocks, copy, pack, task_room};
use super::{Args, AttentionPrefill};
use crate::attention_decode::Size;
use crate::attention_decode::blocks::BLOCK;
use crate::attention_decode::simd::rows;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line. A block sees as many keys as its place in the text, so the first goes with the last.
pub struct Parallel;

/// Tasks of a head.
fn pairs(size: &Size) -> usize {
    blocks(size).div_ceil(2)
}

/// Values of `scratch` that this variant and `tiles` need: each task's room, and its outputs.
pub(super) fn room(size: &Size) -> usize {
    size.heads * pairs(size) * (task_room(size) + 2 * BLOCK * size.width)
}

impl Rung<AttentionPrefill> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (size, width) = (a.size, a.size.width);
        let (q, k, v, blocks, pairs) = (a.q, a.k, a.v, blocks(&size), pairs(&size));
        m.par_chunks(
            a.abreast,
            width * BLOCK,
            #[inline(always)]
            |m, i, abreast| pack(m, rows(k, &size, i / blocks), i % blocks, abreast),
        );
        let abreast = &*a.abreast;
        // Outputs in the order of tasks: a task owns one piece.
        let outputs = 2 * BLOCK * width;
        let (out, rest) = a.scratch.split_at_mut(size.heads * pairs * outputs);
        m.par_chunks_with(
            out,
            outputs,
            rest,
            task_room(&size),
            #[inline(always)]
            |m, task, out, room| {
                let head = Head::new(size, q, abreast, v, task / pairs);
                let (first, last) = (task % pairs, blocks - 1 - task % pairs);
                let (short, long) = out.split_at_mut(BLOCK * width);
                head.query_block(m, first, room, short);
                if last != first {
                    head.query_block(m, last, room, long);
                }
            },
        );
        let out = &*out;
        m.par_chunks(
            a.o,
            size.heads * width,
            #[inline(always)]
            |m, token, o| {
                let (block, r) = (token / BLOCK, token % BLOCK);
                let (pair, long) = if block < pairs { (block, 0) } else { (blocks - 1 - block, 1) };
                for (h, o) in o.chunks_exact_mut(width).enumerate() {
                    let at = (h * pairs + pair) * outputs + (long * BLOCK + r) * width;
                    copy(m, &out[at..at + width], o);
                }
            },
        );
    }
}
