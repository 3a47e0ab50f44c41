//! A latent cache in i8: each latent in runs of 128 values with one f32 scale, and the part of the key with the position in
//! bf16.

use half::bf16;

use crate::attention_decode::blocks::Rows;
use crate::machine::Machine;
use crate::mla_decode::{Latents, Size};

/// Values of a latent that share a scale.
pub const RUN: usize = 128;

/// The cache.
#[derive(Clone, Copy)]
pub struct QuantizedLatents<'a> {
    /// Sizes.
    pub size: Size,
    /// Quants of the latents in -127..=127, `tokens × latent`.
    pub quants: &'a [i8],
    /// Scales, `tokens × latent / 128`.
    pub scales: &'a [f32],
    /// What carries the position, `tokens × rope`.
    pub rope: &'a [bf16],
}

impl<'a> Latents for QuantizedLatents<'a> {
    type Keys = LatentRows<'a, true>;
    type Values = LatentRows<'a, false>;

    #[inline(always)]
    fn rows(&self) -> (LatentRows<'a, true>, LatentRows<'a, false>) {
        let count = self.size.tokens;
        (LatentRows { cache: *self, first: 0, count }, LatentRows { cache: *self, first: 0, count })
    }
}

/// Latents in the order of tokens, as keys with what carries the position behind them, or as values without.
#[derive(Clone, Copy)]
pub struct LatentRows<'a, const KEYS: bool> {
    cache: QuantizedLatents<'a>,
    first: usize,
    count: usize,
}

impl<'a, const KEYS: bool> Rows for LatentRows<'a, KEYS> {
    /// Quants, scales, and what carries the position.
    type Row = (&'a [i8], &'a [f32], &'a [bf16]);

    #[inline(always)]
    fn width(&self) -> usize {
        if KEYS { self.cache.size.row() } else { self.cache.size.latent }
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }
    #[inline(always)]
    fn part(&self, first: usize, count: usize) -> Self {
        Self { first: self.first + first, count, ..*self }
    }
    #[inline(always)]
    fn row(&self, t: usize) -> Self::Row {
        let (QuantizedLatents { size, quants, scales, rope }, t) = (self.cache, self.first + t);
        let runs = size.latent / RUN;
        (
            &quants[t * size.latent..(t + 1) * size.latent],
            &scales[t * runs..(t + 1) * runs],
            &rope[t * size.rope..(t + 1) * size.rope],
        )
    }
    // Registers are at most 32 values from a multiple of as many, so of one run or of none.
    #[inline(always)]
    fn load<M: Machine, const C: usize>(m: M, (quants, scales, rope): Self::Row, c: usize) -> [M::F; C] {
        if KEYS && c >= quants.len() {
            return std::array::from_fn(|i| m.load_bf16(rope, c - quants.len() + i * m.lanes()));
        }
        let scale = m.load_splat(scales, c / RUN);
        std::array::from_fn(|i| m.mul(&m.to_f32(&m.load_i8(quants, c + i * m.lanes())), &scale))
    }
}
