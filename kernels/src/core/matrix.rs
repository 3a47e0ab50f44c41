//! Weight matrices of a model as kernels take them, and activations as they meet them: f32, or i8 made once for all
//! matrices that share them.

use std::ops::Range;
use std::sync::Arc;

use half::{bf16, f16};

use super::error::CoreError;
use super::rungs::{Ladder, Ladders, Watch, reads_rows};
use super::tensors::decode;
use crate::activations;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::gemv_packed::{GROUP_ROWS, Packed, X};
use crate::input::{Buffer, Input};
use crate::kernel::Shape;
use crate::model::{Dtype, MappedTensor, ModelFile};
use crate::weights::Stored;
use crate::{gemm, gemm_packed, gemv, gemv_packed, gemv_q8, quantize_q8_0};

/// The sizes of a call; the name is only for people.
pub(super) fn shape(m: usize, n: usize, k: usize, parts: usize) -> Shape {
    Shape::new("core", m, n, k).parts(parts)
}

/// Rows of weights.
enum Rows<T: Stored> {
    /// Some of a tensor of a mapped file.
    Mapped(MappedTensor, Range<usize>),
    /// Made of a tensor that no kernel takes.
    Made(Buffer<T>),
}

impl<T: Stored> Rows<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::Mapped(tensor, at) => tensor.view().map_or(&[], |all| &all[at.clone()]),
            Self::Made(rows) => rows.as_slice(),
        }
    }
}

/// A matrix of `n` rows of `k` weights.
pub(super) struct Matrix {
    pub(super) n: usize,
    pub(super) k: usize,
    weights: Weights,
}

/// By storage; beside the rows what GEMM, and rungs that read rows interleaved, have in another order.
enum Weights {
    F32(Rows<f32>, Option<Buffer<f32>>),
    F16(Rows<f16>),
    Bf16(Rows<bf16>, Option<Buffer<bf16>>),
    Q8_0(Rows<BlockQ8_0>, Option<Buffer<<BlockQ8_0 as Packed>::Group>>),
    Q4_0(Rows<BlockQ4_0>, Option<Buffer<<BlockQ4_0 as Packed>::Group>>),
    Q4K(Rows<BlockQ4K>, Option<Buffer<<BlockQ4K as Packed>::Group>>),
    Q6K(Rows<BlockQ6K>, Option<Buffer<<BlockQ6K as Packed>::Group>>),
}

/// `[n, k]` as `[k, n]`.
fn turned<T: Stored>(rows: &[T], n: usize, k: usize) -> Buffer<T> {
    Buffer::filled(n * k, |i| rows[i % n * k + i / n])
}

impl Matrix {
    /// The tensor of a name, `n × k`. `prompts`: it is to take several tokens at once too.
    pub(super) fn open(
        file: &Arc<ModelFile>,
        name: &str,
        (n, k): (usize, usize),
        ladders: &Ladders,
        prompts: bool,
    ) -> Result<Self, CoreError> {
        let mut all = Self::parts(file, name, 1, (n, k), ladders, prompts)?;
        Ok(all.remove(0))
    }

