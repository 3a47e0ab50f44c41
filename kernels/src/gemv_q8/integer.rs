//! idea: the 32 products of a block are summed as integers, so scales are applied once per block

use super::{Args, BLOCK_LEN, GemvQ8, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine, tasks};

/// See the file's first line.
pub struct Integer;

impl Rung<GemvQ8> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let blocks = a.xd.len();
        tasks!(m, a.y.len(), rows_per_whole_lines(blocks), |r| {
            let row = &a.w[r * blocks..(r + 1) * blocks];
            let [mut sum] = m.zeros();
            for b in m.steps(0, blocks, 1) {
                let (w, x) = (&row[b].qs, &a.xq[b * BLOCK_LEN..(b + 1) * BLOCK_LEN]);
                let mut products = m.zero_i();
                for c in m.steps(0, BLOCK_LEN, 1) {
                    let product = m.mul_i(&m.load_i8(w, c), &m.load_i8(x, c));
                    products = m.add_i(&products, &product);
                }
                let scale = m.mul(&m.load_f16_splat(&row[b].d), &m.load(a.xd, b));
                sum = m.mul_add(&m.to_f32(&products), &scale, &sum);
            }
            m.store(&sum, a.y, r);
        });
    }
}
