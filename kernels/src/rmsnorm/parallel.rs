//! idea: rows go to every core, a few pages at a time

use super::fused::one_row;
use super::{Args, RmsNorm, Row, rows};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Values of a task, unless one row has more: enough work to be worth a steal.
const VALUES_PER_TASK: usize = 4096;

impl Rung<RmsNorm> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let Args { h, delta, w, epsilon, h_out, y } = a;
        let n = w.len().max(1);
        let chunk = (VALUES_PER_TASK / n).max(1) * n;
        m.par_chunks_with(
            y,
            chunk,
            h_out,
            chunk,
            #[inline(always)]
            |m, t, y, h_out| {
                let at = t * chunk..t * chunk + y.len();
                let part = Args { h: &h[at.clone()], delta: &delta[at], w, epsilon, h_out, y };
                rows(
                    m,
                    part,
                    #[inline(always)]
                    |mut row: Row<'_>| one_row(m, &mut row),
                );
            },
        );
    }
}
