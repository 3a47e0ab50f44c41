//! idea: all heads of a sequence pass over its latents together in blocks, with running maximums: each is read once

use half::f16;

use super::{Args, MlaAttend, rows};
use crate::attention_decode::blocks::{BLOCK, Dots};
use crate::attention_decode::online::{normalize, pass};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Online;

impl Rung<MlaAttend> for Online {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (size, heads) = (a.size, a.size.heads);
        let (queries, outputs) = (heads * size.row(), heads * size.latent);
        let (q, room) = a.scratch[..queries + heads * (2 + BLOCK)].split_at_mut(queries);
        let (state, room) = room.split_at_mut(2 * heads);
        tasks!(m, a.sequences, 1, |s| {
            let (k, v) = rows(a.latents, &size, s);
            widen(m, &a.q[s * queries..(s + 1) * queries], q);
            let o = &mut a.o[s * outputs..(s + 1) * outputs];
            pass(m, Dots { q, k }, v, size.scale, state, room, o);
            normalize(m, state, size.latent, o);
        });
    }
}

/// f16 as f32, once for all tokens.
#[inline(always)]
pub(crate) fn widen<M: Machine>(m: M, from: &[f16], to: &mut [f32]) {
    let main = m.steps(0, from.len(), m.lanes());
    let tail = main.tail();
    for c in main {
        m.store(&m.load_f16(from, c), to, c);
    }
    let one = m.one();
    for c in one.steps(tail, from.len(), 1) {
        one.store(&one.load_f16(from, c), to, c);
    }
}
