//! idea: activations are decoded once; a weight decoded in a register meets four of their rows, its bias and scale in one

use super::bits::{BIAS, raw};
use super::{Args, BLOCK, GemmFp8};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. Sums stay in f32 over all of k, scaled from the start: what a processor that multiplies f32
/// gains by decoding to it.
pub struct RegisterTile;

/// Inner size of a pass: four rows of activations so long stay in the first cache.
pub(super) const KC: usize = 1024;
/// Weights come out so much too small, activations as much too large: bias and scale together would leave f32.
const SHIFT: f32 = f32::from_bits((127 + 60) << 23);

impl Rung<GemmFp8> for RegisterTile {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        let (n, k, blocks) = (g.n, g.k, g.blocks());
        if g.c.is_empty() || k == 0 {
            return g.c.fill(0.0);
        }
        decode_activations(m, g.a, g.a_scales, k, g.a_values);
        let codes: &[i8] = bytemuck::cast_slice(g.w);
        // A row alone leaves room for all of k, and a column is then read from end to end.
        let depth = if g.m < 4 { k } else { KC };
        tasks!(m, n.div_ceil(BLOCK), 1, |nb| {
            tasks!(m, k.div_ceil(depth), 1, |pass| {
                let (p, width) = (pass * depth, BLOCK.min(n - nb * BLOCK));
                let depth = depth.min(k - p);
                let tiles = Tiles {
                    a: &g.a_values[p..],
                    a_stride: k,
                    rows: g.m,
                    w: &codes[nb * BLOCK * k + p..],
                    w_stride: k,
                    columns: width,
                    scales: &g.w_scales[nb * blocks + p / BLOCK..][..depth / BLOCK],
                    strides: (n, 1),
                    add: pass > 0,
                };
                tiles.run(m, &mut g.c[nb * BLOCK..]);
            });
        });
    }
}

/// Every row of A as f32, scaled.
#[inline(always)]
fn decode_activations<M: Machine>(m: M, codes: &[u8], scales: &[f32], k: usize, values: &mut [f32]) {
    tasks!(m, values.len() / k, 1, |i| {
        decode_row(m, &codes[i * k..(i + 1) * k], &scales[i * (k / BLOCK)..], &mut values[i * k..(i + 1) * k]);
    });
}

/// A row of A as f32, scaled and [`SHIFT`] too large.
#[inline(always)]
pub(super) fn decode_row<M: Machine>(m: M, codes: &[u8], scales: &[f32], values: &mut [f32]) {
    let codes: &[i8] = bytemuck::cast_slice(codes);
    let (bias, shift) = (m.splat(BIAS), m.splat(SHIFT));
    for b in m.steps(0, codes.len() / BLOCK, 1) {
        let scale = m.mul(&m.load_splat(scales, b), &shift);
        for p in m.steps(b * BLOCK, (b + 1) * BLOCK, m.lanes()) {
            m.store(&m.mul(&m.mul(&raw(m, codes, p), &bias), &scale), values, p);
        }
    }
}

/// How weights lie that a tile reads.
pub(super) trait Weight: Sized {
    /// What a block's weights are multiplied with.
    fn scale<M: Machine>(m: M, scales: &[f32], b: usize) -> M::F;
    /// A register of them from `w[p..]`, scaled and [`SHIFT`] too small.
    fn load<M: Machine>(m: M, w: &[Self], p: usize, scale: &M::F) -> M::F;
}

/// As codes.
impl Weight for i8 {
    #[inline(always)]
    fn scale<M: Machine>(m: M, scales: &[f32], b: usize) -> M::F {
        m.mul(&m.load_splat(scales, b), &m.splat(BIAS / SHIFT))
    }
    #[inline(always)]
    fn load<M: Machine>(m: M, w: &[i8], p: usize, scale: &M::F) -> M::F {
        m.mul(&raw(m, w, p), scale)
    }
}

/// Decoded before.
impl Weight for f32 {
    #[inline(always)]
    fn scale<M: Machine>(m: M, _scales: &[f32], _b: usize) -> M::F {
        m.splat(1.0)
    }
    #[inline(always)]
    fn load<M: Machine>(m: M, w: &[f32], p: usize, _scale: &M::F) -> M::F {
        m.load(w, p)
    }
}

/// Rows of decoded activations by columns of weights that share their scales, over some of k.
#[derive(Clone, Copy)]
pub(super) struct Tiles<'a, W> {
    /// Activations from the first of k; rows lie `a_stride` apart.
    pub a: &'a [f32],
    pub a_stride: usize,
    pub rows: usize,
    /// Weights from the first of k; columns of the product lie `w_stride` apart.
    pub w: &'a [W],
    pub w_stride: usize,
    pub columns: usize,
    /// Scales of the blocks of k.
    pub scales: &'a [f32],
    /// How far apart rows and columns of the product lie.
    pub strides: (usize, usize),
    /// Whether the product adds to what is there.
    pub add: bool,
}

impl<W: Weight> Tiles<'_, W> {
    /// All of them: four rows by two columns, then what rows are left by two. More columns at once would be more streams of
    /// short rows than a prefetcher follows.
    #[inline(always)]
    pub(super) fn run<M: Machine>(&self, m: M, c: &mut [f32]) {
        let fours = self.rows / 4;
        tasks!(m, fours, 1, |t| self.row::<M, 4, 2>(m, 4 * t, c));
        tasks!(m, self.rows % 4, 1, |t| self.row::<M, 1, 2>(m, 4 * fours + t, c));
    }

    /// `R` rows from `i` by all columns, `C` at once.
    #[inline(always)]
    fn row<M: Machine, const R: usize, const C: usize>(&self, m: M, i: usize, c: &mut [f32]) {
        tasks!(m, self.columns / C, 16 / C, |t| self.tile::<M, R, C>(m, i, C * t, c));
        let first = self.columns - self.columns % C;
        tasks!(m, self.columns % C, 1, |t| self.tile::<M, R, 1>(m, i, first + t, c));
    }

    /// `R` rows from `i` by `C` columns from `j`.
    #[inline(always)]
    fn tile<M: Machine, const R: usize, const C: usize>(&self, m: M, i: usize, j: usize, c: &mut [f32]) {
        let depth = self.scales.len() * BLOCK;
        let a: [&[f32]; R] = std::array::from_fn(|r| &self.a[(i + r) * self.a_stride..][..depth]);
        let w: [&[W]; C] = std::array::from_fn(|v| &self.w[(j + v) * self.w_stride..][..depth]);
        let mut acc = m.tile::<R, C>();
        for b in m.steps(0, self.scales.len(), 1) {
            let scale = W::scale(m, self.scales, b);
            for p in m.steps(b * BLOCK, (b + 1) * BLOCK, m.lanes()) {
                let mut row: [M::F; C] = m.zeros();
                for (row, w) in row.iter_mut().zip(w) {
                    *row = W::load(m, w, p, &scale);
                }
                for (acc, a) in acc.iter_mut().zip(a) {
                    let x = m.load(a, p);
                    for (acc, w) in acc.iter_mut().zip(&row) {
                        *acc = m.mul_add(&x, w, acc);
                    }
                }
            }
        }
        let one = m.one();
        for (r, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate() {
                let at = (i + r) * self.strides.0 + (j + v) * self.strides.1;
                let sum = m.sum(acc);
                let sum = if self.add { one.add(&sum, &one.load(c, at)) } else { sum };
                one.store(&sum, c, at);
            }
        }
    }
}
