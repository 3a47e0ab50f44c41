//! idea: tiles of k and n keep a block of B in the first cache while all rows of A pass over it

use super::{Args, Factor, Gemm};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct CacheTiles;

/// Rows of a block of B.
const K_TILE: usize = 32;
/// Columns of a block of B: with its rows 16 KiB, half of the usual first-level cache.
const N_TILE: usize = 128;

impl<E: Factor> Rung<Gemm<E>> for CacheTiles {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, E>) {
        tasks!(m, g.m, 1, |i| super::clear(m, &mut g.c[i * g.n..(i + 1) * g.n]));
        tasks!(m, g.n.div_ceil(N_TILE), 1, |jt| {
            let columns = jt * N_TILE..g.n.min((jt + 1) * N_TILE);
            tasks!(m, g.k.div_ceil(K_TILE), 1, |pt| {
                let rows = pt * K_TILE..g.k.min((pt + 1) * K_TILE);
                tasks!(m, g.m, 1, |i| {
                    let a = &g.a[i * g.k..(i + 1) * g.k];
                    let c = &mut g.c[i * g.n..(i + 1) * g.n][columns.clone()];
                    for p in m.one().steps(rows.start, rows.end, 1) {
                        super::add_scaled_row(m, a, p, &g.b[p * g.n..(p + 1) * g.n][columns.clone()], c);
                    }
                });
            });
        });
    }
}
