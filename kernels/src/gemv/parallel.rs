//! idea: blocks of rows go to every core, until their misses together fill the memory bus

use super::multi_row::four_rows;
use super::{Args, Element, Gemv, multi_row::ROWS};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Parallel;

/// Rows of one task: enough work to be worth a steal, enough tasks to balance.
const ROWS_PER_TASK: usize = 32;

impl<E: Element> Rung<Gemv<E>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let (w, x, k) = (a.w, a.x, a.k);
        m.par_chunks(
            a.y,
            ROWS_PER_TASK,
            #[inline(always)]
            |m, t, y| {
                tasks!(m, y.len().div_ceil(ROWS), 1, |g| {
                    let end = y.len().min((g + 1) * ROWS);
                    let rows = &mut y[g * ROWS..end];
                    four_rows(m, &w[(t * ROWS_PER_TASK + g * ROWS) * k..], k, x, rows);
                });
            },
        );
    }
}
