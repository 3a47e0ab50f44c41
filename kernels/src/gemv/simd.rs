//! idea: each of four independent sums is a SIMD register, so one instruction does a register's worth of columns

use super::{Args, Element, Gemv};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Simd;

/// Four: the portable machine's eight lanes are two SSE2 registers, and sixteen registers hold no more.
pub(crate) const SUMS: usize = 4;

impl<E: Element> Rung<Gemv<E>> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        tasks!(m, a.y.len(), 1, |r| {
            let row = &a.w[r * a.k..(r + 1) * a.k];
            let sum = super::dot::<M, E, SUMS>(m, row, &a.x[..a.k]);
            m.one().store(&sum, a.y, r);
        });
    }
}
