//! Attention over a block of tokens, for query heads that share a head of the cache: their scores, the exps, and the
//! weighted values. Both products are small matrix products.

use crate::exp::Exp;
use crate::gemv;
use crate::machine::{Machine, OneF, tasks};

/// Query heads that are done together: they share each load of the cache.
const TOGETHER: usize = 4;
/// Registers of a head's output that stay in place while tokens pass.
const COLUMNS: usize = 2;

/// Rows of a cache: one head's keys or values, `stride` apart.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// From the first row's first value.
    pub data: &'a [f32],
    /// Values from one row to the next.
    pub stride: usize,
    /// Values of a row.
    pub width: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn row(&self, t: usize) -> &'a [f32] {
        &self.data[t * self.stride..t * self.stride + self.width]
    }

    /// Rows `first..first + count`.
    pub fn part(&self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.stride..], count, ..*self }
    }
}

/// `scores[h * apart + t] = scale * q[h] · k[t]` for every head of `q`.
#[inline(always)]
pub fn scores<M: Machine>(m: M, q: &[f32], k: Rows<'_>, scale: f32, scores: &mut [f32], apart: usize) {
    let (one, heads) = (m.one(), q.len() / k.width);
    let scale = one.splat(scale);
    for t in one.steps(0, k.count, 1) {
        let row = k.row(t);
        let mut h = 0;
        while h + TOGETHER <= heads {
            let sums = dots::<M, TOGETHER>(m, &q[h * k.width..], row);
            for (i, sum) in sums.iter().enumerate() {
                one.store(&one.mul(sum, &scale), scores, (h + i) * apart + t);
            }
            h += TOGETHER;
        }
        for h in h..heads {
            let sum = gemv::dot::<M, f32, 2>(m, &q[h * k.width..(h + 1) * k.width], row);
            one.store(&one.mul(&sum, &scale), scores, h * apart + t);
        }
    }
}

/// The dot products of `R` rows of `a`, one after the other, with `b`.
#[inline(always)]
fn dots<M: Machine, const R: usize>(m: M, a: &[f32], b: &[f32]) -> [OneF<M>; R] {
    let width = b.len();
    let rows: [&[f32]; R] = std::array::from_fn(|r| &a[r * width..(r + 1) * width]);
    let mut sums = m.zeros::<R>();
    let main = m.steps(0, width, M::LANES);
    let tail = main.tail();
    for c in main {
        let b = m.load(b, c);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = m.mul_add(&m.load(row, c), &b, sum);
        }
    }
    let one = m.one();
    std::array::from_fn(|r| {
        let mut sum = m.sum(&sums[r]);
        for c in one.steps(tail, width, 1) {
            sum = one.mul_add(&one.load(rows[r], c), &one.load(b, c), &sum);
        }
        sum
    })
}

/// The largest of `x` and `top`.
#[inline(always)]
pub fn largest<M: Machine>(m: M, x: &[f32], top: f32) -> OneF<M> {
    let mut tops = m.splat(top);
    let main = m.steps(0, x.len(), M::LANES);
    let tail = main.tail();
    for t in main {
        tops = m.max(&m.load(x, t), &tops);
    }
    let one = m.one();
    let mut top = m.largest(&tops);
    for t in one.steps(tail, x.len(), 1) {
        top = one.max(&one.load(x, t), &top);
    }
    top
}

/// `x = e^(x - top)`; returns the sum.
#[inline(always)]
pub fn exps<M: Machine>(m: M, x: &mut [f32], top: &OneF<M>) -> OneF<M> {
    let (exp, tops) = (Exp::new(m), m.broadcast(top));
    let [mut sums] = m.zeros();
    let main = m.steps(0, x.len(), M::LANES);
    let tail = main.tail();
    for t in main {
        let e = exp.of(m, &m.sub(&m.load(x, t), &tops));
        m.store(&e, x, t);
        sums = m.add(&sums, &e);
    }
    let one = m.one();
    let mut sum = m.sum(&sums);
    if tail < x.len() {
        let exp = Exp::new(one);
        for t in one.steps(tail, x.len(), 1) {
            let e = exp.of(one, &one.sub(&one.load(x, t), top));
            one.store(&e, x, t);
            sum = one.add(&sum, &e);
        }
    }
    sum
}

