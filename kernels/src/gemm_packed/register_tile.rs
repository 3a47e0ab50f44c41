//! idea: four rows of A meet each register of weights while it is there: one load and one unpacking for four dots

use std::ops::Range;

use super::{Args, Format, GROUP_ROWS, GemmPacked, TILE_ROWS, group_period};
use crate::gemv_packed::X;
use crate::gemv_packed::interleaved::{dot_groups, put_sixteen};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct RegisterTile;

impl<F: Format> Rung<GemmPacked<F>> for RegisterTile {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, F>) {
        tasks!(m, g.n.div_ceil(GROUP_ROWS), group_period::<F>(g.blocks), |t| {
            let groups = &g.groups[t * g.blocks..(t + 1) * g.blocks];
            let columns = t * GROUP_ROWS..g.n.min((t + 1) * GROUP_ROWS);
            every_row::<M, F>(m, groups, g.x, g.m, g.c, (g.n, columns));
        });
    }
}

/// All rows of sixteen columns or fewer; `c` has rows of `n` values.
#[inline(always)]
pub(super) fn every_row<M: Machine, F: Format>(
    m: M,
    groups: &[F::Group],
    x: X<'_>,
    rows: usize,
    c: &mut [f32],
    (n, columns): (usize, Range<usize>),
) {
    let mut out = Out { c, n, columns };
    tasks!(m, rows / TILE_ROWS, 1, |t| tile::<M, F, TILE_ROWS>(m, groups, x, t * TILE_ROWS, &mut out));
    let mut i = rows - rows % TILE_ROWS;
    if rows - i >= 2 {
        tile::<M, F, 2>(m, groups, x, i, &mut out);
        i += 2;
    }
    if rows > i {
        tile::<M, F, 1>(m, groups, x, i, &mut out);
    }
}

/// Where a tile goes: some columns of rows of `n` values.
struct Out<'a> {
    c: &'a mut [f32],
    n: usize,
    columns: Range<usize>,
}

/// `R` rows from `i`.
#[inline(always)]
fn tile<M: Machine, F: Format, const R: usize>(m: M, groups: &[F::Group], x: X<'_>, i: usize, out: &mut Out<'_>) {
    let sums = dot_groups::<M, F, R>(m, groups, &x.rows::<F, R>(i, groups.len()));
    for (sums, c) in sums.iter().zip(out.c[i * out.n..].chunks_mut(out.n)) {
        put_sixteen(m, sums, &mut c[out.columns.clone()]);
    }
}
