//! A cache in q8_0 blocks: rows that become f32 when they are loaded, keys before queries of i8, and keys abreast.

use bytemuck::{Pod, Zeroable};
use half::f16;

use crate::attention_decode::Size;
use crate::attention_decode::blocks::{Asked, Rows, scale};
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::gemv_q8::blocks::{self, Madd};
use crate::input::Canary;
use crate::machine::Machine;

/// One head's keys or values, a row to a token.
#[derive(Clone, Copy)]
pub struct BlockRows<'a> {
    /// Rows of blocks, one after the other.
    pub data: &'a [BlockQ8_0],
    /// Blocks of a row.
    pub blocks: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a> Rows for BlockRows<'a> {
    type Row = &'a [BlockQ8_0];

    #[inline(always)]
    fn width(&self) -> usize {
        self.blocks * BLOCK_LEN
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }
    #[inline(always)]
    fn part(&self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.blocks..(first + count) * self.blocks], count, ..*self }
    }
    #[inline(always)]
    fn row(&self, t: usize) -> &'a [BlockQ8_0] {
        &self.data[t * self.blocks..(t + 1) * self.blocks]
    }
    // Two registers at most, sixteen lanes at most: of one block.
    #[inline(always)]
    fn load<M: Machine, const C: usize>(m: M, row: &'a [BlockQ8_0], c: usize) -> [M::F; C] {
        let block = &row[c / BLOCK_LEN];
        let d = m.load_f16_splat(&block.d);
        std::array::from_fn(|i| m.mul(&m.to_f32(&m.load_i8(&block.qs, c % BLOCK_LEN + i * m.lanes())), &d))
    }
}

/// Queries in blocks of i8.
#[derive(Clone, Copy)]
pub struct Queries<'a> {
    /// In -127..=127.
    pub quants: &'a [i8],
    /// Scale of each block.
    pub scales: &'a [f32],
}

impl<'a> Queries<'a> {
    /// Those of some heads.
    #[inline(always)]
    pub fn part(&self, size: &Size, heads: std::ops::Range<usize>) -> Queries<'a> {
        let blocks = size.width / BLOCK_LEN;
        Queries {
            quants: &self.quants[heads.start * size.width..heads.end * size.width],
            scales: &self.scales[heads.start * blocks..heads.end * blocks],
        }
    }
}

/// Queries before keys in rows: a block's products are summed as integers.
#[derive(Clone, Copy)]
pub struct IntegerDots<'a> {
    /// Queries.
    pub q: Queries<'a>,
    /// Keys.
    pub k: BlockRows<'a>,
}

impl Asked for IntegerDots<'_> {
    #[inline(always)]
    fn heads(&self) -> usize {
        self.q.scales.len() / self.k.blocks
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.k.count
    }
    #[inline(always)]
    fn part(&self, first: usize, count: usize) -> Self {
        Self { k: self.k.part(first, count), ..*self }
    }
    #[inline(always)]
    fn scores<M: Machine>(&self, m: M, factor: f32, scores: &mut [f32], apart: usize) {
        let (blocks, width, factor) = (self.k.blocks, self.k.width(), m.one().splat(factor));
        for h in 0..self.heads() {
            let (q, d) = (&self.q.quants[h * width..(h + 1) * width], &self.q.scales[h * blocks..(h + 1) * blocks]);
            let scores = &mut scores[h * apart..h * apart + self.k.count];
            let fours = m.steps(0, scores.len(), 4);
            let tail = fours.tail();
            for t in fours {
                blocks::rows::<M, Madd, 4>(m, &self.k.data[t * blocks..], q, d, &mut scores[t..t + 4]);
            }
            for t in tail..scores.len() {
                blocks::rows::<M, Madd, 1>(m, &self.k.data[t * blocks..], q, d, &mut scores[t..t + 1]);
            }
            scale(m, scores, &factor);
        }
    }
}

/// Tokens that lie abreast.
pub const TOKENS: usize = 16;

/// A block of each of sixteen tokens.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Group {
    /// Scales by token.
    pub d: [f16; TOKENS],
    /// Four quants of each token, then the next four.
    pub qs: [[u8; 4 * TOKENS]; BLOCK_LEN / 4],
}

