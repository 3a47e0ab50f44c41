//! idea: scores, exps and weighted sums in SIMD lanes, f16 made f32 as they are loaded

use super::{Args, AttentionPrefillF16};
use crate::attention_decode::blocks::{Dots, Rows, attend};
use crate::attention_decode::simd::rows;
use crate::attention_prefill::in_pairs;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};
use crate::mla_attend::online::widen;

/// See the file's first line.
pub struct Simd;

impl Rung<AttentionPrefillF16> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (size, width) = (a.size, a.size.width);
        let (q, scores) = a.scratch.split_at_mut(width);
        tasks!(m, size.heads, size.group(), |h| {
            let (k, v) = (rows(a.k, &size, h / size.group()), rows(a.v, &size, h / size.group()));
            in_pairs(
                m,
                size.tokens,
                #[inline(always)]
                |i| {
                    let at = (i * size.heads + h) * width..(i * size.heads + h + 1) * width;
                    widen(m, &a.q[at.clone()], q);
                    let asked = Dots { q, k: k.part(0, i + 1) };
                    attend(m, asked, v.part(0, i + 1), size.scale(), &mut scores[..i + 1], &mut a.o[at]);
                },
            );
        });
    }
}
