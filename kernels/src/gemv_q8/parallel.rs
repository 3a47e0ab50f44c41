//! idea: blocks of rows go to every core, until their misses together fill the memory bus

use super::blocks::Madd;
use super::multi_row::{ROWS, four_rows};
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
        let (w, xq, xd) = (a.w, a.xq, a.xd);
        m.par_chunks(
            a.y,
            ROWS_PER_TASK,
            #[inline(always)]
            |m, t, y| {
                for (g, rows) in y.chunks_mut(ROWS).enumerate() {
                    let first = (t * ROWS_PER_TASK + g * ROWS) * xd.len();
                    four_rows::<M, Madd>(m, &w[first..first + rows.len() * xd.len()], xq, xd, rows);
                }
            },
        );
    }
}
