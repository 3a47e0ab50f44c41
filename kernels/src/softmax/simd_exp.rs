//! idea: a polynomial replaces the library's exp, so that all three passes run in SIMD lanes without a call

use super::{Args, LOWEST, Softmax};
use crate::exp::Exp;
use crate::kernel::Rung;
use crate::machine::{Machine, OneF, tasks};

/// See the file's first line.
pub struct SimdExp;

/// Registers per step of the maximum: enough to hide its latency.
const MAX_REGISTERS: usize = 4;
/// Registers per step of the exponentials; each is a long dependency chain of its own.
const EXP_REGISTERS: usize = 2;

impl Rung<Softmax> for SimdExp {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        tasks!(m, a.rows(), 1, |r| {
            one_row(m, &a.x[r * a.n..(r + 1) * a.n], &mut a.y[r * a.n..(r + 1) * a.n]);
        });
    }
}

/// `y = softmax(x)`.
#[inline(always)]
pub(super) fn one_row<M: Machine>(m: M, x: &[f32], y: &mut [f32]) {
    let top = largest(m, x);
    let sum = exponentials(m, x, y, &top);
    let one = m.one();
    super::scale_row(m, y, &one.div(&one.splat(1.0), &sum));
}

/// The maximum of a row.
#[inline(always)]
fn largest<M: Machine>(m: M, x: &[f32]) -> OneF<M> {
    let mut tops = m.zeros::<MAX_REGISTERS>();
    for top in &mut tops {
        *top = m.splat(LOWEST);
    }
    let main = m.steps(0, x.len(), MAX_REGISTERS * m.lanes());
    let tail = main.tail();
    for c in main {
        for (s, top) in tops.iter_mut().enumerate() {
            *top = m.max(&m.load(x, c + s * m.lanes()), top);
        }
    }
    let [first, rest @ ..] = &mut tops;
    for top in rest {
        *first = m.max(first, top);
    }
    let one = m.one();
    let mut total = m.largest(first);
    for c in one.steps(tail, x.len(), 1) {
        total = one.max(&one.load(x, c), &total);
    }
    total
}

/// `y = exp(x - top)`; returns the sum of y.
#[inline(always)]
fn exponentials<M: Machine>(m: M, x: &[f32], y: &mut [f32], top: &OneF<M>) -> OneF<M> {
    let exp = Exp::new(m);
    let tops = m.broadcast(top);
    let mut sums = m.zeros::<EXP_REGISTERS>();
    let main = m.steps(0, x.len(), EXP_REGISTERS * m.lanes());
    let tail = main.tail();
    for c in main {
        for (s, sum) in sums.iter_mut().enumerate() {
            let at = c + s * m.lanes();
            let e = exp.of(m, &m.sub(&m.load(x, at), &tops));
            m.store(&e, y, at);
            *sum = m.add(sum, &e);
        }
    }
    let one = m.one();
    let exp = Exp::new(one);
    let mut total = m.sum(&m.add(&sums[0], &sums[1]));
    for c in one.steps(tail, x.len(), 1) {
        let e = exp.of(one, &one.sub(&one.load(x, c), top));
        one.store(&e, y, c);
        total = one.add(&total, &e);
    }
    total
}
