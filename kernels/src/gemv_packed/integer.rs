//! idea: the products of a sub-block are summed as integers, so its scales are applied once

use super::{Args, Format, GemvPacked, Packed, X, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Integer;

impl<F: Format> Rung<GemvPacked<F>> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, F>) {
        row_by_row::<M::One, F, false>(m.one(), a);
    }
}

/// Every row, block by block.
#[inline(always)]
pub(super) fn row_by_row<M: Machine<One = M>, F: Format, const HOISTED: bool>(m: M, a: Args<'_, F>) {
    let blocks = a.x.scales.len();
    tasks!(m, a.y.len(), rows_per_whole_lines(blocks * size_of::<F>()), |r| {
        let row = &a.w[r * blocks..(r + 1) * blocks];
        let [sum] = dot_row::<M, F, HOISTED, 1>(m, row, &[a.x]);
        m.store(&sum, a.y, r);
    });
}

/// The products of a row of weights with `R` rows of activations.
#[inline(always)]
pub(crate) fn dot_row<M: Machine<One = M>, F: Packed, const HOISTED: bool, const R: usize>(
    m: M,
    row: &[F],
    x: &[X<'_>; R],
) -> [M::F; R] {
    let mut sums = m.zeros();
    for b in m.steps(0, row.len(), 1) {
        F::dot_rows::<M, HOISTED, R>(m, &row[b], &std::array::from_fn(|r| x[r].block::<F>(b)), &mut sums);
    }
    sums
}
