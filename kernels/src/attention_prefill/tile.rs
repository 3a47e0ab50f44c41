//! A block of queries of one head over the keys up to it, block by block: FlashAttention's tiles (Dao et al.,
//! arXiv 2205.14135 and 2307.08691) on a CPU. Keys are packed once with a block's tokens abreast, so that both products
//! are sums of rows and neither sums a register across.

use crate::attention_decode::Size;
use crate::attention_decode::blocks::{BLOCK, Plain, Rows, clear, scale, weigh};
use crate::attention_decode::online::{begin, fade, normalize};
use crate::machine::{Machine, tasks};

/// Rows of a block's last tile that are done together: where keys end with the query, fewer rows waste less.
const ROWS: usize = 16;

/// Blocks of the tokens.
pub fn blocks(size: &Size) -> usize {
    size.tokens.div_ceil(BLOCK)
}

/// Values of the packed keys.
pub fn abreast_room(size: &Size) -> usize {
    size.kv_heads * blocks(size) * size.width * BLOCK
}

/// Values that a task needs beside its output: largest scores and sums, scores, queries.
pub fn task_room(size: &Size) -> usize {
    BLOCK * (2 + BLOCK + size.width)
}

/// Packs one block of one head's keys, `width × BLOCK`; zeros beyond the last token.
#[inline(always)]
pub fn pack<M: Machine>(m: M, keys: Plain<'_, f32>, block: usize, abreast: &mut [f32]) {
    let one = m.one();
    let count = BLOCK.min(keys.count - block * BLOCK);
    if count < BLOCK {
        clear(m, abreast);
    }
    for t in one.steps(0, count, 1) {
        let key = keys.row(block * BLOCK + t);
        for c in one.steps(0, keys.width, 1) {
            one.store(&one.load(key, c), abreast, c * BLOCK + t);
        }
    }
}

/// What a head's queries meet.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// Sizes.
    pub size: Size,
    /// Queries, from the head's first value on.
    pub q: &'a [f32],
    /// Packed keys of the head that it shares.
    pub abreast: &'a [f32],
    /// Values of that head.
    pub v: Plain<'a, f32>,
}

impl<'a> Head<'a> {
    /// Head `h` of the operands.
    #[inline(always)]
    pub fn new(size: Size, q: &'a [f32], abreast: &'a [f32], v: &'a [f32], h: usize) -> Self {
        let of_head = blocks(&size) * size.width * BLOCK;
        let kv_head = h / size.group();
        Self {
            size,
            q: &q[h * size.width..],
            abreast: &abreast[kv_head * of_head..(kv_head + 1) * of_head],
            v: crate::attention_decode::simd::rows(v, &size, kv_head),
        }
    }

    /// The outputs of the queries of `block`, one after the other.
    #[inline(always)]
    pub fn query_block<M: Machine>(&self, m: M, block: usize, room: &mut [f32], o: &mut [f32]) {
        let (size, width) = (self.size, self.size.width);
        let count = BLOCK.min(size.tokens - block * BLOCK);
        let (state, room) = room.split_at_mut(2 * BLOCK);
        let (scores, q) = room.split_at_mut(BLOCK * BLOCK);
        let (state, q, o) = (&mut state[..2 * count], &mut q[..count * width], &mut o[..count * width]);
        // Queries lie a token apart; together, and scaled, they stay in the first cache.
        for (r, q) in q.chunks_exact_mut(width).enumerate() {
            copy(m, &self.q[(block * BLOCK + r) * size.heads * width..][..width], q);
        }
        scale(m, q, &m.one().splat(size.scale()));
        begin(m, state, o);
        tasks!(m, block, 1, |keys| self.tile(m, keys, BLOCK, false, q, state, scores, o));
        // Against its own keys each query ends at another.
        for first in (0..count).step_by(ROWS) {
            let end = count.min(first + ROWS);
            let rows = first * width..end * width;
            self.tile(m, block, end, true, &q[rows.clone()], &mut state[2 * first..2 * end], scores, &mut o[rows]);
        }
        normalize(m, state, width, o);
    }

    /// Queries against the first `count` keys of a block; `causal` where the last query sees all of them, and each before
    /// it one less.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "one operand each")]
    fn tile<M: Machine>(
        &self,
        m: M,
        block: usize,
        count: usize,
        causal: bool,
        q: &[f32],
        state: &mut [f32],
        scores: &mut [f32],
        o: &mut [f32],
    ) {
        let width = self.size.width;
        let rows = q.len() / width;
        // Whole tiles of keys, and no more than that.
        let wide = count.next_multiple_of(BLOCK / 2);
        let scores = &mut scores[..rows * wide];
        let keys = &self.abreast[block * width * BLOCK..(block + 1) * width * BLOCK];
        clear(m, scores);
        let keys = Plain { data: keys, stride: BLOCK, width: wide, count: width };
        weigh(m, rows, (q, width), keys, (&mut *scores, wide));
        for (r, state) in state.chunks_exact_mut(2).enumerate() {
            let x = &mut scores[r * wide..r * wide + count];
            let seen = if causal { count + 1 - rows + r } else { count };
            fade(m, state, &mut x[..seen], seen, width, &mut o[r * width..(r + 1) * width]);
            clear(m, &mut x[seen..]);
        }
        weigh(m, rows, (scores, wide), self.v.part(block * BLOCK, count), (o, width));
    }
}

/// `to = from`.
#[inline(always)]
pub fn copy<M: Machine>(m: M, from: &[f32], to: &mut [f32]) {
    let main = m.steps(0, to.len(), m.lanes());
    let tail = main.tail();
    for c in main {
        m.store(&m.load(from, c), to, c);
    }
    let one = m.one();
    for c in one.steps(tail, to.len(), 1) {
        one.store(&one.load(from, c), to, c);
    }
}
