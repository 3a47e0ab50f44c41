//! A tensor of a model file: where it lies, and its bytes seen as numbers without a copy.

use std::fmt;
use std::sync::Arc;

use half::{bf16, f16};

use super::ModelFile;
use crate::dtype::Block;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q5_0::BlockQ5_0;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::dtype::tq1_0::BlockTq1_0;
use crate::dtype::tq2_0::BlockTq2_0;
use crate::weights::Stored;

/// How the weights of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// Blocks of 32 weights of 8 bits, see [`crate::dtype::q8_0`].
    Q8_0,
    /// Blocks of 32 weights of 4 bits, see [`crate::dtype::q4_0`].
    Q4_0,
    /// Blocks of 256 weights of 4 bits, see [`crate::dtype::q4_k`].
    Q4K,
    /// Blocks of 32 weights of 5 bits, see [`crate::dtype::q5_0`].
    Q5_0,
    /// Blocks of 256 weights of 6 bits, see [`crate::dtype::q6_k`].
    Q6K,
    /// Blocks of 256 weights -1, 0 or 1, five to a byte, see [`crate::dtype::tq1_0`].
    Tq1_0,
    /// The same, four to a byte, see [`crate::dtype::tq2_0`].
    Tq2_0,
    /// 8-bit weights of llama2.c, version 2: all of a tensor, then an f32 scale for so many of them; see [`Grouped`].
    Q8Grouped(u32),
    /// Another ggml type, by its number in a GGUF file. Listed, but not available as weights.
    Other(u32),
}

/// ggml types of GGUF files: number, name, weights per block, bytes per block. Source: ggml's ggml-common.h.
const GGML_TYPES: [(u32, &str, u64, u64); 32] = [
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
];

impl Dtype {
    /// Types that a kernel multiplies one token by; the core makes one of these of the others that it opens, see
    /// [`Dtype::multiplied`].
    pub const MULTIPLIED: [Dtype; 7] = [Self::F32, Self::F16, Self::Bf16, Self::Q8_0, Self::Q4_0, Self::Q4K, Self::Q6K];

    const SUPPORTED: [Dtype; 10] = {
        let [a, b, c, d, e, f, g] = Self::MULTIPLIED;
        [a, b, c, d, e, f, g, Self::Q5_0, Self::Tq1_0, Self::Tq2_0]
    };

    /// Names of the types that kernels can take as weights, for messages.
    pub fn supported() -> String {
        Self::SUPPORTED.map(|dtype| dtype.to_string()).join(", ")
    }

    /// The one that kernels take under ggml's name, in any case: `q4_k`.
    pub fn named(name: &str) -> Option<Self> {
        Self::SUPPORTED.into_iter().find(|dtype| dtype.to_string().eq_ignore_ascii_case(name))
    }

    pub(super) fn from_ggml(id: u32) -> Self {
        Self::SUPPORTED.into_iter().find(|dtype| dtype.id() == id).unwrap_or(Self::Other(id))
    }

    /// Its number in a GGUF file; of a type that GGUF does not have, one that ggml does not use.
    pub(super) fn id(self) -> u32 {
        match self {
            Self::Q8Grouped(_) => u32::MAX,
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q5_0 => 6,
            Self::Q8_0 => 8,
            Self::Q4K => 12,
            Self::Q6K => 14,
            Self::Bf16 => 30,
            Self::Tq1_0 => 34,
            Self::Tq2_0 => 35,
            Self::Other(id) => id,
        }
    }

    fn ggml(self) -> Option<&'static (u32, &'static str, u64, u64)> {
        let id = self.id();
        GGML_TYPES.iter().find(|row| row.0 == id)
    }

    /// Weights and bytes of one block; `None` for a type number that is not known.
    pub fn block(self) -> Option<(u64, u64)> {
        self.ggml().map(|&(_, _, weights, bytes)| (weights, bytes))
    }

    /// What rows of `cols` weights are stored as where this is asked for: where a row is no whole number of blocks, in
    /// smaller ones of a bit more, or in F16 where it is none of those either. Source: llama.cpp's `llama_tensor_get_type`.
    pub fn of_rows(self, cols: usize) -> Self {
        let whole = |dtype: &Self| dtype.block().is_some_and(|(weights, _)| cols.is_multiple_of(weights as usize));
        let smaller = if self == Self::Q4K { Self::Q5_0 } else { Self::Q8_0 };
        [self, smaller].into_iter().find(whole).unwrap_or(Self::F16)
    }

    /// What the core multiplies by where a file has this: itself, or what is made of it when the file is opened. None for
    /// types that cannot be weights.
    pub fn multiplied(self) -> Option<Self> {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 | Self::Q8_0 | Self::Q4_0 | Self::Q4K | Self::Q6K => Some(self),
            // The same values, see [`crate::dtype::q5_0`].
            Self::Q5_0 => Some(Self::Q8_0),
            Self::Tq1_0 | Self::Tq2_0 | Self::Q8Grouped(_) => Some(Self::F32),
            Self::Other(_) => None,
        }
    }

    /// Whether kernels can take it as weights.
    pub fn is_supported(self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl fmt::Display for Dtype {
    /// ggml's name of the type, as in `Q4_K`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ggml(), self) {
            (Some((_, name, ..)), _) => f.pad(name),
            (None, Self::Q8Grouped(group)) => f.pad(&format!("Q8 in groups of {group}")),
            (None, Self::Other(id)) => f.pad(&format!("ggml type {id}")),
            (None, _) => f.pad("unknown"),
        }
    }
}

