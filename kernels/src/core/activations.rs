//! Activations as weights of every kind meet them: f32, or i8 made once for all matrices that share them.

use half::bf16;

use super::matrix::shape;
use super::rungs::{Ladders, Watch};
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::gemv_packed::{GROUP_ROWS, Packed, X};
use crate::input::Buffer;
use crate::{gemm, gemm_packed, quantize_q8};

/// Activations of some tokens, `k` values each, and what products with weights of every kind need beside.
pub(super) struct Activations {
    /// Values of a token that are in use.
    k: usize,
    /// Tokens that are in use.
    tokens: usize,
    values: Buffer<f32>,
    quants: Buffer<i8>,
    scales: Buffer<f32>,
    sums: Buffer<f32>,
    rounded: Buffer<f32>,
    bf16: Buffer<bf16>,
    packed_a: Buffer<f32>,
    packed_b: Buffer<f32>,
    strips: Buffer<f32>,
    packed: Buffer<i8>,
    made: Made,
}

/// What the quants are good for: values that share a scale, and a sum; whether `rounded` has them as f32.
#[derive(Clone, Copy, Default, PartialEq)]
struct Made {
    block: usize,
    sub: usize,
    rounded: bool,
}

/// What a GEMM of blocks takes.
pub(super) struct ForGemm<'a> {
    pub(super) x: X<'a>,
    pub(super) values: &'a [f32],
    pub(super) strips: &'a mut [f32],
    pub(super) packed: &'a mut [i8],
}

impl Activations {
    /// Room for so many tokens of `k` values, before matrices of at most `n` rows.
    pub(super) fn room(tokens: usize, k: usize, n: usize) -> Self {
        let len = tokens * k;
        // Products of several tokens need more.
        let many = if tokens > 1 { tokens } else { 0 };
        let (mut a, mut b) = (0, 0);
        for rows in 2..=tokens {
            let (more_a, more_b) = gemm::scratch(rows, n, k);
            (a, b) = (a.max(more_a), b.max(more_b));
        }
        let packed = |rows: usize| {
            [
                gemm_packed::packed_bytes::<BlockQ8_0>(rows, k / 32),
                gemm_packed::packed_bytes::<BlockQ4_0>(rows, k / 32),
                gemm_packed::packed_bytes::<BlockQ4K>(rows, k / 256),
                gemm_packed::packed_bytes::<BlockQ6K>(rows, k / 256),
            ]
            .into_iter()
            .max()
            .unwrap_or(0)
        };
        Self {
            k,
            tokens: 1,
            values: Buffer::zeroed(len),
            quants: Buffer::zeroed(len),
            scales: Buffer::zeroed(len / BLOCK_LEN),
            sums: Buffer::zeroed(len / 16),
            rounded: Buffer::zeroed(len),
            bf16: Buffer::zeroed(many * k),
            packed_a: Buffer::zeroed(a),
            packed_b: Buffer::zeroed(b),
            strips: Buffer::zeroed(many * n.next_multiple_of(GROUP_ROWS)),
            packed: Buffer::zeroed(if many > 0 { packed(many) } else { 0 }),
            made: Made::default(),
        }
    }

    /// Tokens that are in use.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// The values of `tokens` tokens, `k` each, to be written.
    pub(super) fn write(&mut self, tokens: usize, k: usize) -> &mut [f32] {
        (self.tokens, self.k) = (tokens, k);
        self.made = Made::default();
        &mut self.values.as_mut_slice()[..tokens * k]
    }

    /// The values.
    pub(super) fn values(&self) -> &[f32] {
        &self.values.as_slice()[..self.tokens * self.k]
    }

    /// The values of token `t`.
    pub(super) fn token(&self, t: usize) -> &[f32] {
        &self.values()[t * self.k..(t + 1) * self.k]
    }

