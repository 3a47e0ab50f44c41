//! idea: head by head: all scores, the C library's softmax, then the weighted sum of the values

use super::{Args, AttentionDecode};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The structure is that of llama2.c's `forward`.
pub struct Naive;

impl Rung<AttentionDecode> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (size, width, tokens) = (a.size, a.size.width, a.size.tokens);
        let scale = m.splat(size.scale());
        tasks!(m, size.heads, size.group(), |h| {
            let q = &a.q[h * width..(h + 1) * width];
            let scores = &mut a.scores[h * tokens..(h + 1) * tokens];
            let o = &mut a.o[h * width..(h + 1) * width];
            tasks!(m, tokens, 16, |t| {
                let k = &Args::cache(a.k, &size, h / size.group(), t)[..width];
                let [mut score] = m.zeros();
                for c in m.steps(0, width, 1) {
                    score = m.mul_add(&m.load(q, c), &m.load(k, c), &score);
                }
                m.store(&m.mul(&score, &scale), scores, t);
            });
            softmax(m, scores);
            for c in m.steps(0, width, 1) {
                let [zero] = m.zeros();
                m.store(&zero, o, c);
            }
            tasks!(m, tokens, 16, |t| {
                let v = &Args::cache(a.v, &size, h / size.group(), t)[..width];
                let p = m.load(scores, t);
                for c in m.steps(0, width, 1) {
                    m.store(&m.mul_add(&p, &m.load(v, c), &m.load(o, c)), o, c);
                }
            });
        });
    }
}

/// In place.
#[inline(always)]
pub(crate) fn softmax<M: Machine>(m: M, x: &mut [f32]) {
    let mut top = m.splat(f32::MIN);
    for t in m.steps(0, x.len(), 1) {
        top = m.max(&m.load(x, t), &top);
    }
    let [mut sum] = m.zeros();
    for t in m.steps(0, x.len(), 1) {
        let e = m.exp_libm(&m.sub(&m.load(x, t), &top));
        sum = m.add(&sum, &e);
        m.store(&e, x, t);
    }
    for t in m.steps(0, x.len(), 1) {
        m.store(&m.div(&m.load(x, t), &sum), x, t);
    }
}
