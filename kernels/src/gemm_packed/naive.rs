//! idea: a GEMV for each row of A: each weight is taken out of its byte, becomes f32 and goes into one running sum

use super::{Args, Format, GemmPacked, row_period};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl<F: Format> Rung<GemmPacked<F>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, F>) {
        let m = m.one();
        let k = g.blocks * F::LEN;
        tasks!(m, g.m, 1, |i| {
            let values = &g.values[i * k..(i + 1) * k];
            tasks!(m, g.n, row_period::<F>(g.blocks), |r| {
                let row = &g.w[r * g.blocks..(r + 1) * g.blocks];
                let [mut sum] = m.zeros();
                for b in m.steps(0, g.blocks, 1) {
                    sum = F::multiply_add(m, &row[b], &values[b * F::LEN..(b + 1) * F::LEN], sum);
                }
                m.store(&sum, g.c, i * g.n + r);
            });
        });
    }
}