    /// Makes quants for blocks of `F`, and with `rounded` what they stand for as f32, where they are not yet made.
    /// There is no kernel for sums.
    pub(super) fn quantize<F: Packed>(&mut self, l: &Ladders, watch: &mut dyn Watch, rounded: bool) {
        let len = self.tokens * self.k;
        let (values, quants) = (&self.values.as_slice()[..len], &mut self.quants.as_mut_slice()[..len]);
        let scales = &mut self.scales.as_mut_slice()[..len / F::LEN];
        if self.made.block != F::LEN {
            let shape = shape(self.tokens, self.k, 1, 1);
            let args = quantize_q8::Args { x: values, quants, scales };
            if F::LEN == BLOCK_LEN {
                l.quantize.run(watch, &shape, args);
            } else {
                l.quantize_k.run(watch, &shape, args);
            }
            self.made = Made { block: F::LEN, ..Made::default() };
        }
        let quants = &self.quants.as_slice()[..len];
        if self.made.sub != F::SUB {
            let sums = self.sums.as_mut_slice().iter_mut();
            for (sum, quants) in sums.zip(quants.chunks_exact(F::SUB)) {
                *sum = quants.iter().map(|q| i32::from(*q)).sum::<i32>() as f32;
            }
            self.made.sub = F::SUB;
        }
        if rounded && !self.made.rounded {
            let out = self.rounded.as_mut_slice().chunks_exact_mut(F::LEN);
            for ((out, quants), d) in out.zip(quants.chunks_exact(F::LEN)).zip(self.scales.as_slice()) {
                out.iter_mut().zip(quants).for_each(|(out, q)| *out = d * f32::from(*q));
            }
            self.made.rounded = true;
        }
    }

    /// Token `t` in blocks of `F`.
    pub(super) fn blocks<F: Packed>(&self, t: usize) -> (X<'_>, &[f32]) {
        let of = |each: usize| t * (self.k / each)..(t + 1) * (self.k / each);
        let x = X {
            quants: &self.quants.as_slice()[of(1)],
            scales: &self.scales.as_slice()[of(F::LEN)],
            sums: &self.sums.as_slice()[of(F::SUB)],
        };
        (x, &self.rounded.as_slice()[of(1)])
    }

    pub(super) fn for_gemm<F: gemm_packed::Format>(&mut self, m: usize, n: usize, blocks: usize) -> ForGemm<'_> {
        let len = m * blocks * F::LEN;
        ForGemm {
            x: X {
                quants: &self.quants.as_slice()[..len],
                scales: &self.scales.as_slice()[..len / F::LEN],
                sums: &self.sums.as_slice()[..len / F::SUB],
            },
            values: &self.rounded.as_slice()[..len],
            strips: &mut self.strips.as_mut_slice()[..m * n.next_multiple_of(GROUP_ROWS)],
            packed: &mut self.packed.as_mut_slice()[..gemm_packed::packed_bytes::<F>(m, blocks)],
        }
    }

    pub(super) fn for_dense_gemm(&mut self, n: usize) -> (&[f32], &mut [f32], &mut [f32]) {
        let (a, b) = gemm::scratch(self.tokens, n, self.k);
        let x = &self.values.as_slice()[..self.tokens * self.k];
        (x, &mut self.packed_a.as_mut_slice()[..a], &mut self.packed_b.as_mut_slice()[..b])
    }

    /// A GEMM of bf16 takes both sides in it.
    pub(super) fn round_to_bf16(&mut self) {
        let values = self.values.as_slice()[..self.tokens * self.k].iter();
        self.bf16.as_mut_slice().iter_mut().zip(values).for_each(|(out, x)| *out = bf16::from_f32(*x));
    }

    pub(super) fn for_bf16_gemm(&mut self, n: usize) -> (&[bf16], &mut [f32], &mut [f32]) {
        let (a, b) = gemm::scratch(self.tokens, n, self.k);
        let x = &self.bf16.as_slice()[..self.tokens * self.k];
        (x, &mut self.packed_a.as_mut_slice()[..a], &mut self.packed_b.as_mut_slice()[..b])
    }
}