    /// A tensor of so many matrices of `n × k`, one after the other.
    pub(super) fn parts(
        file: &Arc<ModelFile>,
        name: &str,
        parts: usize,
        (n, k): (usize, usize),
        ladders: &Ladders,
        prompts: bool,
    ) -> Result<Vec<Self>, CoreError> {
        let tensor = file.mapped(name)?;
        let info = tensor.info();
        if (info.rows, info.cols) != (parts * n, k) {
            return Err(CoreError::size(file, name, (parts * n, k), (info.rows, info.cols)));
        }
        let dtype = info.dtype;
        let mut widened = None;
        let one = |part: usize| {
            macro_rules! blocks {
                ($kind:ident, $block:ty, $gemv_rows:expr, $gemm:ident) => {{
                    let of = n * (k / <$block as crate::dtype::Block>::LEN);
                    let rows = Rows::<$block>::Mapped(tensor.clone(), part * of..(part + 1) * of);
                    let interleaved = !$gemv_rows || prompts && ladders.$gemm.any(|about| !reads_rows(about));
                    let groups = interleaved.then(|| gemv_packed::groups(rows.as_slice(), n, &Input::typical(0)));
                    Weights::$kind(rows, groups)
                }};
            }
            macro_rules! dense {
                ($element:ty) => {
                    Rows::<$element>::Mapped(tensor.clone(), part * n * k..(part + 1) * n * k)
                };
            }
            let weights = match dtype {
                Dtype::F32 => {
                    let rows = dense!(f32);
                    let other = prompts.then(|| turned(rows.as_slice(), n, k));
                    Weights::F32(rows, other)
                }
                Dtype::F16 => Weights::F16(dense!(f16)),
                Dtype::Bf16 => {
                    let rows = dense!(bf16);
                    let other = prompts.then(|| turned(rows.as_slice(), n, k));
                    Weights::Bf16(rows, other)
                }
                Dtype::Q8_0 => blocks!(Q8_0, BlockQ8_0, true, gemm_q8_0),
                Dtype::Q4_0 => blocks!(Q4_0, BlockQ4_0, !ladders.gemv_q4_0.any(|a| !reads_rows(a)), gemm_q4_0),
                Dtype::Q4K => blocks!(Q4K, BlockQ4K, !ladders.gemv_q4_k.any(|a| !reads_rows(a)), gemm_q4_k),
                Dtype::Q6K => blocks!(Q6K, BlockQ6K, !ladders.gemv_q6_k.any(|a| !reads_rows(a)), gemm_q6_k),
                Dtype::Tq1_0 | Dtype::Tq2_0 | Dtype::Q8Grouped(_) => {
                    let all = widened.get_or_insert_with(|| decode(file, name, (parts * n, k)));
                    let all = all.as_ref().map_err(|_| CoreError::dtype(file, name, dtype))?;
                    let rows = Buffer::filled(n * k, |i| all[part * n * k + i]);
                    let other = prompts.then(|| turned(rows.as_slice(), n, k));
                    Weights::F32(Rows::Made(rows), other)
                }
                Dtype::Other(_) => return Err(CoreError::dtype(file, name, dtype)),
            };
            Ok(Self { n, k, weights })
        };
        (0..parts).map(one).collect()
    }

    /// How it is stored.
    pub(super) fn dtype(&self) -> Dtype {
        match self.weights {
            Weights::F32(..) => Dtype::F32,
            Weights::F16(..) => Dtype::F16,
            Weights::Bf16(..) => Dtype::Bf16,
            Weights::Q8_0(..) => Dtype::Q8_0,
            Weights::Q4_0(..) => Dtype::Q4_0,
            Weights::Q4K(..) => Dtype::Q4K,
            Weights::Q6K(..) => Dtype::Q6K,
        }
    }

    /// Its weights where they are stored as f32.
    pub(super) fn f32(&self) -> Option<&[f32]> {
        if let Weights::F32(rows, _) = &self.weights { Some(rows.as_slice()) } else { None }
    }

    /// The same for bf16.
    pub(super) fn bf16(&self) -> Option<&[bf16]> {
        if let Weights::Bf16(rows, _) = &self.weights { Some(rows.as_slice()) } else { None }
    }

