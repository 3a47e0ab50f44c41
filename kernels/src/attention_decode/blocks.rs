//! Attention over a block of tokens, for query heads that share a head of the cache: their scores, the exps, and the
//! weighted values. Both products are small matrix products.

use crate::exp::Exp;
use crate::gemv::Element;
use crate::machine::{Machine, OneF, tasks};

/// Registers of a head's output that stay in place while tokens pass.
const COLUMNS: usize = 2;

/// Rows of a cache: one head's keys or values, which become f32 when they are loaded.
pub trait Rows: Copy + Send + Sync {
    /// One row.
    type Row: Copy;
    /// Values of a row.
    fn width(&self) -> usize;
    /// Number of rows.
    fn count(&self) -> usize;
    /// Rows `first..first + count`.
    fn part(&self, first: usize, count: usize) -> Self;
    /// One of them.
    fn row(&self, t: usize) -> Self::Row;
    /// `C` registers of a row from column `c`, which is a multiple of them.
    fn load<M: Machine, const C: usize>(m: M, row: Self::Row, c: usize) -> [M::F; C];
}

/// Rows of plain values, `stride` apart.
#[derive(Clone, Copy)]
pub struct Plain<'a, E> {
    /// From the first row's first value.
    pub data: &'a [E],
    /// Values from one row to the next.
    pub stride: usize,
    /// Values of a row.
    pub width: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a, E: Element> Rows for Plain<'a, E> {
    type Row = &'a [E];

    #[inline(always)]
    fn width(&self) -> usize {
        self.width
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }
    #[inline(always)]
    fn part(&self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.stride..], count, ..*self }
    }
    #[inline(always)]
    fn row(&self, t: usize) -> &'a [E] {
        &self.data[t * self.stride..t * self.stride + self.width]
    }
    #[inline(always)]
    fn load<M: Machine, const C: usize>(m: M, row: &'a [E], c: usize) -> [M::F; C] {
        std::array::from_fn(|i| E::load(m, row, c + i * m.lanes()))
    }
}

/// Queries of heads that share a head of the cache, before its keys: what scores are made of.
pub trait Asked: Copy + Send + Sync {
    /// Number of query heads.
    fn heads(&self) -> usize;
    /// Number of keys.
    fn count(&self) -> usize;
    /// The same before keys `first..first + count`.
    fn part(&self, first: usize, count: usize) -> Self;
    /// `scores[h * apart + t] = scale * q[h] · k[t]`. May write up to `apart` scores of a head.
    fn scores<M: Machine>(&self, m: M, scale: f32, scores: &mut [f32], apart: usize);
}

/// Queries one after the other before keys that lie in rows.
#[derive(Clone, Copy)]
pub struct Dots<'a, R> {
    /// Queries, each as wide as a key.
    pub q: &'a [f32],
    /// Keys.
    pub k: R,
}

impl<R: Rows> Asked for Dots<'_, R> {
    #[inline(always)]
    fn heads(&self) -> usize {
        self.q.len() / self.k.width()
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.k.count()
    }
    #[inline(always)]
    fn part(&self, first: usize, count: usize) -> Self {
        Self { k: self.k.part(first, count), ..*self }
    }
    #[inline(always)]
    fn scores<M: Machine>(&self, m: M, scale: f32, scores: &mut [f32], apart: usize) {
        let (heads, width) = (self.heads(), self.k.width());
        for t in m.one().steps(0, self.k.count(), 1) {
            let row = self.k.row(t);
            let mut h = 0;
            while h + 4 <= heads {
                dots::<M, R, 4, 1>(m, &self.q[h * width..], width, row, scale, &mut scores[h * apart + t..], apart);
                h += 4;
            }
            for h in h..heads {
                dots::<M, R, 1, 2>(m, &self.q[h * width..], width, row, scale, &mut scores[h * apart + t..], apart);
            }
        }
    }
}

/// `out[r * apart] = scale * q[r] · key` for `H` queries, in `S` registers each.
#[inline(always)]
fn dots<M: Machine, R: Rows, const H: usize, const S: usize>(
    m: M,
    q: &[f32],
    width: usize,
    key: R::Row,
    scale: f32,
    out: &mut [f32],
    apart: usize,
) {
    let q: [&[f32]; H] = std::array::from_fn(|r| &q[r * width..(r + 1) * width]);
    let mut sums = m.tile::<H, S>();
    let main = m.steps(0, width, S * m.lanes());
    let tail = main.tail();
    for c in main {
        let key = R::load::<M, S>(m, key, c);
        for (sums, q) in sums.iter_mut().zip(q) {
            for (s, sum) in sums.iter_mut().enumerate() {
                *sum = m.mul_add(&m.load(q, c + s * m.lanes()), &key[s], sum);
            }
        }
    }
    let one = m.one();
    let scale = one.splat(scale);
    for (r, sums) in sums.iter().enumerate() {
        let [mut all] = m.zeros();
        for sum in sums {
            all = m.add(&all, sum);
        }
        let mut sum = m.sum(&all);
        for c in one.steps(tail, width, 1) {
            let [key] = R::load::<M::One, 1>(one, key, c);
            sum = one.mul_add(&one.load(q[r], c), &key, &sum);
        }
        one.store(&one.mul(&sum, &scale), out, r * apart);
    }
}

