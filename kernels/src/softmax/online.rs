//! idea: maximum and sum in one pass, rescaling the sum when the maximum grows: one trip over the row less for more exps

use super::{Args, LOWEST, Softmax};
use crate::exp::Exp;
use crate::kernel::Rung;
use crate::machine::{Machine, OneF, tasks};

/// See the file's first line. Milakov and Gimelshein, Online normalizer calculation for softmax, arXiv 1805.02867; each
/// lane keeps a maximum and a sum of its own, and lanes merge at the end by the same rescaling.
pub struct Online;

/// Registers that share one rescaling.
const REGISTERS: usize = 4;

impl Rung<Softmax> for Online {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        tasks!(m, a.rows(), 1, |r| {
            let x = &a.x[r * a.n..(r + 1) * a.n];
            let y = &mut a.y[r * a.n..(r + 1) * a.n];
            let (top, sum) = largest_and_sum(m, x);
            normalise(m, x, y, &top, &sum);
        });
    }
}

/// `max x` and `sum exp(x - max x)`.
#[inline(always)]
fn largest_and_sum<M: Machine>(m: M, x: &[f32]) -> (OneF<M>, OneF<M>) {
    let exp = Exp::new(m);
    let mut tops = m.splat(LOWEST);
    let [mut sums] = m.zeros();
    let main = m.steps(0, x.len(), REGISTERS * m.lanes());
    let tail = main.tail();
    for c in main {
        let (x0, x1) = (m.load(x, c), m.load(x, c + m.lanes()));
        let (x2, x3) = (m.load(x, c + 2 * m.lanes()), m.load(x, c + 3 * m.lanes()));
        let higher = m.max(&m.max(&m.max(&x0, &x1), &m.max(&x2, &x3)), &tops);
        sums = m.mul(&sums, &exp.of(m, &m.sub(&tops, &higher)));
        let (e0, e1) = (exp.of(m, &m.sub(&x0, &higher)), exp.of(m, &m.sub(&x1, &higher)));
        let (e2, e3) = (exp.of(m, &m.sub(&x2, &higher)), exp.of(m, &m.sub(&x3, &higher)));
        sums = m.add(&sums, &m.add(&m.add(&e0, &e1), &m.add(&e2, &e3)));
        tops = higher;
    }
    let one = m.one();
    let mut top = m.largest(&tops);
    let mut sum = m.sum(&m.mul(&sums, &exp.of(m, &m.sub(&tops, &m.broadcast(&top)))));
    let exp = Exp::new(one);
    for c in one.steps(tail, x.len(), 1) {
        let value = one.load(x, c);
        let higher = one.max(&value, &top);
        let rescaled = one.mul(&sum, &exp.of(one, &one.sub(&top, &higher)));
        sum = one.add(&rescaled, &exp.of(one, &one.sub(&value, &higher)));
        top = higher;
    }
    (top, sum)
}

/// `y = exp(x - top) / sum`.
#[inline(always)]
fn normalise<M: Machine>(m: M, x: &[f32], y: &mut [f32], top: &OneF<M>, sum: &OneF<M>) {
    let one = m.one();
    let scale = one.div(&one.splat(1.0), sum);
    let (exp, tops, scales) = (Exp::new(m), m.broadcast(top), m.broadcast(&scale));
    let main = m.steps(0, x.len(), m.lanes());
    let tail = main.tail();
    for c in main {
        let e = exp.of(m, &m.sub(&m.load(x, c), &tops));
        m.store(&m.mul(&e, &scales), y, c);
    }
    let exp = Exp::new(one);
    for c in one.steps(tail, x.len(), 1) {
        let e = exp.of(one, &one.sub(&one.load(x, c), top));
        one.store(&one.mul(&e, &scale), y, c);
    }
}