    /// `y[m, n] = x[m, k] W[n, k]^T` for the `m` tokens of `x`.
    pub(super) fn multiply(&self, l: &Ladders, watch: &mut dyn Watch, x: &mut Activations, y: &mut [f32]) {
        let (m, n, k) = (x.tokens, self.n, self.k);
        let y = &mut y[..m * n];
        if m > 1 {
            return self.multiply_many(l, watch, x, y);
        }
        let shape = shape(1, n, k, 1);
        macro_rules! packed {
            ($ladder:ident, $block:ty, $rows:expr, $groups:expr) => {{
                x.quantize::<$block>(l, watch, l.$ladder.about(&shape).after.is_none());
                let (groups, x) = (groups($groups), x.blocks::<$block>());
                let args = gemv_packed::Args { w: $rows.as_slice(), groups, x: x.0, values: x.1, y };
                l.$ladder.run(watch, &shape, args)
            }};
        }
        match &self.weights {
            Weights::F32(rows, _) => dense(&l.gemv_f32, watch, &shape, rows.as_slice(), x, y),
            Weights::F16(rows) => dense(&l.gemv_f16, watch, &shape, rows.as_slice(), x, y),
            Weights::Bf16(rows, _) => dense(&l.gemv_bf16, watch, &shape, rows.as_slice(), x, y),
            Weights::Q8_0(rows, _) => {
                x.quantize::<BlockQ8_0>(l, watch, l.gemv_q8.about(&shape).after.is_none());
                let (X { quants: xq, scales: xd, .. }, values) = x.blocks::<BlockQ8_0>();
                l.gemv_q8.run(watch, &shape, gemv_q8::Args { w: rows.as_slice(), xq, xd, x: values, y });
            }
            Weights::Q4_0(rows, g) => packed!(gemv_q4_0, BlockQ4_0, rows, g),
            Weights::Q4K(rows, g) => packed!(gemv_q4_k, BlockQ4K, rows, g),
            Weights::Q6K(rows, g) => packed!(gemv_q6_k, BlockQ6K, rows, g),
        }
    }

    /// Several tokens. There is no GEMM of f16: its tokens go one by one.
    fn multiply_many(&self, l: &Ladders, watch: &mut dyn Watch, x: &mut Activations, y: &mut [f32]) {
        let (m, n, k) = (x.tokens, self.n, self.k);
        let shape = shape(m, n, k, 1);
        macro_rules! packed {
            ($ladder:ident, $block:ty, $rows:expr, $groups:expr) => {{
                x.quantize::<$block>(l, watch, l.$ladder.about(&shape).after.is_none());
                let blocks = k / <$block as crate::dtype::Block>::LEN;
                let x = x.for_gemm::<$block>(m, n, blocks);
                let args = gemm_packed::Args {
                    m,
                    n,
                    blocks,
                    w: $rows.as_slice(),
                    groups: groups($groups),
                    x: x.x,
                    values: x.values,
                    c: y,
                    strips: x.strips,
                    packed: x.packed,
                };
                l.$ladder.run(watch, &shape, args)
            }};
        }
        match &self.weights {
            Weights::F32(_, turned) => {
                let b = turned.as_ref().map_or(&[][..], Buffer::as_slice);
                let (a, packed_a, packed_b) = x.for_dense_gemm(n);
                l.gemm_f32.run(watch, &shape, gemm::Args { m, n, k, a, b, c: y, packed_a, packed_b });
            }
            Weights::Bf16(_, turned) => {
                let b = turned.as_ref().map_or(&[][..], Buffer::as_slice);
                x.round_to_bf16();
                let (a, packed_a, packed_b) = x.for_bf16_gemm(n);
                l.gemm_bf16.run(watch, &shape, gemm::Args { m, n, k, a, b, c: y, packed_a, packed_b });
            }
            Weights::F16(rows) => {
                let shape = self::shape(1, n, k, 1);
                for t in 0..m {
                    let (values, arranged) = x.token(t);
                    let y = &mut y[t * n..(t + 1) * n];
                    let args = gemv::Args { w: rows.as_slice(), k, x: values, y, arranged };
                    l.gemv_f16.run(watch, &shape, args);
                }
            }
            Weights::Q8_0(rows, g) => packed!(gemm_q8_0, BlockQ8_0, rows, g),
            Weights::Q4_0(rows, g) => packed!(gemm_q4_0, BlockQ4_0, rows, g),
            Weights::Q4K(rows, g) => packed!(gemm_q4_k, BlockQ4K, rows, g),
            Weights::Q6K(rows, g) => packed!(gemm_q6_k, BlockQ6K, rows, g),
        }
    }
}

fn groups<T: crate::input::Canary>(groups: &Option<Buffer<T>>) -> &[T] {
    groups.as_ref().map_or(&[], Buffer::as_slice)
}

