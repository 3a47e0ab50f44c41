//! idea: head by head: all scores over the latents, the C library's softmax, then the weighted sum of the latents

use super::{Args, MlaAttend, rows};
use crate::attention_decode::blocks::{Rows, clear};
use crate::attention_decode::naive::{score, softmax, weigh};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl Rung<MlaAttend> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (size, row, latent) = (a.size, a.size.row(), a.size.latent);
        tasks!(m, a.sequences * size.heads, size.heads, |h| {
            let (k, v) = rows(a.latents, &size, h / size.heads);
            let q = &a.q[h * row..(h + 1) * row];
            let scores = &mut a.scratch[..size.tokens];
            let o = &mut a.o[h * latent..(h + 1) * latent];
            tasks!(m, size.tokens, 16, |t| score(m, q, k.row(t), size.scale, scores, t));
            softmax(m, scores);
            clear(m, o);
            tasks!(m, size.tokens, 16, |t| weigh(m, scores, t, v.row(t), o));
        });
    }
}
