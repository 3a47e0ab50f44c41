//! idea: blocks of rows go to every core and leave their best; the bests are merged in order, so ties stay what they were

use super::multi_row::best_of;
use super::{Args, Best, HeadArgmax, HeadElement};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Rows of one task: enough work to be worth a steal, enough tasks to balance.
const ROWS_PER_TASK: usize = 64;
/// What a task leaves: its best row and that row's logit.
const LEFT: usize = 2;

/// Values of the room that this variant needs.
pub(super) fn room(rows: usize) -> usize {
    rows.div_ceil(ROWS_PER_TASK) * LEFT
}

impl<E: HeadElement> Rung<HeadArgmax<E>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let (w, x, rows, h) = (a.w, a.x, a.rows, a.x.len());
        let bests = &mut a.room[..room(rows)];
        m.par_chunks(
            bests,
            LEFT,
            #[inline(always)]
            |m, t, left| {
                let first = t * ROWS_PER_TASK;
                let count = ROWS_PER_TASK.min(rows - first);
                best_of(m, &w[first * h..(first + count) * h], count, x, first).store(m.one(), left);
            },
        );
        let one = m.one();
        let mut best = Best::none();
        for at in one.steps(0, bests.len(), LEFT) {
            let row = one.reveal(&one.load(bests, at)) as usize;
            best.meet(one, &one.load(bests, at + 1), row);
        }
        best.store(one, a.y);
    }
}
