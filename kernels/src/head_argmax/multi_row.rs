//! idea: four rows share each load of x, and four logits are compared after another

use super::{Args, Best, HeadArgmax, HeadElement};
use crate::gemv;
use crate::gemv::multi_row::{ROWS, four_sums};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct MultiRow;

impl<E: HeadElement> Rung<HeadArgmax<E>> for MultiRow {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        best_of(m, a.w, a.rows, a.x, 0).store(m.one(), a.y);
    }
}

/// The best of `rows` rows, the first of which is number `first`.
#[inline(always)]
pub(super) fn best_of<M: Machine, E: HeadElement>(m: M, w: &[E], rows: usize, x: &[f32], first: usize) -> Best {
    let (h, one) = (x.len(), m.one());
    let mut best = Best::none();
    tasks!(m, rows.div_ceil(ROWS), 1, |t| {
        let at = t * ROWS;
        if at + ROWS <= rows {
            for (r, logit) in four_sums(m, &w[at * h..(at + ROWS) * h], h, x).iter().enumerate() {
                best.meet(one, logit, first + at + r);
            }
        } else {
            for r in at..rows {
                best.meet(one, &gemv::dot::<M, E, 1>(m, &w[r * h..(r + 1) * h], x), first + r);
            }
        }
    });
    best
}
