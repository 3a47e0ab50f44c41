//! idea: columns go innermost, so B and C are walked along their rows and every byte of a line is used

use super::{Args, Factor, Gemm};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct LoopOrder;

impl<E: Factor> Rung<Gemm<E>> for LoopOrder {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, E>) {
        rows_of_b(m.one(), g);
    }
}

/// Rows of B after which costs repeat: they share the lines of A.
const ROWS_PER_PERIOD: usize = 32;

/// `c[i, :] += a[i, p] b[p, :]` over i, then p.
#[inline(always)]
pub(super) fn rows_of_b<M: Machine, E: Factor>(m: M, g: Args<'_, E>) {
    tasks!(m, g.m, 1, |i| {
        let a = &g.a[i * g.k..(i + 1) * g.k];
        let c = &mut g.c[i * g.n..(i + 1) * g.n];
        super::clear(m, c);
        tasks!(m, g.k, ROWS_PER_PERIOD, |p| {
            super::add_scaled_row(m, a, p, &g.b[p * g.n..(p + 1) * g.n], c);
        });
    });
}
