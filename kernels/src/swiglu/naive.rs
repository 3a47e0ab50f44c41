//! idea: the definition, with the C library's exp

use super::{Args, SwiGlu};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

/// Values of a cache line: neighbours may differ in cost, lines do not.
const PER_LINE: usize = 16;

impl Rung<SwiGlu> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (zero, one) = (m.splat(0.0), m.splat(1.0));
        tasks!(m, a.y.len(), PER_LINE, |i| {
            let g = m.load(a.g, i);
            let closed = m.add(&m.exp_libm(&m.sub(&zero, &g)), &one);
            m.store(&m.mul(&m.div(&g, &closed), &m.load(a.u, i)), a.y, i);
        });
    }
}
