//! What rungs do alike: products of a few experts, sigmoids in lanes, the weights of the chosen.

use super::{Args, Gate, Size};
use crate::exp::Exp;
use crate::gemv::multi_row::{ROWS, four_rows};
use crate::machine::{Machine, tasks};

/// Experts of one step: a register of the widest machine, four times four rows.
pub(super) const STEP: usize = 16;
/// Below this a sigmoid is no normal f32, and its exp would overflow.
const CLOSED: f32 = -88.0;

/// The products of `logits.len()` experts from `first`.
#[inline(always)]
pub(super) fn products<M: Machine>(m: M, w: &[f32], x: &[f32], first: usize, logits: &mut [f32]) {
    let k = x.len();
    tasks!(m, logits.len().div_ceil(ROWS), 1, |t| {
        let end = logits.len().min((t + 1) * ROWS);
        four_rows(m, &w[(first + t * ROWS) * k..], k, x, &mut logits[t * ROWS..end]);
    });
}

/// `s = sigmoid(s)`, and `biased = s + bias`.
#[inline(always)]
pub(super) fn sigmoids<M: Machine>(m: M, s: &mut [f32], bias: &[f32], biased: &mut [f32]) {
    let main = m.steps(0, s.len(), m.lanes());
    let tail = main.tail();
    lanes(m, main, s, bias, biased);
    if tail < s.len() {
        let one = m.one();
        lanes(one, one.steps(tail, s.len(), 1), s, bias, biased);
    }
}

#[inline(always)]
fn lanes<M: Machine>(m: M, steps: impl Iterator<Item = usize>, s: &mut [f32], bias: &[f32], biased: &mut [f32]) {
    let exp = Exp::new(m);
    let (zero, one, closed) = (m.splat(0.0), m.splat(1.0), m.splat(CLOSED));
    for i in steps {
        let z = m.max(&m.load(s, i), &closed);
        let open = m.div(&one, &m.add(&exp.of(m, &m.sub(&zero, &z)), &one));
        m.store(&open, s, i);
        m.store(&m.add(&open, &m.load(bias, i)), biased, i);
    }
}

/// Scores of every expert in the order of `gate`, then their biases: two passes.
#[inline(always)]
pub(super) fn all<M: Machine>(m: M, gate: Gate<'_>, x: &[f32], scores: &mut [f32], biased: &mut [f32]) {
    products(m, gate.w, x, 0, scores);
    sigmoids(m, scores, gate.bias, biased);
}

/// The weights of the chosen, whose indices stand in the first half of `y`; `place` says where an expert's score is.
#[inline(always)]
pub(super) fn weigh<M: Machine>(m: M, size: &Size, scores: &[f32], place: impl Fn(usize) -> usize, y: &mut [f32]) {
    let chosen = y.len() / 2;
    let [mut sum] = m.zeros();
    for i in m.steps(0, chosen, 1) {
        let s = m.load(scores, place(m.reveal(&m.load(y, i)) as usize));
        sum = m.add(&sum, &s);
        m.store(&s, y, chosen + i);
    }
    let scale = m.div(&m.splat(size.scale), &sum);
    for i in m.steps(chosen, y.len(), 1) {
        m.store(&m.mul(&m.load(y, i), &scale), y, i);
    }
}

/// [`weigh`] where scores are in the order of the experts.
#[inline(always)]
pub(super) fn weigh_in_order<M: Machine>(m: M, a: &mut Args<'_>) {
    weigh(m, &a.size, a.scores, |e| e, a.y);
}
