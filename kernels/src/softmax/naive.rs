//! idea: the definition in three passes: the maximum, the exponentials and their sum, a division per value

use super::{Args, LOWEST, Softmax};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl Rung<Softmax> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        tasks!(m, a.rows(), 1, |r| {
            let x = &a.x[r * a.n..(r + 1) * a.n];
            let y = &mut a.y[r * a.n..(r + 1) * a.n];
            let sum = exponentials(m, x, y);
            for c in m.steps(0, x.len(), 1) {
                let p = m.div(&m.load(y, c), &sum);
                m.store(&p, y, c);
            }
        });
    }
}

/// `y = exp(x - max x)` by the C library; returns the sum of y.
#[inline(always)]
pub(super) fn exponentials<M: Machine>(m: M, x: &[f32], y: &mut [f32]) -> M::F {
    let mut top = m.splat(LOWEST);
    for c in m.steps(0, x.len(), 1) {
        top = m.max(&m.load(x, c), &top);
    }
    let [mut sum] = m.zeros();
    for c in m.steps(0, x.len(), 1) {
        let e = m.exp_libm(&m.sub(&m.load(x, c), &top));
        m.store(&e, y, c);
        sum = m.add(&sum, &e);
    }
    sum
}
