//! Tensors that are used once a token or less as f32: embeddings, norms, biases. No kernel decodes a row.

use half::{bf16, f16};

use super::error::CoreError;
use crate::dtype::Block;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::model::{Dtype, ModelFile, Tensor};
use crate::weights::Stored;

/// Row `row` of a tensor as f32. False for types that nothing here decodes.
pub(super) fn decode_row(tensor: &Tensor<'_>, row: usize, out: &mut [f32]) -> bool {
    fn part<'a, T: Stored>(tensor: &Tensor<'a>, row: usize, of: usize) -> &'a [T] {
        &tensor.view().unwrap_or_default()[row * of..(row + 1) * of]
    }
    fn blocks<B: Block + Stored>(tensor: &Tensor<'_>, row: usize, out: &mut [f32]) {
        let of = out.len() / B::LEN;
        for (block, out) in part::<B>(tensor, row, of).iter().zip(out.chunks_exact_mut(B::LEN)) {
            block.decode(out);
        }
    }
    let cols = out.len();
    match tensor.info().dtype {
        Dtype::F32 => out.copy_from_slice(part(tensor, row, cols)),
        Dtype::F16 => out.iter_mut().zip(part::<f16>(tensor, row, cols)).for_each(|(out, w)| *out = w.to_f32()),
        Dtype::Bf16 => out.iter_mut().zip(part::<bf16>(tensor, row, cols)).for_each(|(out, w)| *out = w.to_f32()),
        Dtype::Q8_0 => blocks::<BlockQ8_0>(tensor, row, out),
        Dtype::Q4_0 => blocks::<BlockQ4_0>(tensor, row, out),
        Dtype::Q4K => blocks::<BlockQ4K>(tensor, row, out),
        Dtype::Q6K => blocks::<BlockQ6K>(tensor, row, out),
        Dtype::Tq1_0 | Dtype::Tq2_0 | Dtype::Other(_) => return false,
    }
    true
}

/// A whole `rows × cols` tensor as f32.
pub(super) fn decode(file: &ModelFile, name: &str, (rows, cols): (usize, usize)) -> Result<Vec<f32>, CoreError> {
    let tensor = file.tensor(name)?;
    let info = tensor.info();
    if (info.rows, info.cols) != (rows, cols) {
        return Err(CoreError::size(file, name, (rows, cols), (info.rows, info.cols)));
    }
    let mut values = vec![0.0; rows * cols];
    for (row, out) in values.chunks_exact_mut(cols.max(1)).enumerate() {
        if !decode_row(&tensor, row, out) {
            return Err(CoreError::dtype(file, name, info.dtype));
        }
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
