//! A tensor of a model file: where it lies, and its bytes seen as numbers without a copy.

use std::fmt;
use std::sync::Arc;

use super::ModelFile;
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
    /// Blocks of 256 weights of 6 bits, see [`crate::dtype::q6_k`].
    Q6K,
    /// Blocks of 256 weights -1, 0 or 1, five to a byte, see [`crate::dtype::tq1_0`].
    Tq1_0,
    /// The same, four to a byte, see [`crate::dtype::tq2_0`].
    Tq2_0,
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
    const SUPPORTED: [Dtype; 9] =
        [Self::F32, Self::F16, Self::Bf16, Self::Q8_0, Self::Q4_0, Self::Q4K, Self::Q6K, Self::Tq1_0, Self::Tq2_0];

    /// Names of the types that kernels can take as weights, for messages.
    pub fn supported() -> String {
        Self::SUPPORTED.map(|dtype| dtype.to_string()).join(", ")
    }

    pub(super) fn from_ggml(id: u32) -> Self {
        Self::SUPPORTED.into_iter().find(|dtype| dtype.id() == id).unwrap_or(Self::Other(id))
    }

    /// Its number in a GGUF file.
    pub(super) fn id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
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
    pub(super) fn block(self) -> Option<(u64, u64)> {
        self.ggml().map(|&(_, _, weights, bytes)| (weights, bytes))
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
    /// Where it starts in the file.
    pub(super) offset: usize,
    /// Its size; `None` for a type number that is not known.
    pub(super) bytes: Option<usize>,
}

impl TensorInfo {
    /// Bytes it takes in the file; `None` for a type number that is not known.
    pub fn byte_len(&self) -> Option<usize> {
        self.bytes
    }

    /// Byte of the file at which it starts.
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

    /// The tensor, borrowed; `None` where its type's size is not known.
    pub fn tensor(&self) -> Option<Tensor<'_>> {
        Tensor::new(self.info(), self.file.bytes())
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
    fn mapped_tensors_go_to_other_threads() {
        fn assert_shared<T: Send + Sync + Clone + 'static>() {}
        assert_shared::<MappedTensor>();
    }
}
