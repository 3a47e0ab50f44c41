//! idea: each weight becomes f32 by its block's scale and goes into one running sum

use super::{Args, BLOCK_LEN, GemvQ8, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl Rung<GemvQ8> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let blocks = a.xd.len();
        tasks!(m, a.y.len(), rows_per_whole_lines(blocks), |r| {
            let row = &a.w[r * blocks..(r + 1) * blocks];
            let [mut sum] = m.zeros();
            for b in m.steps(0, blocks, 1) {
                let (w, x) = (&row[b].qs, &a.x[b * BLOCK_LEN..(b + 1) * BLOCK_LEN]);
                let scale = m.load_f16_splat(&row[b].d);
                for c in m.steps(0, BLOCK_LEN, 1) {
                    let weight = m.mul(&m.to_f32(&m.load_i8(w, c)), &scale);
                    sum = m.mul_add(&weight, &m.load(x, c), &sum);
                }
            }
            m.store(&sum, a.y, r);
        });
    }
}
