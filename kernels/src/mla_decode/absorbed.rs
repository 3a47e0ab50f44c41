//! idea: the products move over to the query and the output, so heads attend over the latents themselves

use super::{Absorbing, Args, Cached, Latents, MlaDecode, Size};
use crate::attention_decode::blocks::{Dots, attend, clear};
use crate::gemv::dot;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Absorbed;

impl<E: Cached> Rung<MlaDecode<E>> for Absorbed {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        head_by_head(m.one(), a.absorbing);
    }
}

/// Each head's query to latent form, attention over the latents, its output back.
#[inline(always)]
pub(crate) fn head_by_head<M: Machine, L: Latents>(m: M, a: Absorbing<'_, L>) {
    let (size, (k, v)) = (a.size, a.latents.rows());
    let (value, latent, row) = (size.value, size.latent, size.row());
    tasks!(m, size.heads, 1, |h| {
        let (q, o_latent) = (&mut a.q_latent[..row], &mut a.o_latent[..latent]);
        absorb(m, &size, a.q, a.to_key, h, q);
        attend(m, Dots { q, k }, v, size.scale, &mut a.scratch[..size.tokens], o_latent);
        emit(m, &size, o_latent, a.to_value, h, &mut a.o[h * value..(h + 1) * value]);
    });
}

/// `q_latent = W_k[h]^T q[h]`, then the part of q with the position in it.
#[inline(always)]
pub(super) fn absorb<M: Machine>(m: M, size: &Size, q: &[f32], to_key: &[f32], h: usize, q_latent: &mut [f32]) {
    let (plain, latent) = (size.plain, size.latent);
    let q = &q[h * size.key()..(h + 1) * size.key()];
    let (made, rest) = q_latent.split_at_mut(latent);
    clear(m, made);
    let one = m.one();
    for d in one.steps(0, plain, 1) {
        let matrix = &to_key[(h * plain + d) * latent..(h * plain + d + 1) * latent];
        let wide = m.load_splat(q, d);
        let main = m.steps(0, latent, m.lanes());
        let tail = main.tail();
        for c in main {
            m.store(&m.mul_add(&m.load(matrix, c), &wide, &m.load(made, c)), made, c);
        }
        for c in one.steps(tail, latent, 1) {
            one.store(&one.mul_add(&one.load(matrix, c), &one.load(q, d), &one.load(made, c)), made, c);
        }
    }
    for d in one.steps(0, rest.len(), 1) {
        one.store(&one.load(q, plain + d), rest, d);
    }
}

/// `o = W_v[h] o_latent`.
#[inline(always)]
pub(super) fn emit<M: Machine>(m: M, size: &Size, o_latent: &[f32], to_value: &[f32], h: usize, o: &mut [f32]) {
    let (value, latent) = (size.value, size.latent);
    for d in m.one().steps(0, value, 1) {
        let matrix = &to_value[(h * value + d) * latent..(h * value + d + 1) * latent];
        m.one().store(&dot::<M, f32, 2>(m, matrix, o_latent), o, d);
    }
}
