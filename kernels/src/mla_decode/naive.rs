//! idea: the latents are cached, and every head makes its keys and values of them anew for each token of the text

use super::{Args, Cached, MlaDecode};
use crate::attention_decode::{blocks, naive::softmax};
use crate::gemv::dot;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl<E: Cached> Rung<MlaDecode<E>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, Args { absorbing: a, .. }: Args<'_, E>) {
        let m = m.one();
        let size = a.size;
        let (plain, value, latent) = (size.plain, size.value, size.latent);
        let scale = m.splat(size.scale);
        tasks!(m, size.heads, 1, |h| {
            let q = &a.q[h * size.key()..(h + 1) * size.key()];
            let of_head = |rows: usize| h * rows * latent..(h + 1) * rows * latent;
            let (to_key, to_value) = (&a.to_key[of_head(plain)], &a.to_value[of_head(value)]);
            let scores = &mut a.scratch[h * size.tokens..(h + 1) * size.tokens];
            let o = &mut a.o[h * value..(h + 1) * value];
            tasks!(m, size.tokens, 1, |t| {
                let (c, position) = a.latents.row(t);
                let [mut score] = m.zeros();
                for d in m.steps(0, plain, 1) {
                    let key = dot::<M::One, E, 1>(m, c, &to_key[d * latent..(d + 1) * latent]);
                    score = m.mul_add(&m.load(q, d), &key, &score);
                }
                for d in m.steps(0, size.rope, 1) {
                    score = m.mul_add(&m.load(q, plain + d), &E::load(m, position, d), &score);
                }
                m.store(&m.mul(&score, &scale), scores, t);
            });
            softmax(m, scores);
            blocks::clear(m, o);
            tasks!(m, size.tokens, 1, |t| {
                let (c, _) = a.latents.row(t);
                let p = m.load(scores, t);
                for d in m.steps(0, value, 1) {
                    let made = dot::<M::One, E, 1>(m, c, &to_value[d * latent..(d + 1) * latent]);
                    m.store(&m.mul_add(&p, &made, &m.load(o, d)), o, d);
                }
            });
        });
    }
}
