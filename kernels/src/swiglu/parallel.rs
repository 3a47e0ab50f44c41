//! idea: pieces of the rows go to every core, which pays where a piece is worth waking one

use super::simd::piece;
use super::{Args, SwiGlu};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Values of one task: a few microseconds of exps.
const PER_TASK: usize = 4096;

impl Rung<SwiGlu> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (g, u) = (a.g, a.u);
        m.par_chunks(
            a.y,
            PER_TASK,
            #[inline(always)]
            |m, t, y| {
                let at = t * PER_TASK..t * PER_TASK + y.len();
                piece(m, &g[at.clone()], &u[at], y);
            },
        );
    }
}
