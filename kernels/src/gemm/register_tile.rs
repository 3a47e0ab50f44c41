//! idea: a tile of C stays in registers while a block of k passes, so each load feeds several multiply-adds

use super::{Args, Factor, Gemm};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct RegisterTile;

/// Rows of a tile.
const MR: usize = 6;
/// Registers of a row of a tile: 12 accumulators, two of B and one of A fit the sixteen registers of SSE and AVX.
const NV: usize = 2;
/// Inner size of a block: its panel of B, two registers wide, stays in the first cache while all rows of A pass.
const KC: usize = 256;
/// Column panels after which the costs of neighbours repeat: they share the lines of B.
const PANELS_PER_PERIOD: usize = 32;

impl<E: Factor> Rung<Gemm<E>> for RegisterTile {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut g: Args<'_, E>) {
        let one = m.one();
        let wide = g.n / (NV * m.lanes());
        tasks!(m, g.k.div_ceil(KC).max(1), 1, |block| {
            let p = (block * KC, g.k.min((block + 1) * KC));
            tasks!(m, wide, PANELS_PER_PERIOD, |panel| column_panel::<M, E, NV>(m, &mut g, p, panel * NV * m.lanes()));
            let ragged = g.n - wide * NV * m.lanes();
            tasks!(one, ragged, 1, |j| column_panel::<M::One, E, 1>(one, &mut g, p, wide * NV * m.lanes() + j));
        });
    }
}

/// Every row of `C` registers' worth of columns from `j`, over the block `p` of k.
#[inline(always)]
fn column_panel<M: Machine, E: Factor, const C: usize>(m: M, g: &mut Args<'_, E>, p: (usize, usize), j: usize) {
    tasks!(m, g.m / MR, 1, |t| tile::<M, E, MR, C>(m, g, p, t * MR, j));
    let first = g.m - g.m % MR;
    tasks!(m, g.m % MR, 1, |r| tile::<M, E, 1, C>(m, g, p, first + r, j));
}

/// `R` rows from `i` by `C` registers from `j`, over the block `p` of k: the first block sets C, the others add to it.
#[inline(always)]
fn tile<M: Machine, E: Factor, const R: usize, const C: usize>(
    m: M,
    g: &mut Args<'_, E>,
    (start, end): (usize, usize),
    i: usize,
    j: usize,
) {
    let mut acc = m.tile::<R, C>();
    let a: [&[E]; R] = std::array::from_fn(|r| &g.a[(i + r) * g.k..(i + r + 1) * g.k]);
    for p in m.steps(start, end, 1) {
        let row = &g.b[p * g.n + j..p * g.n + j + C * m.lanes()];
        let b: [M::F; C] = std::array::from_fn(|v| E::load(m, row, v * m.lanes()));
        for (acc, a) in acc.iter_mut().zip(a) {
            let scale = E::splat(m, a, p);
            for (acc, b) in acc.iter_mut().zip(&b) {
                *acc = m.mul_add(&scale, b, acc);
            }
        }
    }
    for (r, acc) in acc.iter().enumerate() {
        let at = (i + r) * g.n + j;
        super::put_row(m, acc, &mut g.c[at..at + C * m.lanes()], start > 0);
    }
}
