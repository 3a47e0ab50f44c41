//! Why a model cannot run, in one line: what, where, and what to do.

use std::path::PathBuf;

use super::rungs::RungsError;
use crate::model::{Dtype, ModelError, ModelFile};

/// Why a model cannot run.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The file cannot be read, or lacks a tensor.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The rungs asked for cannot be chosen.
    #[error(transparent)]
    Rungs(#[from] RungsError),
    /// A tensor has other sizes than the model's hyperparameters say.
    #[error("{}: tensor {name:?} is {}×{}, and the model's sizes make it {}×{}", path.display(), is.0, is.1, wanted.0, wanted.1)]
    Size {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Rows and columns by the hyperparameters.
        wanted: (usize, usize),
        /// Rows and columns in the file.
        is: (usize, usize),
    },
    /// No weights can be of this type.
    #[error("{}: tensor {name:?} is {dtype}; supported are {}: convert the file", path.display(), Dtype::supported())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
    },
    /// The model, or a wish for it, needs what no kernel does.
    #[error("no kernel for {0}")]
    NoKernel(String),
    /// More tokens than there is room for.
    #[error(
        "a text of {wanted} tokens: there is room for {room}, the model's context or what was asked for; shorten it"
    )]
    TooLong {
        /// Tokens of the text.
        wanted: usize,
        /// Tokens that fit.
        room: usize,
    },
    /// Not in the vocabulary.
    #[error("token {token} is not one of the model's {vocab}; is the tokenizer another model's?")]
    Token {
        /// The token.
        token: u32,
        /// Tokens of the vocabulary.
        vocab: usize,
    },
}

impl CoreError {
    pub(super) fn size(file: &ModelFile, name: &str, wanted: (usize, usize), is: (usize, usize)) -> Self {
        Self::Size { path: file.path().to_owned(), name: name.into(), wanted, is }
    }

    pub(super) fn dtype(file: &ModelFile, name: &str, dtype: Dtype) -> Self {
        Self::Dtype { path: file.path().to_owned(), name: name.into(), dtype }
    }
}
