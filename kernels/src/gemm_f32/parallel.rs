//! idea: blocks of rows go to every core, each packing its own A; the packed block of B is shared

use super::packed::{KC, MR, NC, NV, pack_b_panel, panel_stride, row_block};
use super::{Args, EDGE, GemmF32};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Parallel;

/// Rows of one task: few, so that a prompt of 64 tokens already makes work for three cores.
pub(super) const ROWS_PER_TASK: usize = 4 * MR;
/// Scratch of one task: its packed rows and the edge of a ragged tile.
pub(super) const SCRATCH_PER_TASK: usize = ROWS_PER_TASK * KC + EDGE;

impl Rung<GemmF32> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        let nr = NV * M::LANES;
        let (size_m, n, k) = (g.m, g.n, g.k);
        let panel = panel_stride(k, nr);
        tasks!(m, n.div_ceil(NC), 1, |jb| {
            let columns = (jb * NC, n.min((jb + 1) * NC));
            let panels = (columns.1 - columns.0).div_ceil(nr);
            // Where B is narrow several blocks of k are packed at once: the cores meet less often.
            let blocks = (NC / (panels * nr)).max(1);
            tasks!(m, k.div_ceil(blocks * KC).max(1), 1, |round| {
                let p = (round * blocks * KC, k.min((round + 1) * blocks * KC));
                let block = |q: usize| (p.0 + q * KC, p.1.min(p.0 + (q + 1) * KC));
                let blocks = (p.1 - p.0).div_ceil(KC);
                m.par_chunks(
                    &mut g.packed_b[..blocks * panels * panel],
                    panel,
                    #[inline(always)]
                    |m, t, out| {
                        let j = columns.0 + t % panels * nr;
                        pack_b_panel(m, g.b, n, block(t / panels), (j, n.min(j + nr)), out);
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
                        tasks!(m, blocks.max(1), 1, |q| {
                            let b = (&packed_b[q * panels * panel..], columns);
                            row_block::<M, MR>(m, (g.a, k), rows, block(q), b, (c, n), scratch);
                        });
                    },
                );
            });
        });
    }
}
