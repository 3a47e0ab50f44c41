//! idea: one running sum per output, as the textbook writes it; down a column of B each line yields one value

use super::{Args, Factor, Gemm};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

/// Columns after which the costs of neighbours repeat: they share the lines of B.
const COLUMNS_PER_PERIOD: usize = 32;

impl<E: Factor> Rung<Gemm<E>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, E>) {
        let m = m.one();
        tasks!(m, g.m, 1, |i| {
            let a = &g.a[i * g.k..(i + 1) * g.k];
            tasks!(m, g.n, COLUMNS_PER_PERIOD, |j| {
                let [mut sum] = m.zeros();
                for p in m.steps(0, g.k, 1) {
                    sum = m.mul_add(&E::load(m, a, p), &E::load(m, g.b, p * g.n + j), &sum);
                }
                m.store(&sum, g.c, i * g.n + j);
            });
        });
    }
}
