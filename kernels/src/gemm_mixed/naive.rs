//! idea: an output at a time: each weight is taken out of its block, becomes f32 and goes into one running sum

use super::{Args, Format, GemmMixed};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl<F: Format> Rung<GemmMixed<F>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, F>) {
        let m = m.one();
        let blocks = a.k / F::LEN;
        tasks!(m, a.m, 1, |i| {
            let row = &a.values[i * a.k..(i + 1) * a.k];
            tasks!(m, a.n, 1, |j| {
                let w = &a.w[j * blocks..(j + 1) * blocks];
                let [mut sum] = m.zeros();
                for b in m.steps(0, blocks, 1) {
                    sum = F::multiply_add(m, &w[b], &row[b * F::LEN..(b + 1) * F::LEN], sum);
                }
                m.store(&sum, a.c, i * a.n + j);
            });
        });
    }
}
