//! idea: token by token, only over the tokens before it: half the work, and a row of scores instead of a square

use super::{Args, AttentionPrefill, in_pairs};
use crate::attention_decode::blocks::{Rows, clear};
use crate::attention_decode::naive::{score, softmax, weigh};
use crate::attention_decode::simd::rows;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Causal;

impl Rung<AttentionPrefill> for Causal {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (size, width) = (a.size, a.size.width);
        tasks!(m, size.heads, size.group(), |h| {
            let (k, v) = (rows(a.k, &size, h / size.group()), rows(a.v, &size, h / size.group()));
            in_pairs(
                m,
                size.tokens,
                #[inline(always)]
                |i| {
                    let at = (i * size.heads + h) * width..(i * size.heads + h + 1) * width;
                    let (q, o, row) = (&a.q[at.clone()], &mut a.o[at], &mut a.scores[..i + 1]);
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
}
