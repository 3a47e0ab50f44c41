//! idea: columns go to every core, through a panel of each core's own where there are rows enough for one

use super::panel::{self, COLUMNS, Decoded, panels};
use super::register_tile::{Tiles, decode_row};
use super::{Args, BLOCK, GemmFp8};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. Tasks write C transposed, so that each has memory of its own.
pub struct Parallel;

/// Columns of one task: whole panels, inside a block of scales.
const COLUMNS_PER_TASK: usize = 4 * COLUMNS;
/// Rows that a panel pays from.
const ROWS_FOR_A_PANEL: usize = 8;

/// Values of `panels` that this variant needs.
pub(super) fn room(n: usize, k: usize) -> usize {
    n.div_ceil(COLUMNS_PER_TASK).max(1) * COLUMNS * k.min(panel::VALUES / COLUMNS)
}

impl Rung<GemmFp8> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        let (rows, n, k, blocks) = (g.m, g.n, g.k, g.blocks());
        if g.c.is_empty() || k == 0 {
            return g.c.fill(0.0);
        }
        let (codes, scales) = (g.a, g.a_scales);
        m.par_chunks(
            g.a_values,
            k,
            #[inline(always)]
            |m, i, values| decode_row(m, &codes[i * k..(i + 1) * k], &scales[i * blocks..], values),
        );
        let a = Decoded { values: g.a_values, rows, k };
        let (w, w_scales) = (g.w, g.w_scales);
        m.par_chunks_with(
            g.columns,
            COLUMNS_PER_TASK * rows,
            g.panels,
            COLUMNS * k.min(panel::VALUES / COLUMNS),
            #[inline(always)]
            |m, t, out, panel| {
                let first = t * COLUMNS_PER_TASK;
                let columns = out.len() / rows;
                if rows < ROWS_FOR_A_PANEL {
                    let codes: &[i8] = bytemuck::cast_slice(w);
                    let tiles = Tiles {
                        a: a.values,
                        a_stride: k,
                        rows,
                        w: &codes[first * k..],
                        w_stride: k,
                        columns,
                        scales: &w_scales[first / BLOCK * blocks..][..blocks],
                        strides: (1, rows),
                        add: false,
                    };
                    return tiles.run(m, out);
                }
                tasks!(m, columns.div_ceil(COLUMNS), 1, |p| {
                    let j = (p * COLUMNS, columns.min((p + 1) * COLUMNS));
                    let out = &mut out[j.0 * rows..j.1 * rows];
                    panels(m, a, (w, w_scales), (first + j.0, first + j.1), panel, ((1, rows), out));
                });
            },
        );
        let columns = &*g.columns;
        m.par_chunks(
            g.c,
            n,
            #[inline(always)]
            |m, i, row| {
                let one = m.one();
                for j in one.steps(0, row.len(), 1) {
                    one.store(&one.load(columns, j * rows + i), row, j);
                }
            },
        );
    }
}
