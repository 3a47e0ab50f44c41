//! idea: blocks of rows go to every core, each packing its own A; the packed block of B is shared

use super::packed::{KC, MR, NC, NV, pack_b_panel, row_block};
use super::{Args, EDGE, Factor, Gemm};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Parallel;

/// Rows of one task: few, so that a prompt of 64 tokens already makes work for three cores.
pub(super) const ROWS_PER_TASK: usize = 4 * MR;
/// Scratch of one task: its packed rows and the edge of a ragged tile.
pub(super) const SCRATCH_PER_TASK: usize = ROWS_PER_TASK * KC + EDGE;

impl<E: Factor> Rung<Gemm<E>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, E>) {
        let nr = NV * m.lanes();
        let (size_m, n, k) = (g.m, g.n, g.k);
        tasks!(m, n.div_ceil(NC), 1, |jb| {
            let columns = (jb * NC, n.min((jb + 1) * NC));
            let panels = (columns.1 - columns.0).div_ceil(nr);
            tasks!(m, k.div_ceil(KC).max(1), 1, |pb| {
                let inner = (pb * KC, k.min((pb + 1) * KC));
                let panel = (inner.1 - inner.0) * nr;
                m.par_chunks(
                    &mut g.packed_b[..panels * panel],
                    panel,
                    #[inline(always)]
                    |m, t, panel| {
                        let j = columns.0 + t * nr;
                        pack_b_panel(m, g.b, n, inner, (j, n.min(j + nr)), panel);
                    },
                );
                let packed_b = &g.packed_b[..];
                m.par_chunks_with(
                    g.c,
                    ROWS_PER_TASK * n,
                    g.packed_a,
                    SCRATCH_PER_TASK,
                    #[inline(always)]
                    |m, t, c, scratch| {
                        let rows = (t * ROWS_PER_TASK, size_m.min((t + 1) * ROWS_PER_TASK));
                        row_block::<M, E, MR>(m, (g.a, k), rows, inner, (packed_b, columns), (c, n), scratch);
                    },
                );
            });
        });
    }
}
