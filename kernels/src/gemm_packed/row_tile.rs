//! idea: a block of weights is taken apart once for four rows of A, and crosses the bus a quarter as often

use super::{Args, Format, GemmPacked, TILE_ROWS, row_period};
use crate::gemv_packed::integer::dot_row;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The gain was measured for BitNet's kernels, which work on several columns of activations at
/// once (microsoft/BitNet, src/README).
pub struct RowTile;

impl<F: Format> Rung<GemmPacked<F>> for RowTile {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut g: Args<'_, F>) {
        let one = m.one();
        tasks!(one, g.m / TILE_ROWS, 1, |t| tile::<M::One, F, TILE_ROWS>(one, &mut g, t * TILE_ROWS));
        let mut i = g.m - g.m % TILE_ROWS;
        if g.m - i >= 2 {
            tile::<M::One, F, 2>(one, &mut g, i);
            i += 2;
        }
        if g.m > i {
            tile::<M::One, F, 1>(one, &mut g, i);
        }
    }
}

/// `R` rows of C from row `i`.
#[inline(always)]
pub(super) fn tile<M: Machine<One = M>, F: Format, const R: usize>(m: M, g: &mut Args<'_, F>, i: usize) {
    let x = g.x.rows::<F, R>(i, g.blocks);
    tasks!(m, g.n, row_period::<F>(g.blocks), |r| {
        let row = &g.w[r * g.blocks..(r + 1) * g.blocks];
        let sums = dot_row::<M, F, true, R>(m, row, &x);
        for (j, sum) in sums.iter().enumerate() {
            m.store(sum, g.c, (i + j) * g.n + r);
        }
    });
}
