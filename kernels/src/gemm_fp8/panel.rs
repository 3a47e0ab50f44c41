//! idea: a panel of weights is decoded into the cache once for all rows of activations: pays with many, costs with one

use super::register_tile::{KC, Tiles, Weight, decode_row};
use super::{Args, BLOCK, GemmFp8};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Panel;

/// Columns of a panel: with the depth of a pass 64 KiB of f32.
pub(super) const COLUMNS: usize = 16;
/// Values of a panel.
pub(super) const VALUES: usize = COLUMNS * KC;

impl Rung<GemmFp8> for Panel {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        let (n, k) = (g.n, g.k);
        if g.c.is_empty() || k == 0 {
            return g.c.fill(0.0);
        }
        tasks!(m, g.m, 1, |i| {
            let scales = &g.a_scales[i * (k / BLOCK)..];
            decode_row(m, &g.a[i * k..(i + 1) * k], scales, &mut g.a_values[i * k..(i + 1) * k]);
        });
        let a = Decoded { values: g.a_values, rows: g.m, k };
        tasks!(m, n.div_ceil(COLUMNS), 1, |t| {
            let j = (t * COLUMNS, n.min((t + 1) * COLUMNS));
            panels(m, a, (g.w, g.w_scales), j, g.panels, ((n, 1), &mut g.c[j.0..]));
        });
    }
}

/// Activations decoded, `rows × k`.
#[derive(Clone, Copy)]
pub(super) struct Decoded<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub k: usize,
}

/// The product with columns `j`, no more than a panel's. `c` begins with the first of them, its rows and columns lie
/// `strides` apart.
#[inline(always)]
pub(super) fn panels<M: Machine>(
    m: M,
    a: Decoded<'_>,
    (w, scales): (&[u8], &[f32]),
    j: (usize, usize),
    panel: &mut [f32],
    (strides, c): ((usize, usize), &mut [f32]),
) {
    let k = a.k;
    let codes: &[i8] = bytemuck::cast_slice(w);
    tasks!(m, k.div_ceil(KC), 1, |pass| {
        let p = pass * KC;
        let depth = KC.min(k - p);
        let scales = &scales[j.0 / BLOCK * (k / BLOCK) + p / BLOCK..][..depth / BLOCK];
        let columns = j.1 - j.0;
        tasks!(m, columns, 1, |v| {
            let codes = &codes[(j.0 + v) * k + p..][..depth];
            let out = &mut panel[v * depth..(v + 1) * depth];
            for b in m.steps(0, depth / BLOCK, 1) {
                let scale = i8::scale(m, scales, b);
                for p in m.steps(b * BLOCK, (b + 1) * BLOCK, m.lanes()) {
                    m.store(&i8::load(m, codes, p, &scale), out, p);
                }
            }
        });
        let tiles = Tiles {
            a: &a.values[p..],
            a_stride: k,
            rows: a.rows,
            w: &*panel,
            w_stride: depth,
            columns,
            scales,
            strides,
            add: pass > 0,
        };
        tiles.run(m, c);
    });
}
