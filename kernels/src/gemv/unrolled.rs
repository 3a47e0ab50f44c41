//! idea: eight independent sums per row hide the latency of the adds

use super::{Args, Element, Gemv};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Unrolled;

const SUMS: usize = 8;

impl<E: Element> Rung<Gemv<E>> for Unrolled {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let m = m.one();
        tasks!(m, a.y.len(), 1, |r| {
            let row = &a.w[r * a.k..(r + 1) * a.k];
            let sum = super::dot::<M::One, E, SUMS>(m, row, &a.x[..a.k]);
            m.store(&sum, a.y, r);
        });
    }
}
