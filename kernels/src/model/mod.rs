//! Model files as the weights of kernels: opened through a memory map, so that nothing is copied, a file larger than
//! memory works, and a memory cap shows as page faults.
//!
//! - `map.rs` maps a file, `reader.rs` reads untrusted bytes, `gguf.rs` and `llama2c.rs` find the tensors in them
//! - `tensor.rs` shows a tensor as numbers, borrowed ([`Tensor`]) or owning its file ([`MappedTensor`])
//! - `selector.rs` is `FILE[:TENSOR]` of the command line, `error.rs` all that can be wrong
//! - `config.rs` is what else a model is, `published.rs` that of known ones, `step.rs` the kernels of one decode step
//! - `synthetic.rs` writes small valid files, for tests here and elsewhere
//!
//! Tensors have their GGUF names in both formats, and a tensor is always a matrix: rows of contiguous weights.

pub mod config;
mod error;
mod gguf;
mod llama2c;
mod map;
pub mod published;
mod reader;
mod selector;
pub mod step;
#[doc(hidden)]
pub mod synthetic;
mod tensor;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

pub use error::{ModelError, ParseError};
pub use map::map_range;
pub use selector::WeightsSelector;
pub use tensor::{Dtype, MappedTensor, Tensor, TensorInfo};

/// Names in the message about a tensor that is not there.
const CLOSE_NAMES: usize = 3;

/// What a model file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// llama2.c's `.bin`, version 0.
    Llama2c,
    /// GGUF, little endian.
    Gguf {
        /// 2 or 3.
        version: u32,
    },
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Llama2c => f.pad("llama2.c v0"),
            Self::Gguf { version } => f.pad(&format!("GGUF v{version}")),
        }
    }
}

/// A metadata value. Numbers are widened; of an array only the length is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer.
    U64(u64),
    /// Any signed integer.
    I64(i64),
    /// f32 or f64.
    F64(f64),
    /// Boolean.
    Bool(bool),
    /// Text; bytes that are not UTF-8 are replaced.
    Str(String),
    /// An array, such as the vocabulary.
    Array {
        /// Its items.
        len: u64,
    },
}

impl Value {
    /// The value if it is a non-negative integer.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U64(v) => Some(v),
            Self::I64(v) => u64::try_from(v).ok(),
            _ => None,
        }
    }

    /// The value if it is a float.
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::F64(v) = *self { Some(v) } else { None }
    }

    /// The value if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(v) = self { Some(v) } else { None }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(v) => v.fmt(f),
            Self::I64(v) => v.fmt(f),
            Self::F64(v) => v.fmt(f),
            Self::Bool(v) => v.fmt(f),
            Self::Str(v) => write!(f, "{v:?}"),
            Self::Array { len } => write!(f, "an array of {len}"),
        }
    }
}

/// What is where in the bytes of a model file. Every tensor of a known type has been checked to lie within them.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The format they are in.
    pub format: Format,
    /// All tensors; in the order of the file's table.
    pub tensors: Vec<TensorInfo>,
    /// Key-value pairs; for llama2.c its header under GGUF's keys.
    pub metadata: BTreeMap<String, Value>,
}

impl Layout {
    /// Finds the tensors in the bytes of a whole model file. The bytes are not trusted: this returns an error or a
    /// layout whose tensors lie within them, and never allocates more than a small multiple of their length.
    ///
    /// # Errors
    /// [`ParseError`], with the byte at which something is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if cfg!(target_endian = "big") {
            return Err(ParseError::BigEndianHost);
        }
        if bytes.starts_with(&gguf::MAGIC) { gguf::parse(bytes) } else { llama2c::parse(bytes) }
    }

    /// The tensor at `index`, in the bytes that were parsed. `None` where there is none, its type's size is not known,
    /// or the bytes are too few.
    pub fn view<'a>(&'a self, bytes: &'a [u8], index: usize) -> Option<Tensor<'a>> {
        Tensor::new(self.tensors.get(index)?, bytes)
    }
}

/// An open model file. Share it in an `Arc`; it stays mapped while any [`MappedTensor`] of it lives.
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    map: Mmap,
    layout: Layout,
}

impl ModelFile {
    /// Maps the file and finds its tensors. Reads only the pages that describe them.
    ///
    /// # Errors
    /// [`ModelError::Open`] when it cannot be mapped, [`ModelError::Parse`] when it is not a model that can be read.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let map = map::map(path)?;
        let layout = Layout::parse(&map).map_err(|error| ModelError::Parse { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), map, layout })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub fn format(&self) -> Format {
        self.layout.format
    }

    /// All tensors, including those of types that cannot be weights.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.layout.tensors
    }

    /// The metadata value of a key, such as `general.architecture`.
    pub fn metadata(&self, key: &str) -> Option<&Value> {
        self.layout.metadata.get(key)
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// The weights of a tensor.
    ///
    /// # Errors
    /// [`ModelError::NoTensor`], with the closest names, or [`ModelError::Unsupported`] for a type that kernels
    /// cannot take.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, ModelError> {
        self.find(name).map(|(_, tensor)| tensor)
    }

    /// The weights of a tensor, with a share in the file.
    ///
    /// # Errors
    /// As [`ModelFile::tensor`].
    pub fn mapped(self: &Arc<Self>, name: &str) -> Result<MappedTensor, ModelError> {
        let (index, _) = self.find(name)?;
        Ok(MappedTensor { file: Arc::clone(self), index })
    }

    fn find(&self, name: &str) -> Result<(usize, Tensor<'_>), ModelError> {
        let Some(index) = self.tensors().iter().position(|t| t.name == name) else {
            let close = close_names(self.tensors(), name);
            let count = self.tensors().len();
            return Err(ModelError::NoTensor { path: self.path.clone(), name: name.into(), close, count });
        };
        let dtype = self.tensors()[index].dtype;
        match self.layout.view(&self.map, index) {
            Some(tensor) if dtype.is_supported() => Ok((index, tensor)),
            _ => Err(ModelError::Unsupported { path: self.path.clone(), name: name.into(), dtype }),
        }
    }
}

/// The names most like `name`: first those that contain it, then by edit distance.
fn close_names(tensors: &[TensorInfo], name: &str) -> Vec<String> {
    let mut names: Vec<_> = tensors.iter().map(|t| t.name.as_str()).collect();
    names.sort_by_cached_key(|n| (!n.contains(name), edit_distance(n, name)));
    names.into_iter().take(CLOSE_NAMES).map(str::to_owned).collect()
}

/// Levenshtein distance of the first 128 characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(128).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
