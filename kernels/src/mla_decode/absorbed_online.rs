//! idea: all heads pass over the latents together, block by block with a running maximum: each latent is read once

use super::absorbed::{absorb, emit};
use super::{Args, MlaDecode};
use crate::attention_decode::blocks::{self, BLOCK};
use crate::attention_decode::online::pass;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The form of FlashMLA: many queries, one key.
pub struct AbsorbedOnline;

impl Rung<MlaDecode> for AbsorbedOnline {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (size, (k, v)) = (a.size, a.latent_rows());
        let (heads, plain, latent, row) = (size.heads, size.plain(), size.latent, size.row());
        tasks!(m, heads, 1, |h| absorb(m, &size, a.q, a.to_key, h, &mut a.q_latent[h * row..(h + 1) * row]));
        let (state, room) = a.scratch[..heads * (2 + BLOCK)].split_at_mut(2 * heads);
        pass(m, a.q_latent, k, v, size.scale(), state, room, a.o_latent);
        let one = m.one();
        tasks!(m, heads, 1, |h| {
            let o_latent = &mut a.o_latent[h * latent..(h + 1) * latent];
            blocks::scale(m, o_latent, &one.div(&one.splat(1.0), &one.load(state, 2 * h + 1)));
            emit(m, &size, o_latent, a.to_value, h, &mut a.o[h * plain..(h + 1) * plain]);
        });
    }
}
