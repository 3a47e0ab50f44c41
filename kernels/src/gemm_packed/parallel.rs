//! idea: groups of columns go to every core, each into a strip of its own; the strips are then copied into rows of C

use super::register_tile::every_row;
use super::{Args, Format, GROUP_ROWS, GemmPacked};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line. Rows of A would be the simpler thing to share out, but one to eight of them do not fill the
/// cores, and each core would read all weights.
pub struct Parallel;

impl<F: Format> Rung<GemmPacked<F>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, F>) {
        let (rows, n, blocks) = (g.m, g.n, g.blocks);
        let strip = rows * GROUP_ROWS;
        m.par_chunks(
            g.strips,
            strip,
            #[inline(always)]
            |m, t, c| {
                let groups = &g.groups[t * blocks..(t + 1) * blocks];
                every_row::<M, F>(m, groups, g.x, rows, c, (GROUP_ROWS, 0..GROUP_ROWS));
            },
        );
        let strips = &*g.strips;
        m.par_chunks(
            g.c,
            n,
            #[inline(always)]
            |m, i, c| {
                for (t, c) in m.steps(0, n.div_ceil(GROUP_ROWS), 1).zip(c.chunks_mut(GROUP_ROWS)) {
                    copy(m, &strips[t * strip + i * GROUP_ROWS..][..c.len()], c);
                }
            },
        );
    }
}

/// `to[:] = from[:]`.
#[inline(always)]
fn copy<M: Machine>(m: M, from: &[f32], to: &mut [f32]) {
    let main = m.steps(0, to.len(), m.lanes());
    let tail = main.tail();
    for j in main {
        m.store(&m.load(from, j), to, j);
    }
    let one = m.one();
    for j in one.steps(tail, to.len(), 1) {
        one.store(&one.load(from, j), to, j);
    }
}
