//! Weights of a case: seeded copies to rotate through, or a tensor of a mapped model file; and which activations are so
//! large that they are as cold as weights.

use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::input::{Buffer, Canary, Flavor, Input};
use crate::kernel::{Shape, ShapeError};
use crate::model::{Dtype, MappedTensor};

/// A tensor of a mapped model file, to be a kernel's weights instead of seeded ones.
#[derive(Clone, Debug)]
pub struct Source {
    tensor: MappedTensor,
    name: String,
}

impl Source {
    /// Names the shape after the file and the tensor: `stories260K/blk.0.attn_q.weight`, and after what is made of it
    /// where no kernel takes it as it is stored.
    pub fn new(tensor: MappedTensor) -> Self {
        let stem = tensor.file().path().file_stem().map_or("model".into(), |s| s.to_string_lossy().into_owned());
        let info = tensor.info();
        let widened = if info.dtype == Dtype::F16 { " (f16 as f32)" } else { "" };
        let name = format!("{stem}/{}{widened}", info.name);
        Self { tensor, name }
    }

    /// Name of the shape that the tensor makes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of `m` activations times this `[n, k]` tensor, where it is stored as `dtype` or, of f16, is widened to it.
    pub fn shape(&self, dtype: Dtype, m: usize) -> Option<Shape> {
        let info = self.tensor.info();
        let widened = (info.dtype, dtype) == (Dtype::F16, Dtype::F32);
        let fits = (info.dtype == dtype || widened) && info.rows > 1;
        fits.then(|| Shape { name: self.name.clone().into(), m, n: info.rows, k: info.cols, parts: 1, tour: false })
    }
}

/// An element that a model file may hold.
pub trait Stored: Canary {
    /// The tensor's values, where it holds this element.
    fn view(tensor: &MappedTensor) -> Option<&[Self]>;
}

impl Stored for f32 {
    fn view(tensor: &MappedTensor) -> Option<&[f32]> {
        tensor.as_f32()
    }
}

impl Stored for BlockQ8_0 {
    fn view(tensor: &MappedTensor) -> Option<&[BlockQ8_0]> {
        tensor.as_q8_0()
    }
}

enum Storage<T: Canary> {
    Owned(Buffer<T>),
    Mapped(MappedTensor),
}

/// A `rows × cols` operand that decode streams once per token.
pub struct Weights<T: Stored> {
    copies: Vec<Storage<T>>,
    current: usize,
}

impl Weights<f32> {
    /// f32 weights of `(rows, cols)`, seeded, in as many copies as the input asks for.
    pub fn f32(
        _kernel: &'static str,
        _shape: &Shape,
        (rows, cols): (usize, usize),
        input: &Input,
    ) -> Result<Self, ShapeError> {
        if let Some(mapped) = Self::mapped(input, rows * cols) {
            return Ok(mapped);
        }
        let widened = Self::widened(input, rows * cols);
        Ok(Self::copied(widened.unwrap_or_else(|| input.values(0, rows * cols, 1.0)), input))
    }

    /// The values of the input's tensor where that is one of f16 and of this length.
    fn widened(input: &Input, len: usize) -> Option<Buffer<f32>> {
        let values = input.weights.as_ref()?.tensor.as_f16().filter(|values| values.len() == len)?;
        Some(Buffer::filled(len, |i| values[i].to_f32()))
    }

    /// f32 weights of `(k, n)`: the transpose of a model's `[n, k]` tensor (a copy, made once), or seeded ones.
    pub fn f32_transposed((k, n): (usize, usize), input: &Input) -> Self {
        let (mapped, widened) = (Self::mapped(input, k * n), Self::widened(input, k * n));
        let Some(w) = mapped.as_ref().map(Self::as_slice).or(widened.as_ref().map(Buffer::as_slice)) else {
            return Self::copied(input.values(0, k * n, 1.0), input);
        };
        Self::copied(Buffer::filled(k * n, |i| w[(i % n) * k + i / n]), input)
    }
}

impl Weights<BlockQ8_0> {
    /// q8_0 weights of `(rows, cols)`: seeded f32 values, encoded, in as many copies as the input asks for.
    ///
    /// # Errors
    /// [`ShapeError`] when the columns do not split into whole blocks.
    pub fn q8_0(
        kernel: &'static str,
        shape: &Shape,
        (rows, cols): (usize, usize),
        input: &Input,
    ) -> Result<Self, ShapeError> {
        if !cols.is_multiple_of(BLOCK_LEN) {
            return Err(ShapeError {
                kernel,
                shape: format!("{} {rows}×{cols}", shape.name),
                reason: format!("k = {cols} is not a multiple of {BLOCK_LEN}, the weights of a q8_0 block"),
            });
        }
        let blocks = rows * cols / BLOCK_LEN;
        if let Some(mapped) = Self::mapped(input, blocks) {
            return Ok(mapped);
        }
        if input.flavor == Flavor::Blank {
            return Ok(Self::copied(Buffer::zeroed(blocks), input));
        }
        let values = input.values(0, rows * cols, 1.0);
        let (values, _) = values.as_slice().as_chunks::<BLOCK_LEN>();
        let first = Buffer::filled(blocks, |b| BlockQ8_0::encode(&values[b].map(within_f16_scales)));
        Ok(Self::copied(first, input))
    }
}

/// Adversarial f32 values beyond what a block's f16 scale holds go to its ends: huge ones to its largest scales, denormal
/// ones to its denormal scales.
fn within_f16_scales(x: f32) -> f32 {
    let x = if x.is_subnormal() { x * 2f32.powi(120) } else { x };
    x.clamp(-8e6, 8e6)
}

impl<T: Stored> Weights<T> {
    /// The input's tensor where it names one of this element and length. Nothing is copied.
    fn mapped(input: &Input, len: usize) -> Option<Self> {
        let tensor = &input.weights.as_ref()?.tensor;
        let fits = T::view(tensor).is_some_and(|values| values.len() == len);
        fits.then(|| Self { copies: vec![Storage::Mapped(tensor.clone())], current: 0 })
    }

    /// As many copies as the input asks for.
    fn copied(first: Buffer<T>, input: &Input) -> Self {
        let copies = input.rotation_bytes.div_ceil(size_of_val(first.as_slice()).max(1)).max(1);
        let mut all = vec![first];
        for _ in 1..copies {
            let again = Buffer::filled(all[0].as_slice().len(), |i| all[0].as_slice()[i]);
            all.push(again);
        }
        Self { copies: all.into_iter().map(Storage::Owned).collect(), current: 0 }
    }

    /// The copy in use.
    pub fn as_slice(&self) -> &[T] {
        self.slice_of(self.current)
    }

    fn slice_of(&self, copy: usize) -> &[T] {
        match &self.copies[copy] {
            Storage::Owned(buffer) => buffer.as_slice(),
            Storage::Mapped(tensor) => T::view(tensor).unwrap_or_default(),
        }
    }

    /// Moves to the next copy.
    pub fn rotate(&mut self) {
        self.current = (self.current + 1) % self.copies.len();
    }

    /// Bytes of all copies together.
    pub fn rotation_bytes(&self) -> usize {
        (0..self.copies.len()).map(|c| size_of_val(self.slice_of(c))).sum()
    }
}
