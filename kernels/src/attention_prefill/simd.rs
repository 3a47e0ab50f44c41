//! idea: scores, exps and weighted sums in SIMD lanes, a token at a time over all before it

use super::{Args, AttentionPrefill, in_pairs};
use crate::attention_decode::blocks::{Dots, Rows, attend};
use crate::attention_decode::simd::rows;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Simd;

impl Rung<AttentionPrefill> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (size, width) = (a.size, a.size.width);
        tasks!(m, size.heads, size.group(), |h| {
            let (k, v) = (rows(a.k, &size, h / size.group()), rows(a.v, &size, h / size.group()));
            in_pairs(
                m,
                size.tokens,
                #[inline(always)]
                |i| {
                    let at = (i * size.heads + h) * width..(i * size.heads + h + 1) * width;
                    let asked = Dots { q: &a.q[at.clone()], k: k.part(0, i + 1) };
                    attend(m, asked, v.part(0, i + 1), size.scale(), &mut a.scores[..i + 1], &mut a.o[at]);
                },
            );
        });
    }
}
