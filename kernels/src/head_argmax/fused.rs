//! idea: each logit is compared as it is made: none is stored

use super::{Args, Best, HeadArgmax, HeadElement};
use crate::gemv;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Fused;

impl<E: HeadElement> Rung<HeadArgmax<E>> for Fused {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        row_by_row::<M::One, E, 1>(m.one(), a);
    }
}

/// Every row in `SUMS` registers.
#[inline(always)]
pub(super) fn row_by_row<M: Machine, E: HeadElement, const SUMS: usize>(m: M, a: Args<'_, E>) {
    let h = a.x.len();
    let mut best = Best::none();
    tasks!(m, a.rows, 1, |r| {
        let logit = gemv::dot::<M, E, SUMS>(m, &a.w[r * h..(r + 1) * h], a.x);
        best.meet(m.one(), &logit, r);
    });
    best.store(m.one(), a.y);
}
