//! idea: blocks of rows go to every core, until their misses together fill the memory bus

use super::blocks::{self, BlockDot, Madd};
use super::{Args, GemvQ8};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Rows of one task: enough work to be worth a steal, enough tasks to balance.
const ROWS_PER_TASK: usize = 32;

impl Rung<GemvQ8> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_row::<M, Madd>(m, a);
    }
}

/// All rows, in tasks for every core.
#[inline(always)]
pub(super) fn every_row<M: Machine, D: BlockDot>(m: M, a: Args<'_>) {
    let (w, xq, xd) = (a.w, a.xq, a.xd);
    m.par_chunks(
        a.y,
        ROWS_PER_TASK,
        #[inline(always)]
        |m, t, y| {
            // One row after the other: out of cache, where threads pay, a prefetcher follows one long stream
            // better than four that each end with their row.
            for r in 0..y.len() {
                let first = (t * ROWS_PER_TASK + r) * xd.len();
                blocks::rows::<M, D, 1>(m, &w[first..first + xd.len()], xq, xd, &mut y[r..r + 1]);
            }
        },
    );
}
