//! Tensors that are used as f32: norms, biases, and matrices that the kernels take in no other type.

use super::error::CoreError;
use crate::model::ModelFile;

/// A whole `rows × cols` tensor as f32.
pub(super) fn decode(file: &ModelFile, name: &str, (rows, cols): (usize, usize)) -> Result<Vec<f32>, CoreError> {
    let tensor = file.tensor(name)?;
    let info = tensor.info();
    if (info.rows, info.cols) != (rows, cols) {
        return Err(CoreError::size(file, name, (rows, cols), (info.rows, info.cols)));
    }
    let mut values = vec![0.0; rows * cols];
    for (row, out) in values.chunks_exact_mut(cols.max(1)).enumerate() {
        tensor.decode_row(row, out).ok_or_else(|| CoreError::dtype(file, name, info.dtype))?;
    }
    Ok(values)
}

/// A vector.
pub(super) fn vector(file: &ModelFile, name: &str, len: usize) -> Result<Vec<f32>, CoreError> {
    decode(file, name, (1, len))
}

/// True where the file has a tensor of this name.
pub(super) fn has(file: &ModelFile, name: &str) -> bool {
    file.tensors().iter().any(|tensor| tensor.name == name)
}