/// `o[h] += sum over t of p[h * apart + t] v[t]` for every head of `o`.
#[inline(always)]
pub fn weigh<M: Machine>(m: M, p: &[f32], apart: usize, v: Rows<'_>, o: &mut [f32]) {
    let heads = o.len() / v.width;
    let mut h = 0;
    while h + TOGETHER <= heads {
        let o = &mut o[h * v.width..(h + TOGETHER) * v.width];
        weigh_heads::<M, TOGETHER>(m, &p[h * apart..], apart, v, o);
        h += TOGETHER;
    }
    for h in h..heads {
        weigh_heads::<M, 1>(m, &p[h * apart..], apart, v, &mut o[h * v.width..(h + 1) * v.width]);
    }
}

/// [`weigh`] for `R` heads.
#[inline(always)]
fn weigh_heads<M: Machine, const R: usize>(m: M, p: &[f32], apart: usize, v: Rows<'_>, o: &mut [f32]) {
    let (wide, width) = (COLUMNS * M::LANES, v.width);
    let mut c = 0;
    while c + wide <= width {
        columns::<M, R, COLUMNS>(m, p, apart, v, o, c);
        c += wide;
    }
    while c + M::LANES <= width {
        columns::<M, R, 1>(m, p, apart, v, o, c);
        c += M::LANES;
    }
    for c in c..width {
        columns::<M::One, R, 1>(m.one(), p, apart, v, o, c);
    }
}

/// `C` registers of the outputs of `R` heads, from column `c`.
#[inline(always)]
fn columns<M: Machine, const R: usize, const C: usize>(
    m: M,
    p: &[f32],
    apart: usize,
    v: Rows<'_>,
    o: &mut [f32],
    c: usize,
) {
    let mut sums = m.tile::<R, C>();
    for (r, sums) in sums.iter_mut().enumerate() {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = m.load(o, r * v.width + c + i * M::LANES);
        }
    }
    for t in m.steps(0, v.count, 1) {
        let row = v.row(t);
        let values: [M::F; C] = std::array::from_fn(|i| m.load(row, c + i * M::LANES));
        for (r, sums) in sums.iter_mut().enumerate() {
            let p = m.load_splat(p, r * apart + t);
            for (sum, value) in sums.iter_mut().zip(&values) {
                *sum = m.mul_add(&p, value, sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (i, sum) in sums.iter().enumerate() {
            m.store(sum, o, r * v.width + c + i * M::LANES);
        }
    }
}

/// `x *= scale`.
#[inline(always)]
pub fn scale<M: Machine>(m: M, x: &mut [f32], scale: &OneF<M>) {
    let wide = m.broadcast(scale);
    let main = m.steps(0, x.len(), M::LANES);
    let tail = main.tail();
    for c in main {
        m.store(&m.mul(&m.load(x, c), &wide), x, c);
    }
    let one = m.one();
    for c in one.steps(tail, x.len(), 1) {
        one.store(&one.mul(&one.load(x, c), scale), x, c);
    }
}

/// `x = 0`.
#[inline(always)]
pub fn clear<M: Machine>(m: M, x: &mut [f32]) {
    let [zero] = m.zeros();
    let main = m.steps(0, x.len(), M::LANES);
    let tail = main.tail();
    for c in main {
        m.store(&zero, x, c);
    }
    let one = m.one();
    let [zero] = one.zeros();
    for c in one.steps(tail, x.len(), 1) {
        one.store(&zero, x, c);
    }
}

/// Attention of heads that share a head of the cache, with room for the score of every token of each.
#[inline(always)]
pub fn attend<M: Machine>(m: M, q: &[f32], k: Rows<'_>, v: Rows<'_>, scale: f32, room: &mut [f32], o: &mut [f32]) {
    let (one, tokens, width) = (m.one(), k.count, k.width);
    scores(m, q, k, scale, room, tokens);
    clear(m, o);
    for h in 0..q.len() / width {
        let x = &mut room[h * tokens..(h + 1) * tokens];
        let top = largest(m, x, f32::MIN);
        let sum = exps(m, x, &top);
        self::scale(m, x, &one.div(&one.splat(1.0), &sum));
    }
    // Tokens in blocks: every column of a block's values finds it in the first cache.
    tasks!(m, tokens.div_ceil(BLOCK), 1, |block| {
        let first = block * BLOCK;
        weigh(m, &room[first..], tokens, v.part(first, BLOCK.min(tokens - first)), o);
    });
}

/// Tokens of a block: with a width of 128, 32 KiB of values.
pub const BLOCK: usize = 64;
