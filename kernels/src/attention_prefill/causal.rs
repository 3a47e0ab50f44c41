//! idea: token by token, only over the tokens before it: half the work, and a row of scores instead of a square

use super::{Args, AttentionPrefill, in_pairs};
use crate::attention_decode::Size;
use crate::attention_decode::blocks::{Rows, clear};
use crate::attention_decode::naive::{score, softmax, weigh};
use crate::attention_decode::simd::rows;
use crate::gemv::Element;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Causal;

impl Rung<AttentionPrefill> for Causal {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        token_by_token(m, a.size, [a.q, a.k, a.v], a.o, a.scores);
    }
}

/// Queries, keys and values, stored as they may be, a query at a time over those before it.
#[inline(always)]
pub(crate) fn token_by_token<M: Machine, E: Element>(
    m: M,
    size: Size,
    [q, k, v]: [&[E]; 3],
    o: &mut [f32],
    scores: &mut [f32],
) {
    let (m, width) = (m.one(), size.width);
    tasks!(m, size.heads, size.group(), |h| {
        let (k, v) = (rows(k, &size, h / size.group()), rows(v, &size, h / size.group()));
        in_pairs(
            m,
            size.tokens,
            #[inline(always)]
            |i| {
                let at = (i * size.heads + h) * width..(i * size.heads + h + 1) * width;
                let (q, o, row) = (&q[at.clone()], &mut o[at], &mut scores[..i + 1]);
                for t in m.steps(0, i + 1, 1) {
                    score(m, q, k.row(t), size.scale(), row, t);
                }
                softmax(m, row);
                clear(m, o);
                for t in m.steps(0, i + 1, 1) {
                    weigh(m, row, t, v.row(t), o);
                }
            },
        );
    });
}