/// A tensor as a matrix of `rows` rows of `cols` contiguous weights. A vector has one row; the outer dimensions of a
/// tensor of three or four are multiplied into `rows`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name in GGUF style, such as `blk.0.attn_q.weight`, whatever the file's format.
    pub name: String,
    /// How its weights are stored.
    pub dtype: Dtype,
    /// Rows (output features of a weight matrix).
    pub rows: usize,
    /// Weights per row (input features).
    pub cols: usize,
    /// Which of a split model's files it lies in.
    pub(super) part: usize,
    /// Where it starts in that file.
    pub(super) offset: usize,
    /// Its size; `None` for a type number that is not known.
    pub(super) bytes: Option<usize>,
}

impl TensorInfo {
    /// Bytes it takes in the file; `None` for a type number that is not known.
    pub fn byte_len(&self) -> Option<usize> {
        self.bytes
    }

    /// Byte of its file at which it starts.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// A tensor's weights, borrowed from the file's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    info: &'a TensorInfo,
    bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// `None` where the bytes do not contain the tensor.
    pub(super) fn new(info: &'a TensorInfo, file: &'a [u8]) -> Option<Self> {
        let bytes = file.get(info.offset..)?.get(..info.bytes?)?;
        Some(Self { info, bytes })
    }

    /// Name, type and sizes.
    pub fn info(&self) -> &'a TensorInfo {
        self.info
    }

    /// The weights as stored.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The weights, or blocks of them, each within one row; `None` unless they are stored as `T`.
    /// Mapped tensors are always aligned (pages, and the rules of the formats); bytes from elsewhere may not be.
    pub fn view<T: Stored>(&self) -> Option<&'a [T]> {
        if self.info.dtype != T::DTYPE {
            return None;
        }
        bytemuck::try_cast_slice(self.bytes).ok()
    }

    /// The weights where they are 8-bit ones of llama2.c.
    pub fn grouped(&self) -> Option<Grouped<'a>> {
        let Dtype::Q8Grouped(group) = self.info.dtype else { return None };
        let (quants, scales) = self.bytes.split_at_checked(self.info.rows.checked_mul(self.info.cols)?)?;
        let scales = bytemuck::try_cast_slice(scales).ok()?;
        Some(Grouped { quants: bytemuck::cast_slice(quants), scales, group: group as usize })
    }

    /// Writes row `row` in f32, exactly as stored: an embedding, say. `None`, and nothing written, where there is no such
    /// row, `values` is not as long as it, or kernels cannot take the type.
    pub fn decode_row(&self, row: usize, values: &mut [f32]) -> Option<()> {
        let cols = self.info.cols;
        if row >= self.info.rows || values.len() != cols {
            return None;
        }
        match self.info.dtype {
            Dtype::F32 => values.copy_from_slice(self.view::<f32>()?.get(row * cols..)?.get(..cols)?),
            Dtype::F16 => self.decode_each::<f16>(row, values, |v| v.to_f32())?,
            Dtype::Bf16 => self.decode_each::<bf16>(row, values, |v| v.to_f32())?,
            Dtype::Q8_0 => self.decode_blocks::<BlockQ8_0>(row, values)?,
            Dtype::Q4_0 => self.decode_blocks::<BlockQ4_0>(row, values)?,
            Dtype::Q4K => self.decode_blocks::<BlockQ4K>(row, values)?,
            Dtype::Q5_0 => self.decode_blocks::<BlockQ5_0>(row, values)?,
            Dtype::Q6K => self.decode_blocks::<BlockQ6K>(row, values)?,
            Dtype::Tq1_0 => self.decode_blocks::<BlockTq1_0>(row, values)?,
            Dtype::Tq2_0 => self.decode_blocks::<BlockTq2_0>(row, values)?,
            Dtype::Q8Grouped(_) => {
                let Grouped { quants, scales, group } = self.grouped()?;
                let quants = quants.get(row * cols..)?.get(..cols)?;
                let scales = scales.get(row * cols / group..)?.get(..cols / group)?;
                for ((values, quants), scale) in values.chunks_mut(group).zip(quants.chunks(group)).zip(scales) {
                    values.iter_mut().zip(quants).for_each(|(v, q)| *v = scale * f32::from(*q));
                }
            }
            Dtype::Other(_) => return None,
        }
        Some(())
    }

    fn decode_each<T: Stored>(&self, row: usize, values: &mut [f32], decode: impl Fn(T) -> f32) -> Option<()> {
        let stored = self.view::<T>()?.get(row * values.len()..)?.get(..values.len())?;
        values.iter_mut().zip(stored).for_each(|(value, stored)| *value = decode(*stored));
        Some(())
    }

    fn decode_blocks<B: Stored + Block>(&self, row: usize, values: &mut [f32]) -> Option<()> {
        let blocks = values.len() / B::LEN;
        let stored = self.view::<B>()?.get(row * blocks..)?.get(..blocks)?;
        values.chunks_exact_mut(B::LEN).zip(stored).for_each(|(values, block)| block.decode(values));
        Some(())
    }
}

