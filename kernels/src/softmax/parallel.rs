//! idea: rows go to every core, a few pages at a time

use super::simd_exp::one_row;
use super::{Args, Softmax};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Parallel;

/// Values of a task, unless one row has more: enough work to be worth a steal.
const VALUES_PER_TASK: usize = 4096;

impl Rung<Softmax> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (x, n) = (a.x, a.n.max(1));
        let chunk = (VALUES_PER_TASK / n).max(1) * n;
        m.par_chunks(
            a.y,
            chunk,
            #[inline(always)]
            |m, t, y| {
                let x = &x[t * chunk..t * chunk + y.len()];
                tasks!(m, y.len() / n, 1, |r| one_row(m, &x[r * n..(r + 1) * n], &mut y[r * n..(r + 1) * n]));
            },
        );
    }
}