/// Tokens that lie abreast, and columns of a panel: a line of f32, a register of the widest.
pub const PANEL: usize = 16;

/// Queries one after the other before keys that lie abreast: panels of sixteen keys, column after column, the last panel
/// filled up with zeros. Scores are then sums of columns as outputs are sums of rows, and no register is summed across.
#[derive(Clone, Copy)]
pub struct Abreast<'a, E> {
    /// Queries, each `width` wide.
    pub q: &'a [f32],
    /// Keys, `width × PANEL` to a panel.
    pub k: &'a [E],
    /// Values of a key.
    pub width: usize,
    /// Number of keys.
    pub count: usize,
}

impl<E: Element> Asked for Abreast<'_, E> {
    #[inline(always)]
    fn heads(&self) -> usize {
        self.q.len() / self.width
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }
    /// Parts begin with a panel.
    #[inline(always)]
    fn part(&self, first: usize, count: usize) -> Self {
        Self { k: &self.k[first * self.width..], count, ..*self }
    }
    /// `apart` is a multiple of sixteen.
    #[inline(always)]
    fn scores<M: Machine>(&self, m: M, scale: f32, scores: &mut [f32], apart: usize) {
        let (heads, width, one) = (self.heads(), self.width, m.one());
        clear(m, &mut scores[..heads * apart]);
        for panel in one.steps(0, self.count.div_ceil(PANEL), 1) {
            let keys = &self.k[panel * width * PANEL..(panel + 1) * width * PANEL];
            let keys = Plain { data: keys, stride: PANEL, width: PANEL, count: width };
            weigh(m, heads, (self.q, width), keys, (&mut scores[panel * PANEL..], apart));
        }
        self::scale(m, &mut scores[..heads * apart], &one.splat(scale));
    }
}

/// What outputs are made of.
pub trait Values: Copy + Send + Sync {
    /// Values of an output.
    fn columns(&self) -> usize;
    /// Those of tokens `first..first + count`.
    fn slice(&self, first: usize, count: usize) -> Self;
    /// `o[h] += sum over t of p[h * apart + t] v[t]` for `heads` heads.
    fn weigh<M: Machine>(&self, m: M, heads: usize, p: &[f32], apart: usize, o: &mut [f32]);
}

impl<R: Rows> Values for R {
    #[inline(always)]
    fn columns(&self) -> usize {
        self.width()
    }
    #[inline(always)]
    fn slice(&self, first: usize, count: usize) -> Self {
        self.part(first, count)
    }
    #[inline(always)]
    fn weigh<M: Machine>(&self, m: M, heads: usize, p: &[f32], apart: usize, o: &mut [f32]) {
        weigh(m, heads, (p, apart), *self, (o, self.width()));
    }
}

/// Values in blocks of [`BLOCK`] tokens, the last filled up with zeros, and a block in panels of sixteen columns, token
/// after token, the last panel as narrow as what is left: each panel is read once, from its beginning to its end.
#[derive(Clone, Copy)]
pub struct Panels<'a, E> {
    /// From the first block on.
    pub data: &'a [E],
    /// Values of a token.
    pub width: usize,
    /// Number of tokens.
    pub count: usize,
}

impl<E: Element> Values for Panels<'_, E> {
    #[inline(always)]
    fn columns(&self) -> usize {
        self.width
    }
    /// Parts begin with a block.
    #[inline(always)]
    fn slice(&self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.width..], count, ..*self }
    }
    /// Of one block.
    #[inline(always)]
    fn weigh<M: Machine>(&self, m: M, heads: usize, p: &[f32], apart: usize, o: &mut [f32]) {
        for c in m.one().steps(0, self.width.next_multiple_of(PANEL), PANEL) {
            let width = PANEL.min(self.width - c);
            let panel =
                Plain { data: &self.data[c * BLOCK..(c + width) * BLOCK], stride: width, width, count: self.count };
            weigh(m, heads, (p, apart), panel, (&mut o[c..], self.width));
        }
    }
}