/// Weights of llama2.c, version 2: weight `i` is `quants[i] * scales[i / group]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grouped<'a> {
    /// All quants, row by row.
    pub quants: &'a [i8],
    /// A scale for each group.
    pub scales: &'a [f32],
    /// Weights that share a scale; a row has whole groups.
    pub group: usize,
}

/// A tensor that keeps its file mapped: for weights that outlive a borrow or go to another thread. Cloning it copies no
/// weights. Made by [`ModelFile::mapped`].
#[derive(Clone, Debug)]
pub struct MappedTensor {
    pub(super) file: Arc<ModelFile>,
    pub(super) index: usize,
}

impl MappedTensor {
    /// Name, type and sizes.
    pub fn info(&self) -> &TensorInfo {
        &self.file.tensors()[self.index]
    }

    /// The file it lies in.
    pub fn file(&self) -> &Arc<ModelFile> {
        &self.file
    }

    /// The weights as stored.
    pub fn bytes(&self) -> &[u8] {
        self.tensor().map_or(&[], |t| t.bytes())
    }

    /// As [`Tensor::view`].
    pub fn view<T: Stored>(&self) -> Option<&[T]> {
        self.tensor()?.view()
    }

    /// The tensor, borrowed; always there.
    pub fn tensor(&self) -> Option<Tensor<'_>> {
        Tensor::new(self.info(), self.file.part_of(self.info()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_ggml_names_and_sizes() {
        assert_eq!(Dtype::from_ggml(13), Dtype::Other(13));
        assert_eq!(Dtype::from_ggml(13).to_string(), "Q5_K");
        assert_eq!((Dtype::from_ggml(12), Dtype::from_ggml(12).to_string()), (Dtype::Q4K, "Q4_K".into()));
        assert_eq!(Dtype::from_ggml(8).block(), Some((32, 34)));
        assert_eq!((Dtype::from_ggml(99).to_string(), Dtype::from_ggml(99).block()), ("ggml type 99".into(), None));
        assert_eq!(format!("[{:>5}]", Dtype::F16), "[  F16]");
        for (id, name, weights, bytes) in GGML_TYPES {
            let dtype = Dtype::from_ggml(id);
            assert_eq!((dtype.id(), dtype.to_string(), dtype.block()), (id, name.into(), Some((weights, bytes))));
        }
    }

    #[test]
    fn what_the_core_multiplies_by_is_among_what_kernels_take() {
        for dtype in Dtype::SUPPORTED.into_iter().chain([Dtype::Q8Grouped(64)]) {
            let multiplied = dtype.multiplied().expect("supported");
            assert!(Dtype::MULTIPLIED.contains(&multiplied), "{dtype}");
            assert_eq!(multiplied == dtype, Dtype::MULTIPLIED.contains(&dtype), "{dtype}");
        }
        assert_eq!(Dtype::Other(13).multiplied(), None);
    }

    /// V2-Lite's experts are 1408 wide inside: in llama.cpp's files what would be Q4_K is Q5_0 there, and Q6_K is Q8_0.
    #[test]
    fn rows_that_are_no_whole_blocks_fall_back_as_llama_cpp_has_them() {
        let of = |cols: usize| Dtype::MULTIPLIED.map(|dtype| dtype.of_rows(cols));
        let [f32, f16, bf16, q8, q4, q4k, q6k] = Dtype::MULTIPLIED;
        assert_eq!(of(2048), Dtype::MULTIPLIED);
        assert_eq!(of(1408), [f32, f16, bf16, q8, q4, Dtype::Q5_0, q8]);
        assert_eq!(of(48), [f32, f16, bf16, f16, f16, f16, f16]);
        assert!(q4k.block() == Some((256, 144)) && q6k.block() == Some((256, 210)));
    }

    #[test]
    fn mapped_tensors_go_to_other_threads() {
        fn assert_shared<T: Send + Sync + Clone + 'static>() {}
        assert_shared::<MappedTensor>();
    }
}
