//! idea: one instruction multiplies a register of i16 and adds pairs; lanes are summed once per row, not per block

use super::blocks::{self, Madd};
use super::{Args, GemvQ8, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct SimdMadd;

impl Rung<GemvQ8> for SimdMadd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let blocks = a.xd.len();
        tasks!(m, a.y.len(), rows_per_whole_lines(blocks), |r| {
            let row = &a.w[r * blocks..(r + 1) * blocks];
            blocks::rows::<M, Madd, 1>(m, row, a.xq, a.xd, &mut a.y[r..r + 1]);
        });
    }
}
