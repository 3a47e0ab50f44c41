//! idea: blocks of A and B are first copied into padded panels in the order the tile reads them

use super::{Args, Factor, Gemm};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The blocking is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix
/// Multiplication" (2008), with the names of BLIS.
pub struct Packed;

/// Rows of a tile, and of a panel of A.
pub(super) const MR: usize = 6;
/// Registers of a row of a tile: 12 accumulators, two of B and one of A fit the sixteen registers of SSE and AVX.
pub(super) const NV: usize = 2;
/// Inner size of a block: a panel of B, `KC` by two registers, stays in the first cache.
pub(super) const KC: usize = 256;
/// Rows of a block of A: with `KC` 72 KiB, for the second cache.
pub(super) const MC: usize = 72;
/// Columns of a block of B: with `KC` 1 MiB, for the last cache.
pub(super) const NC: usize = 1024;
/// Column panels after which the costs of neighbours repeat: they share the lines of B and C.
const PANELS_PER_PERIOD: usize = 32;

impl<E: Factor> Rung<Gemm<E>> for Packed {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, E>) {
        packed_gemm::<M, E, MR>(m, g);
    }
}

/// The whole product with tiles of `R` rows by `NV` registers.
#[inline(always)]
pub(super) fn packed_gemm<M: Machine, E: Factor, const R: usize>(m: M, g: Args<'_, E>) {
    let nr = NV * m.lanes();
    let (size_m, n, k) = (g.m, g.n, g.k);
    tasks!(m, n.div_ceil(NC), 1, |jb| {
        let columns = (jb * NC, n.min((jb + 1) * NC));
        tasks!(m, k.div_ceil(KC).max(1), 1, |pb| {
            let inner = (pb * KC, k.min((pb + 1) * KC));
            let panel = (inner.1 - inner.0) * nr;
            tasks!(m, (columns.1 - columns.0).div_ceil(nr), PANELS_PER_PERIOD, |t| {
                let j = columns.0 + t * nr;
                pack_b_panel(m, g.b, n, inner, (j, n.min(j + nr)), &mut g.packed_b[t * panel..][..panel]);
            });
            tasks!(m, size_m.div_ceil(MC), 1, |ib| {
                let rows = (ib * MC, size_m.min((ib + 1) * MC));
                let c = &mut g.c[rows.0 * n..rows.1 * n];
                row_block::<M, E, R>(m, (g.a, k), rows, inner, (g.packed_b, columns), (c, n), g.packed_a);
            });
        });
    });
}

/// A block of rows: packs its block of A into `scratch`, then runs the tiles over the packed block of B.
/// `c` holds the block's rows of C.
#[inline(always)]
pub(super) fn row_block<M: Machine, E: Factor, const R: usize>(
    m: M,
    (a, k): (&[E], usize),
    rows: (usize, usize),
    inner: (usize, usize),
    (packed_b, columns): (&[f32], (usize, usize)),
    (c, n): (&mut [f32], usize),
    scratch: &mut [f32],
) {
    let nr = NV * m.lanes();
    let (height, depth) = (rows.1 - rows.0, inner.1 - inner.0);
    let panels = height.div_ceil(R);
    let (packed_a, edge) = scratch.split_at_mut(panels * R * depth);
    tasks!(m, panels, 1, |t| {
        let i = rows.0 + t * R;
        pack_a_panel::<M, E, R>(m, (a, k), (i, rows.1.min(i + R)), inner, &mut packed_a[t * R * depth..][..R * depth]);
    });
    tasks!(m, (columns.1 - columns.0).div_ceil(nr), PANELS_PER_PERIOD, |tj| {
        let b = &packed_b[tj * depth * nr..][..depth * nr];
        let j = columns.0 + tj * nr;
        let width = nr.min(columns.1 - j);
        tasks!(m, panels, 1, |ti| {
            let a = &packed_a[ti * R * depth..][..R * depth];
            let acc = tile::<M, R>(m, a, b);
            let (i, add) = (ti * R, inner.0 > 0);
            let whole = width == nr;
            for (r, acc) in acc.iter().enumerate().take(R.min(height - i)) {
                let out = &mut c[(i + r) * n + j..][..width];
                if whole {
                    super::put_row(m, acc, out, add);
                } else {
                    super::put_ragged_row(m, acc, out, add, edge);
                }
            }
        });
    });
}

/// `R` rows by `NV` registers of A B over a whole panel of each.
#[inline(always)]
fn tile<M: Machine, const R: usize>(m: M, a: &[f32], b: &[f32]) -> [[M::F; NV]; R] {
    let mut acc = m.tile::<R, NV>();
    let depth = a.len() / R;
    let columns = a.chunks_exact(R).zip(b.chunks_exact(NV * m.lanes()));
    for (_, (a, b)) in m.steps(0, depth, 1).zip(columns) {
        let b: [M::F; NV] = std::array::from_fn(|v| m.load(b, v * m.lanes()));
        for (r, acc) in acc.iter_mut().enumerate() {
            let scale = m.load_splat(a, r);
            for (acc, b) in acc.iter_mut().zip(&b) {
                *acc = m.mul_add(&scale, b, acc);
            }
        }
    }
    acc
}

/// Columns `j.0..j.1` of rows `p` of B as f32, row after row, padded with zeros to the panel's width: a weight that is
/// stored shorter is widened once for each block of k, not once for each row of A.
#[inline(always)]
pub(super) fn pack_b_panel<M: Machine, E: Factor>(
    m: M,
    b: &[E],
    n: usize,
    p: (usize, usize),
    j: (usize, usize),
    panel: &mut [f32],
) {
    let one = m.one();
    let [zero] = one.zeros();
    for (p, out) in m.steps(p.0, p.1, 1).zip(panel.chunks_exact_mut(NV * m.lanes())) {
        let row = &b[p * n + j.0..p * n + j.1];
        if row.len() == out.len() {
            for v in 0..NV {
                m.store(&E::load(m, row, v * m.lanes()), out, v * m.lanes());
            }
            continue;
        }
        for (x, out) in row.chunks_exact(1).zip(out.chunks_exact_mut(1)) {
            one.store(&E::load(one, x, 0), out, 0);
        }
        for out in out[row.len()..].chunks_exact_mut(1) {
            one.store(&zero, out, 0);
        }
    }
}

/// Rows `i.0..i.1` of columns `p` of A as f32, column after column, padded with zeros to `R` rows.
#[inline(always)]
fn pack_a_panel<M: Machine, E: Factor, const R: usize>(
    m: M,
    (a, k): (&[E], usize),
    i: (usize, usize),
    p: (usize, usize),
    panel: &mut [f32],
) {
    let one = m.one();
    let [zero] = one.zeros();
    let row: [&[E]; R] = std::array::from_fn(|r| if i.0 + r < i.1 { &a[(i.0 + r) * k..][p.0..p.1] } else { &[] });
    for (p, out) in one.steps(0, p.1 - p.0, 1).zip(panel.chunks_exact_mut(R)) {
        for (r, row) in row.iter().enumerate() {
            if i.0 + r < i.1 {
                one.store(&E::load(one, row, p), out, r);
            } else {
                one.store(&zero, out, r);
            }
        }
    }
}
