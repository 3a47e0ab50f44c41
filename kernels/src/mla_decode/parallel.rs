//! idea: heads are absorbed on every core, tokens split over them, and the parts merged by their maximums

use super::absorbed::{absorb, emit};
use super::{Absorbing, Args, Cached, Latents, MlaDecode, Size};
use crate::attention_decode::blocks::{BLOCK, Dots, Rows, Values};
use crate::attention_decode::online::pass;
use crate::attention_decode::parallel::merge;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Tokens of one task: enough work to be worth a steal.
const TOKENS_PER_TASK: usize = 128;

/// Values a task leaves: each head's largest score, sum of weights, and weighted latents.
fn left(size: &Size) -> usize {
    size.heads * (2 + size.latent)
}

/// Values of `scratch` that this variant needs: what the tasks leave, then each one's scores of a block.
pub(crate) fn room(size: &Size) -> usize {
    size.tokens.div_ceil(TOKENS_PER_TASK) * (left(size) + size.heads * BLOCK)
}

impl<E: Cached> Rung<MlaDecode<E>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        split(m, a.absorbing);
    }
}

/// [`super::absorbed_online::all_heads`] on every core.
#[inline(always)]
pub(crate) fn split<M: Machine, L: Latents>(m: M, a: Absorbing<'_, L>) {
    let (size, (k, v)) = (a.size, a.latents.rows());
    let (q, to_key, to_value, left) = (a.q, a.to_key, a.to_value, left(&size));
    m.par_chunks(
        a.q_latent,
        size.row(),
        #[inline(always)]
        |m, h, q_latent| absorb(m, &size, q, to_key, h, q_latent),
    );
    let (parts, scratch) = a.scratch.split_at_mut(size.tokens.div_ceil(TOKENS_PER_TASK) * left);
    let q_latent = &*a.q_latent;
    m.par_chunks_with(
        parts,
        left,
        scratch,
        size.heads * BLOCK,
        #[inline(always)]
        |m, task, part, room| {
            let first = task * TOKENS_PER_TASK;
            let count = TOKENS_PER_TASK.min(size.tokens - first);
            let (state, o) = part.split_at_mut(2 * size.heads);
            pass(m, Dots { q: q_latent, k: k.part(first, count) }, v.slice(first, count), size.scale, state, room, o);
        },
    );
    let parts = &*parts;
    m.par_chunks_with(
        a.o,
        size.value,
        a.o_latent,
        size.latent,
        #[inline(always)]
        |m, h, o, o_latent| {
            merge(m, parts, left, size.heads, h, o_latent);
            emit(m, &size, o_latent, to_value, h, o);
        },
    );
}
