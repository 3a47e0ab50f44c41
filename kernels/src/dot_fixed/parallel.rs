//! idea: blocks of rows go to every core, until their misses together fill the memory bus

use super::simd_madd::every_row;
use super::{Args, DotFixed};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Rows of one task: enough work to be worth a steal, enough tasks to balance.
const ROWS_PER_TASK: usize = 32;

impl Rung<DotFixed> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let Args { w, x, y, .. } = a;
        // Tasks own pieces of f32: the same four bytes.
        m.par_chunks(
            bytemuck::cast_slice_mut(y),
            ROWS_PER_TASK,
            #[inline(always)]
            |m, t, y| {
                let w = &w[t * ROWS_PER_TASK * x.len()..][..y.len() * x.len()];
                every_row::<_, false>(m, w, x, bytemuck::cast_slice_mut(y));
            },
        );
    }
}
