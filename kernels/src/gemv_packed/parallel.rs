//! idea: groups of rows go to every core: taking bytes apart is work that threads share

use super::interleaved::sixteen_rows;
use super::{Args, Format, GROUP_ROWS, GemvPacked};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Groups of one task: enough work to be worth a steal, enough tasks to balance.
const GROUPS_PER_TASK: usize = 2;

impl<F: Format> Rung<GemvPacked<F>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, F>) {
        let (groups, x, blocks) = (a.groups, a.x, a.x.scales.len());
        m.par_chunks(
            a.y,
            GROUPS_PER_TASK * GROUP_ROWS,
            #[inline(always)]
            |m, t, y| {
                for (g, y) in y.chunks_mut(GROUP_ROWS).enumerate() {
                    let first = (t * GROUPS_PER_TASK + g) * blocks;
                    sixteen_rows::<M, F>(m, &groups[first..first + blocks], x, y);
                }
            },
        );
    }
}
