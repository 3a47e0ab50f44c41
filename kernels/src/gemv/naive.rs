//! idea: one running sum per row, as the textbook writes it; every add waits for the one before

use super::{Args, Element, Gemv};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl<E: Element> Rung<Gemv<E>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let m = m.one();
        tasks!(m, a.y.len(), 1, |r| {
            let row = &a.w[r * a.k..(r + 1) * a.k];
            let [mut sum] = m.zeros();
            for c in m.steps(0, a.k, 1) {
                sum = m.mul_add(&E::load(m, row, c), &m.load(a.x, c), &sum);
            }
            m.store(&sum, a.y, r);
        });
    }
}
