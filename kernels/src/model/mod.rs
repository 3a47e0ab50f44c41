//! Model files as the weights of kernels: opened through a memory map, so that nothing is copied, a file larger than
//! memory works, and a memory cap shows as page faults.
//!
//! - `file.rs` is an open model, `map.rs` maps a file, `split.rs` finds the parts of a split one
//! - `reader.rs` reads untrusted bytes, `gguf.rs` and `llama2c.rs` find the tensors in them, `value.rs` is metadata
//! - `hyperparameters.rs` makes a [`config::Config`] of a file, `inventory.rs` lists the tensors that one calls for
//! - `tokenizer/` makes tokens of text and back
//! - `tensor.rs` shows a tensor as numbers, borrowed ([`Tensor`]) or owning its file ([`MappedTensor`])
//! - `selector.rs` is `FILE[:TENSOR]` of the command line, `error.rs` all that can be wrong
//! - `types.rs` says how each tensor is stored
//! - `config.rs` is what else a model is, `published.rs` that of known ones, `step.rs` the kernels of one decode step
//! - `write.rs` writes GGUF, `synth.rs` a model of any configuration with seeded weights, `synthetic.rs` small files for tests
//!
//! Tensors have their GGUF names in both formats, and a tensor is always a matrix: rows of contiguous weights.

pub mod config;
mod error;
mod file;
mod gguf;
mod hyperparameters;
pub mod inventory;
mod llama2c;
mod map;
pub mod published;
mod reader;
mod selector;
mod split;
pub mod step;
pub mod synth;
#[doc(hidden)]
pub mod synthetic;
mod tensor;
#[cfg(test)]
mod tests;
pub mod tokenizer;
mod types;
mod value;
pub mod write;

use std::collections::BTreeMap;
use std::fmt;

pub use error::{ModelError, ParseError};
pub use file::ModelFile;
pub use map::map_range;
pub use selector::WeightsSelector;
pub use tensor::{Dtype, Grouped, MappedTensor, Tensor, TensorInfo};
pub use types::Types;
pub use value::{Array, Numbers, Strings, Value};

/// What a model file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// llama2.c's `.bin`.
    Llama2c {
        /// 0, 1 or 2.
        version: u32,
    },
    /// GGUF, little endian.
    Gguf {
        /// 2 or 3.
        version: u32,
    },
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Llama2c { version } => f.pad(&format!("llama2.c v{version}")),
            Self::Gguf { version } => f.pad(&format!("GGUF v{version}")),
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
