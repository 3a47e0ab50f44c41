//! idea: all heads pass over the latents together, block by block with a running maximum: each latent is read once

use super::absorbed::{absorb, emit};
use super::{Absorbing, Args, Cached, Latents, MlaDecode};
use crate::attention_decode::blocks::{BLOCK, Dots};
use crate::attention_decode::online::{normalize, pass};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The form of FlashMLA: many queries, one key.
pub struct AbsorbedOnline;

impl<E: Cached> Rung<MlaDecode<E>> for AbsorbedOnline {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        all_heads(m, a.absorbing);
    }
}

/// Every head's query to latent form, one pass over the latents, every head's output back.
#[inline(always)]
pub(crate) fn all_heads<M: Machine, L: Latents>(m: M, a: Absorbing<'_, L>) {
    let (size, (k, v)) = (a.size, a.latents.rows());
    let (heads, value, latent, row) = (size.heads, size.value, size.latent, size.row());
    tasks!(m, heads, 1, |h| absorb(m, &size, a.q, a.to_key, h, &mut a.q_latent[h * row..(h + 1) * row]));
    let (state, room) = a.scratch[..heads * (2 + BLOCK)].split_at_mut(2 * heads);
    pass(m, Dots { q: a.q_latent, k }, v, size.scale, state, room, a.o_latent);
    tasks!(m, heads, 1, |h| {
        let o_latent = &mut a.o_latent[h * latent..(h + 1) * latent];
        normalize(m, &state[2 * h..2 * h + 2], latent, o_latent);
        emit(m, &size, o_latent, a.to_value, h, &mut a.o[h * value..(h + 1) * value]);
    });
}
