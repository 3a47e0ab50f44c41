//! idea: each weight is taken out of its byte, becomes f32 by its scales and goes into one running sum

use super::{Args, Format, GemvPacked, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl<F: Format> Rung<GemvPacked<F>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, F>) {
        let m = m.one();
        let blocks = a.x.scales.len();
        tasks!(m, a.y.len(), rows_per_whole_lines(blocks * size_of::<F>()), |r| {
            let row = &a.w[r * blocks..(r + 1) * blocks];
            let [mut sum] = m.zeros();
            for b in m.steps(0, blocks, 1) {
                sum = F::multiply_add(m, &row[b], &a.values[b * F::LEN..(b + 1) * F::LEN], sum);
            }
            m.store(&sum, a.y, r);
        });
    }
}
