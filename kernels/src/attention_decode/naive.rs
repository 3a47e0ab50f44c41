//! idea: head by head: all scores, the C library's softmax, then the weighted sum of the values

use super::blocks::{Rows, clear};
use super::simd::rows;
use super::{Args, AttentionDecode, Cached};
use crate::gemv::Element;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The structure is that of llama2.c's `forward`.
pub struct Naive;

impl<E: Cached> Rung<AttentionDecode<E>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let m = m.one();
        let (size, width, tokens) = (a.size, a.size.width, a.size.tokens);
        tasks!(m, size.heads, size.group(), |h| {
            let (k, v) = (rows(a.k, &size, h / size.group()), rows(a.v, &size, h / size.group()));
            let q = &a.q[h * width..(h + 1) * width];
            let scores = &mut a.scores[h * tokens..(h + 1) * tokens];
            let o = &mut a.o[h * width..(h + 1) * width];
            tasks!(m, tokens, 16, |t| score(m, q, k.row(t), size.scale(), scores, t));
            softmax(m, scores);
            clear(m, o);
            tasks!(m, tokens, 16, |t| weigh(m, scores, t, v.row(t), o));
        });
    }
}

/// `scores[t] = scale * q · k`.
#[inline(always)]
pub(crate) fn score<M: Machine, Q: Element, E: Element>(
    m: M,
    q: &[Q],
    k: &[E],
    scale: f32,
    scores: &mut [f32],
    t: usize,
) {
    let [mut score] = m.zeros();
    for c in m.steps(0, k.len(), 1) {
        score = m.mul_add(&Q::load(m, q, c), &E::load(m, k, c), &score);
    }
    m.store(&m.mul(&score, &m.splat(scale)), scores, t);
}

/// `o += scores[t] * v`.
#[inline(always)]
pub(crate) fn weigh<M: Machine, E: Element>(m: M, scores: &[f32], t: usize, v: &[E], o: &mut [f32]) {
    let p = m.load(scores, t);
    for c in m.steps(0, v.len(), 1) {
        m.store(&m.mul_add(&p, &E::load(m, v, c), &m.load(o, c)), o, c);
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
