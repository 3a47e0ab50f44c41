//! What can be wrong with a model file. Each message is one line: what, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::tensor::Dtype;

/// Why a model file, or a tensor of it, cannot be used.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The file cannot be opened or mapped.
    #[error("cannot open {}: {problem}", path.display())]
    Open {
        /// The file asked for.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The file is open, but its bytes are not a model that can be read.
    #[error("{}: {error}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong in it and at which byte.
        error: ParseError,
    },
    /// The parts of a split model do not fit together.
    #[error("{}: {problem}; fetch all parts of the model into one folder", path.display())]
    Split {
        /// The part.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A metadata value that is missing or makes no sense.
    #[error("{}: metadata key {key:?} {problem}; convert the model again", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A model of an architecture that the inference core does not have.
    #[error("{}: general.architecture is {name:?}; llama, qwen2 and deepseek2 are supported: choose another model", path.display())]
    Architecture {
        /// The file.
        path: PathBuf,
        /// What it says.
        name: String,
    },
    /// A tensor of other sizes than its model calls for.
    #[error("{}: tensor {name:?} is {found}, it should be {expected}; convert the model again", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its rows, columns and type.
        found: String,
        /// What they should be, and why.
        expected: String,
    },
    /// A tensor that the model's architecture has no use for here.
    #[error("{}: tensor {name:?} is not part of a {arch} model as supported here; without it the file would be another model: choose another file", path.display())]
    Extra {
        /// The file.
        path: PathBuf,
        /// Its architecture.
        arch: String,
        /// The tensor.
        name: String,
    },
    /// The file has no tensor of this name.
    #[error("{}: no tensor {name:?}; {}", path.display(), hint(close, *count))]
    NoTensor {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The names in the file that look most like it.
        close: Vec<String>,
        /// Tensors in the file.
        count: usize,
    },
    /// The tensor is there, in a type that kernels cannot take.
    #[error(
        "{}: tensor {name:?} is {dtype}; supported are {}: choose another tensor or convert the file",
        path.display(), Dtype::supported()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
    /// `FILE[:TENSOR]` without a file or without a name after the colon.
    #[error("weights {0:?} should be FILE or FILE:TENSOR, for example model.gguf:blk.0.ffn_down.weight")]
    Selector(String),
}

impl ModelError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file; check the path".into(),
            io::ErrorKind::PermissionDenied => "permission denied; make it readable for this user".into(),
            _ => format!("{error}; check that it is a readable local file"),
        };
        Self::open(path, problem)
    }

    pub(super) fn open(path: &Path, problem: impl Into<String>) -> Self {
        Self::Open { path: path.to_owned(), problem: problem.into() }
    }
}

fn hint(close: &[String], count: usize) -> String {
    match close {
        [] => "the file holds no tensors: choose another file".into(),
        _ => format!("closest of its {count}: {}", close.join(", ")),
    }
}

/// What is wrong in the bytes of a model file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParseError {
    /// Neither of the formats.
    #[error(
        "not a model file: it starts with {}; expected GGUF (bytes 47 47 55 46, \"GGUF\") or a llama2.c header, \
         but {why}",
        first_bytes(first)
    )]
    Unknown {
        /// The first bytes, at most 4.
        first: Vec<u8>,
        /// Why it is no llama2.c header.
        why: String,
    },
    /// The file ends inside something.
    #[error(
        "{what} at byte {offset} needs {needs} bytes, but {left} are left; the file is cut short or damaged: \
         fetch it again"
    )]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it starts.
        offset: usize,
        /// Bytes it needs, at least.
        needs: u64,
        /// Bytes from there to the end of the file.
        left: usize,
    },
    /// A value that the format forbids.
    #[error("byte {offset}: {problem}; the file is damaged or was written wrongly: fetch or convert it again")]
    Invalid {
        /// Where the value is.
        offset: usize,
        /// What it is and what the rule is.
        problem: String,
    },
    /// A llama2.c file whose size differs from what its header says.
    #[error(
        "the llama2.c v{version} header implies {expected} bytes, but the file has {actual}; it is cut short or not a \
         llama2.c file: fetch it again"
    )]
    Size {
        /// Of the format.
        version: u32,
        /// Bytes by the header.
        expected: u128,
        /// Bytes in the file.
        actual: usize,
    },
    /// llama2.c of a version that does not exist.
    #[error("llama2.c version {0} (byte 4) is not supported; versions 0, 1 and 2 are: export the file again")]
    Llama2cVersion(i32),
    /// GGUF of a version that is too old or too new.
    #[error("GGUF version {0} (byte 4) is not supported; versions 2 and 3 are: convert the file again")]
    GgufVersion(u32),
    /// GGUF for big-endian machines.
    #[error("big-endian GGUF (version field at byte 4) is not supported: convert the file to little endian")]
    GgufBigEndian,
    /// This machine is big-endian, the formats are little-endian and are not copied.
    #[error("model files are little-endian and used as they are, but this machine is big-endian: use another")]
    BigEndianHost,
}

fn first_bytes(first: &[u8]) -> String {
    if first.is_empty() {
        return "nothing (it is empty)".into();
    }
    let hex: Vec<_> = first.iter().map(|b| format!("{b:02x}")).collect();
    format!("bytes {} (\"{}\")", hex.join(" "), first.escape_ascii())
}
