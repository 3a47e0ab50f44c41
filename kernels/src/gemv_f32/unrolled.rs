//! idea: eight independent sums per row hide the latency of the adds

use super::{Args, GemvF32};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Unrolled;

const SUMS: usize = 8;

impl Rung<GemvF32> for Unrolled {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        tasks!(m, a.y.len(), 1, |r| {
            let row = &a.w[r * a.k..(r + 1) * a.k];
            let sum = super::dot::<M::One, SUMS>(m, row, &a.x[..a.k]);
            m.store(&sum, a.y, r);
        });
    }
}
