//! idea: four rows share each block of x and its scale, and keep four sums in flight

use super::blocks::{self, BlockDot, Madd};
use super::{Args, GemvQ8, rows_per_whole_lines};
use crate::dtype::q8_0::BlockQ8_0;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct MultiRow;

/// Rows done together.
pub(super) const ROWS: usize = 4;

impl Rung<GemvQ8> for MultiRow {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_four_rows::<M, Madd>(m, a);
    }
}

/// All rows, four to a task.
#[inline(always)]
pub(super) fn every_four_rows<M: Machine, D: BlockDot>(m: M, a: Args<'_>) {
    let (rows, blocks) = (a.y.len(), a.xd.len());
    tasks!(m, rows.div_ceil(ROWS), rows_per_whole_lines(ROWS * blocks), |t| {
        let first = t * ROWS;
        let count = ROWS.min(rows - first);
        four_rows::<M, D>(m, &a.w[first * blocks..], a.xq, a.xd, &mut a.y[first..first + count]);
    });
}

/// `y[r] = w[r, :] · x` for up to four rows.
#[inline(always)]
pub(super) fn four_rows<M: Machine, D: BlockDot>(m: M, w: &[BlockQ8_0], xq: &[i8], xd: &[f32], y: &mut [f32]) {
    if y.len() == ROWS {
        blocks::rows::<M, D, ROWS>(m, w, xq, xd, y);
    } else {
        for r in 0..y.len() {
            blocks::rows::<M, D, 1>(m, &w[r * xd.len()..], xq, xd, &mut y[r..r + 1]);
        }
    }
}