/// The largest of `x` and `top`.
#[inline(always)]
pub fn largest<M: Machine>(m: M, x: &[f32], top: f32) -> OneF<M> {
    let mut tops = m.splat(top);
    let main = m.steps(0, x.len(), m.lanes());
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
    let main = m.steps(0, x.len(), m.lanes());
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

/// `o[h * o_apart + c] += sum over t of p[h * apart + t] v[t][c]` for every head and column.
#[inline(always)]
pub fn weigh<M: Machine, R: Rows>(m: M, heads: usize, p: (&[f32], usize), v: R, o: (&mut [f32], usize)) {
    let (wide, width) = (COLUMNS * m.lanes(), v.width());
    let mut c = 0;
    while c + wide <= width {
        strip::<M, R, COLUMNS>(m, heads, p, v, (&mut *o.0, o.1), c);
        c += wide;
    }
    while c + m.lanes() <= width {
        strip::<M, R, 1>(m, heads, p, v, (&mut *o.0, o.1), c);
        c += m.lanes();
    }
    for c in c..width {
        for h in 0..heads {
            tile::<M::One, R, 1, 1>(m.one(), (&p.0[h * p.1..], p.1), v, (&mut o.0[h * o.1..], o.1), c);
        }
    }
}

/// `C` registers of every head's output, from column `c`: heads in tiles that share each load.
#[inline(always)]
fn strip<M: Machine, R: Rows, const C: usize>(
    m: M,
    heads: usize,
    (p, apart): (&[f32], usize),
    v: R,
    (o, o_apart): (&mut [f32], usize),
    c: usize,
) {
    let mut h = 0;
    while h + 6 <= heads {
        tile::<M, R, 6, C>(m, (&p[h * apart..], apart), v, (&mut o[h * o_apart..], o_apart), c);
        h += 6;
    }
    while h + 4 <= heads {
        tile::<M, R, 4, C>(m, (&p[h * apart..], apart), v, (&mut o[h * o_apart..], o_apart), c);
        h += 4;
    }
    for h in h..heads {
        tile::<M, R, 1, C>(m, (&p[h * apart..], apart), v, (&mut o[h * o_apart..], o_apart), c);
    }
}

/// `C` registers of the outputs of `H` heads, from column `c`.
#[inline(always)]
fn tile<M: Machine, R: Rows, const H: usize, const C: usize>(
    m: M,
    (p, apart): (&[f32], usize),
    v: R,
    (o, o_apart): (&mut [f32], usize),
    c: usize,
) {
    let mut sums = m.tile::<H, C>();
    for (h, sums) in sums.iter_mut().enumerate() {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = m.load(o, h * o_apart + c + i * m.lanes());
        }
    }
    let p: [&[f32]; H] = std::array::from_fn(|h| &p[h * apart..h * apart + v.count()]);
    for t in m.steps(0, v.count(), 1) {
        let values = R::load::<M, C>(m, v.row(t), c);
        for (p, sums) in p.iter().zip(&mut sums) {
            let p = m.load_splat(p, t);
            for (sum, value) in sums.iter_mut().zip(&values) {
                *sum = m.mul_add(&p, value, sum);
            }
        }
    }
    for (h, sums) in sums.iter().enumerate() {
        for (i, sum) in sums.iter().enumerate() {
            m.store(sum, o, h * o_apart + c + i * m.lanes());
        }
    }
}

/// `x *= scale`.
#[inline(always)]
pub fn scale<M: Machine>(m: M, x: &mut [f32], scale: &OneF<M>) {
    let wide = m.broadcast(scale);
    let main = m.steps(0, x.len(), m.lanes());
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
    let main = m.steps(0, x.len(), m.lanes());
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
pub fn attend<M: Machine>(m: M, asked: impl Asked, v: impl Values, scale: f32, room: &mut [f32], o: &mut [f32]) {
    let (one, tokens) = (m.one(), asked.count());
    asked.scores(m, scale, room, tokens);
    clear(m, o);
    for h in 0..asked.heads() {
        let x = &mut room[h * tokens..(h + 1) * tokens];
        let top = largest(m, x, f32::MIN);
        let sum = exps(m, x, &top);
        self::scale(m, x, &one.div(&one.splat(1.0), &sum));
    }
    // Tokens in blocks: every column of a block's values finds it in the first cache.
    tasks!(m, tokens.div_ceil(BLOCK), 1, |block| {
        let first = block * BLOCK;
        v.slice(first, BLOCK.min(tokens - first)).weigh(m, asked.heads(), &room[first..], tokens, o);
    });
}

/// Tokens of a block: with a width of 128, 32 KiB of values.
pub const BLOCK: usize = 64;
