//! idea: a head's scores of all tokens by all tokens, later ones masked, the C library's softmax, the weighted sums

use super::{Args, AttentionPrefill, in_pairs};
use crate::attention_decode::blocks::{Rows, clear};
use crate::attention_decode::naive::{score, softmax, weigh};
use crate::attention_decode::simd::rows;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl Rung<AttentionPrefill> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (size, width, tokens) = (a.size, a.size.width, a.size.tokens);
        tasks!(m, size.heads, size.group(), |h| {
            let (k, v) = (rows(a.k, &size, h / size.group()), rows(a.v, &size, h / size.group()));
            let at = |i: usize| (i * size.heads + h) * width..(i * size.heads + h + 1) * width;
            in_pairs(
                m,
                tokens,
                #[inline(always)]
                |i| {
                    let row = &mut a.scores[i * tokens..(i + 1) * tokens];
                    for t in m.steps(0, tokens, 1) {
                        score(m, &a.q[at(i)], k.row(t), size.scale(), row, t);
                    }
                    for t in m.steps(i + 1, tokens, 1) {
                        m.store(&m.splat(f32::MIN), row, t);
                    }
                },
            );
            tasks!(m, tokens, 1, |i| softmax(m, &mut a.scores[i * tokens..(i + 1) * tokens]));
            tasks!(m, tokens, 1, |i| {
                let o = &mut a.o[at(i)];
                clear(m, o);
                for t in m.steps(0, tokens, 1) {
                    weigh(m, &a.scores[i * tokens..(i + 1) * tokens], t, v.row(t), o);
                }
            });
        });
    }
}