impl Canary for Group {
    const VALUE: Self = Self { d: [f16::VALUE; TOKENS], qs: [[0xad; 4 * TOKENS]; BLOCK_LEN / 4] };
}

impl Group {
    /// Puts in the block of one token.
    pub fn put(&mut self, token: usize, block: &BlockQ8_0) {
        self.d[token] = block.d;
        for (qs, four) in self.qs.iter_mut().zip(block.qs.chunks_exact(4)) {
            qs[4 * token..4 * token + 4].copy_from_slice(bytemuck::cast_slice(four));
        }
    }

    /// Of one block of each token.
    pub fn interleave(tokens: &[BlockQ8_0; TOKENS]) -> Self {
        let byte = |c: usize, i: usize| tokens[i / 4].qs[4 * c + i % 4] as u8;
        Self { d: tokens.map(|token| token.d), qs: std::array::from_fn(|c| std::array::from_fn(|i| byte(c, i))) }
    }
}

/// Queries before keys in groups: for sixteen tokens the groups of their blocks, zeros beyond the last token.
#[derive(Clone, Copy)]
pub struct GroupDots<'a> {
    /// Queries.
    pub q: Queries<'a>,
    /// Keys.
    pub k: &'a [Group],
    /// Blocks of a key.
    pub blocks: usize,
    /// Number of keys.
    pub count: usize,
}

impl Asked for GroupDots<'_> {
    #[inline(always)]
    fn heads(&self) -> usize {
        self.q.scales.len() / self.blocks
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }
    /// Parts begin with a group.
    #[inline(always)]
    fn part(&self, first: usize, count: usize) -> Self {
        Self { k: &self.k[first / TOKENS * self.blocks..], count, ..*self }
    }
    /// `apart` is a multiple of sixteen.
    #[inline(always)]
    fn scores<M: Machine>(&self, m: M, factor: f32, scores: &mut [f32], apart: usize) {
        let heads = self.heads();
        for g in m.one().steps(0, self.count.div_ceil(TOKENS), 1) {
            let k = &self.k[g * self.blocks..(g + 1) * self.blocks];
            let scores = &mut scores[g * TOKENS..];
            let mut h = 0;
            while h + 6 <= heads {
                self.sixteen::<M, 6>(m, k, h, factor, &mut scores[h * apart..], apart);
                h += 6;
            }
            while h + 4 <= heads {
                self.sixteen::<M, 4>(m, k, h, factor, &mut scores[h * apart..], apart);
                h += 4;
            }
            for h in h..heads {
                self.sixteen::<M, 1>(m, k, h, factor, &mut scores[h * apart..], apart);
            }
        }
    }
}

impl GroupDots<'_> {
    /// The scores of `H` heads from head `h`, `apart` from one another, for sixteen tokens.
    #[inline(always)]
    fn sixteen<M: Machine, const H: usize>(
        &self,
        m: M,
        k: &[Group],
        h: usize,
        factor: f32,
        scores: &mut [f32],
        apart: usize,
    ) {
        let width = self.blocks * BLOCK_LEN;
        let quants: [&[i8]; H] = std::array::from_fn(|r| &self.q.quants[(h + r) * width..(h + r + 1) * width]);
        let scales: [&[f32]; H] = std::array::from_fn(|r| &self.q.scales[(h + r) * k.len()..(h + r + 1) * k.len()]);
        let factor = m.splat(factor);
        for first in (0..TOKENS).step_by(m.lanes()) {
            let mut sums = m.zeros::<H>();
            for b in m.steps(0, k.len(), 1) {
                let mut products: [M::I; H] = std::array::from_fn(|_| m.zero_i());
                for (c, four) in k[b].qs.iter().enumerate() {
                    let bytes = m.load_b(four, 4 * first);
                    for (products, quants) in products.iter_mut().zip(quants) {
                        *products = m.dot4_b(products, &bytes, &m.load_splat_b4(quants, b * BLOCK_LEN + 4 * c));
                    }
                }
                let d = m.load_f16(&k[b].d, first);
                for ((sum, products), scales) in sums.iter_mut().zip(&products).zip(scales) {
                    *sum = m.mul_add(&m.to_f32(products), &m.mul(&d, &m.load_splat(scales, b)), sum);
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                m.store(&m.mul(sum, &factor), scores, r * apart + first);
            }
        }
    }
}
