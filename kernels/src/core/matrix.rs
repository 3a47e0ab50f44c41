//! Weight matrices of a model as kernels take them.

use std::ops::Range;
use std::sync::Arc;

use half::{bf16, f16};

use super::activations::Activations;
use super::error::CoreError;
use super::rungs::{Ladder, Ladders, Watch, reads_rows};
use super::tensors::decode;
use crate::dtype::Block;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q5_0::BlockQ5_0;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::gemv_packed::{Packed, X};
use crate::input::{Buffer, Input};
use crate::kernel::Shape;
use crate::model::{Dtype, MappedTensor, ModelFile};
use crate::weights::Stored;
use crate::{gemm, gemm_packed, gemv, gemv_packed, gemv_q8};

/// The sizes of a call; the name is only for people.
pub(super) fn shape(m: usize, n: usize, k: usize, parts: usize) -> Shape {
    Shape::new("core", m, n, k).parts(parts)
}

/// Tokens that pass together from which copies of weights in the order of GEMMs are worth making: about where one prompt alone
/// takes as long either way in f32 and bf16 (x86 with AVX-512, 28 million weights). Below, each token takes the products of
/// one, as do those of f16, which has no GEMM.
pub(super) const WORTH_A_COPY: usize = 24;

/// Whether a matrix of this type is held in another order beside its rows: as GEMMs of `prompts` read it, or as the rungs of
/// single tokens do that read rows interleaved.
pub(super) fn is_copied(dtype: Dtype, l: &Ladders, prompts: bool) -> bool {
    macro_rules! interleaved {
        ($ladder:ident) => {
            l.$ladder.any(|about| !reads_rows(about))
        };
    }
    match dtype {
        Dtype::F32 | Dtype::Bf16 => prompts,
        Dtype::Q8_0 => prompts && interleaved!(gemm_q8_0),
        Dtype::Q4_0 => interleaved!(gemv_q4_0) || prompts && interleaved!(gemm_q4_0),
        Dtype::Q4K => interleaved!(gemv_q4_k) || prompts && interleaved!(gemm_q4_k),
        Dtype::Q6K => interleaved!(gemv_q6_k) || prompts && interleaved!(gemm_q6_k),
        Dtype::F16 | Dtype::Q5_0 | Dtype::Tq1_0 | Dtype::Tq2_0 | Dtype::Q8Grouped(_) | Dtype::Other(_) => false,
    }
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
    /// The tensor of a name, `n × k`. `prompts`: it is to take so many tokens at once that a copy is worth it.
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

    /// A matrix made of values that no file has in this order.
    pub(super) fn made(rows: Buffer<f32>, (n, k): (usize, usize), prompts: bool) -> Self {
        let other = prompts.then(|| turned(rows.as_slice(), n, k));
        Self { n, k, weights: Weights::F32(Rows::Made(rows), other) }
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
                ($kind:ident, $rows:expr) => {{
                    let rows = $rows;
                    let copied = is_copied(Dtype::$kind, ladders, prompts);
                    let groups = copied.then(|| gemv_packed::groups(rows.as_slice(), n, &Input::typical(0)));
                    Weights::$kind(rows, groups)
                }};
            }
            let blocks = |len: usize| part * n * (k / len)..(part + 1) * n * (k / len);
            macro_rules! mapped {
                ($element:ty, $len:expr) => {
                    Rows::<$element>::Mapped(tensor.clone(), blocks($len))
                };
            }
            let weights = match dtype {
                Dtype::F32 => {
                    let rows = mapped!(f32, 1);
                    let other = prompts.then(|| turned(rows.as_slice(), n, k));
                    Weights::F32(rows, other)
                }
                Dtype::F16 => Weights::F16(mapped!(f16, 1)),
                Dtype::Bf16 => {
                    let rows = mapped!(bf16, 1);
                    let other = prompts.then(|| turned(rows.as_slice(), n, k));
                    Weights::Bf16(rows, other)
                }
                Dtype::Q8_0 => blocks!(Q8_0, mapped!(BlockQ8_0, BlockQ8_0::LEN)),
                Dtype::Q4_0 => blocks!(Q4_0, mapped!(BlockQ4_0, BlockQ4_0::LEN)),
                Dtype::Q4K => blocks!(Q4K, mapped!(BlockQ4K, BlockQ4K::LEN)),
                Dtype::Q6K => blocks!(Q6K, mapped!(BlockQ6K, BlockQ6K::LEN)),
                Dtype::Q5_0 => {
                    let narrow = &tensor.view::<BlockQ5_0>().unwrap_or_default()[blocks(BlockQ5_0::LEN)];
                    blocks!(Q8_0, Rows::Made(Buffer::filled(narrow.len(), |i| narrow[i].widened())))
                }
                Dtype::Tq1_0 | Dtype::Tq2_0 | Dtype::Q8Grouped(_) => {
                    let all = widened.get_or_insert_with(|| decode(file, name, (parts * n, k)));
                    let all = all.as_ref().map_err(|_| CoreError::dtype(file, name, dtype))?;
                    return Ok(Self::made(Buffer::filled(n * k, |i| all[part * n * k + i]), (n, k), prompts));
                }
                Dtype::Other(_) => return Err(CoreError::dtype(file, name, dtype)),
            };
            Ok(Self { n, k, weights })
        };
        (0..parts).map(one).collect()
    }

    /// What it is multiplied by.
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
        let (m, n) = (x.tokens(), self.n);
        let y = &mut y[..m * n];
        if m > 1 && self.takes_many(l, m) {
            return self.multiply_many(l, watch, x, y);
        }
        y.chunks_exact_mut(n.max(1)).enumerate().for_each(|(t, y)| self.multiply_one(l, watch, x, t, y));
    }

    /// Whether so many tokens have a product: the weights are there in the order that it reads.
    fn takes_many(&self, l: &Ladders, m: usize) -> bool {
        let shape = shape(m, self.n, self.k, 1);
        match &self.weights {
            Weights::F32(_, turned) => turned.is_some(),
            Weights::Bf16(_, turned) => turned.is_some(),
            Weights::F16(_) => false,
            Weights::Q8_0(_, groups) => groups.is_some() || reads_rows(l.gemm_q8_0.about(&shape)),
            Weights::Q4_0(_, groups) => groups.is_some() || reads_rows(l.gemm_q4_0.about(&shape)),
            Weights::Q4K(_, groups) => groups.is_some() || reads_rows(l.gemm_q4_k.about(&shape)),
            Weights::Q6K(_, groups) => groups.is_some() || reads_rows(l.gemm_q6_k.about(&shape)),
        }
    }

    /// Token `t` alone.
    fn multiply_one(&self, l: &Ladders, watch: &mut dyn Watch, x: &mut Activations, t: usize, y: &mut [f32]) {
        let shape = shape(1, self.n, self.k, 1);
        macro_rules! packed {
            ($ladder:ident, $block:ty, $rows:expr, $groups:expr) => {{
                x.quantize::<$block>(l, watch, l.$ladder.about(&shape).after.is_none());
                let (groups, x) = (groups($groups), x.blocks::<$block>(t));
                let args = gemv_packed::Args { w: $rows.as_slice(), groups, x: x.0, values: x.1, y };
                l.$ladder.run(watch, &shape, args)
            }};
        }
        match &self.weights {
            Weights::F32(rows, _) => dense(&l.gemv_f32, watch, &shape, rows.as_slice(), x.token(t), y),
            Weights::F16(rows) => dense(&l.gemv_f16, watch, &shape, rows.as_slice(), x.token(t), y),
            Weights::Bf16(rows, _) => dense(&l.gemv_bf16, watch, &shape, rows.as_slice(), x.token(t), y),
            Weights::Q8_0(rows, _) => {
                x.quantize::<BlockQ8_0>(l, watch, l.gemv_q8.about(&shape).after.is_none());
                let (X { quants: xq, scales: xd, .. }, values) = x.blocks::<BlockQ8_0>(t);
                l.gemv_q8.run(watch, &shape, gemv_q8::Args { w: rows.as_slice(), xq, xd, x: values, y });
            }
            Weights::Q4_0(rows, g) => packed!(gemv_q4_0, BlockQ4_0, rows, g),
            Weights::Q4K(rows, g) => packed!(gemv_q4_k, BlockQ4K, rows, g),
            Weights::Q6K(rows, g) => packed!(gemv_q6_k, BlockQ6K, rows, g),
        }
    }

    /// Several tokens.
    fn multiply_many(&self, l: &Ladders, watch: &mut dyn Watch, x: &mut Activations, y: &mut [f32]) {
        let (m, n, k) = (x.tokens(), self.n, self.k);
        let shape = shape(m, n, k, 1);
        macro_rules! packed {
            ($ladder:ident, $block:ty, $rows:expr, $groups:expr) => {{
                x.quantize::<$block>(l, watch, l.$ladder.about(&shape).after.is_none());
                let blocks = k / <$block as Block>::LEN;
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
            Weights::F16(_) => unreachable!("there is no GEMM of f16"),
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
    x: &[f32],
    y: &mut [f32],
) {
    ladder.run(watch, shape, gemv::Args { w, k: shape.k, x, y });
}