fn dense<E: gemv::Element>(
    ladder: &Ladder<gemv::Gemv<E>>,
    watch: &mut dyn Watch,
    shape: &Shape,
    w: &[E],
    x: &mut Activations,
    y: &mut [f32],
) {
    let (values, arranged) = x.token(0);
    ladder.run(watch, shape, gemv::Args { w, k: shape.k, x: values, y, arranged });
}

/// Activations of some tokens, `k` values each, and what products with weights of every kind need beside.
pub(super) struct Activations {
    /// Values of a token that are in use.
    k: usize,
    /// Tokens that are in use.
    tokens: usize,
    values: Buffer<f32>,
    arranged: Buffer<f32>,
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
struct ForGemm<'a> {
    x: X<'a>,
    values: &'a [f32],
    strips: &'a mut [f32],
    packed: &'a mut [i8],
}

impl Activations {
    /// Room for so many tokens of `k` values, before matrices of at most `n` rows.
    pub(super) fn room(tokens: usize, k: usize, n: usize) -> Self {
        let len = tokens * k;
        // Products of several tokens need more.
        let many = if tokens > 1 { tokens } else { 0 };
        let (mut a, mut b) = (0, 0);
        for rows in if many > 0 { 2..=many } else { 1..=0 } {
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
            arranged: Buffer::zeroed(k.next_multiple_of(gemv::STEP)),
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

    fn token(&mut self, t: usize) -> (&[f32], &mut [f32]) {
        let arranged = &mut self.arranged.as_mut_slice()[..self.k.next_multiple_of(gemv::STEP)];
        (&self.values.as_slice()[t * self.k..(t + 1) * self.k], arranged)
    }

    /// Makes quants for blocks of `F`, and with `rounded` what they stand for as f32, where they are not yet made.
    /// Blocks of 32 are a kernel's; there is none for blocks of 256, nor for sums.
    fn quantize<F: Packed>(&mut self, l: &Ladders, watch: &mut dyn Watch, rounded: bool) {
        let len = self.tokens * self.k;
        let (values, quants) = (&self.values.as_slice()[..len], &mut self.quants.as_mut_slice()[..len]);
        let scales = &mut self.scales.as_mut_slice()[..len / F::LEN];
        if self.made.block != F::LEN {
            if F::LEN == BLOCK_LEN {
                let shape = shape(self.tokens, self.k, 1, 1);
                let args = quantize_q8_0::Args { x: values, quants, scales };
                l.quantize.run(watch, &shape, args);
            } else {
                activations::quantize(values, F::LEN, quants, scales);
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

    fn blocks<F: Packed>(&self) -> (X<'_>, &[f32]) {
        let len = self.tokens * self.k;
        let x = X {
            quants: &self.quants.as_slice()[..len],
            scales: &self.scales.as_slice()[..len / F::LEN],
            sums: &self.sums.as_slice()[..len / F::SUB],
        };
        (x, &self.rounded.as_slice()[..len])
    }

    fn for_gemm<F: gemm_packed::Format>(&mut self, m: usize, n: usize, blocks: usize) -> ForGemm<'_> {
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

    fn for_dense_gemm(&mut self, n: usize) -> (&[f32], &mut [f32], &mut [f32]) {
        let (a, b) = gemm::scratch(self.tokens, n, self.k);
        let x = &self.values.as_slice()[..self.tokens * self.k];
        (x, &mut self.packed_a.as_mut_slice()[..a], &mut self.packed_b.as_mut_slice()[..b])
    }

    /// A GEMM of bf16 takes both sides in it.
    fn round_to_bf16(&mut self) {
        let values = self.values.as_slice()[..self.tokens * self.k].iter();
        self.bf16.as_mut_slice().iter_mut().zip(values).for_each(|(out, x)| *out = bf16::from_f32(*x));
    }

    fn for_bf16_gemm(&mut self, n: usize) -> (&[bf16], &mut [f32], &mut [f32]) {
        let (a, b) = gemm::scratch(self.tokens, n, self.k);
        let x = &self.bf16.as_slice()[..self.tokens * self.k];
        (x, &mut self.packed_a.as_mut_slice()[..a], &mut self.packed_b.as_mut_slice()[..b])
    }
}
