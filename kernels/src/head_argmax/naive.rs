//! idea: all logits are computed and stored, then the largest is looked for

use super::{Args, Best, HeadArgmax, HeadElement};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

/// Logits of a cache line.
const PER_LINE: usize = 16;

impl<E: HeadElement> Rung<HeadArgmax<E>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let m = m.one();
        let logits = &mut a.room[..a.rows];
        tasks!(m, a.rows, 1, |r| {
            let row = &a.w[r * a.x.len()..(r + 1) * a.x.len()];
            let [mut sum] = m.zeros();
            for c in m.steps(0, row.len(), 1) {
                sum = m.mul_add(&E::load(m, row, c), &m.load(a.x, c), &sum);
            }
            m.store(&sum, logits, r);
        });
        let mut best = Best::none();
        tasks!(m, a.rows, PER_LINE, |r| best.meet(m, &m.load(logits, r), r));
        best.store(m, a.y);
    }
}
