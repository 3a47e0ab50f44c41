//! Weights of a case: seeded copies to rotate through, or a tensor of a mapped model file; and which activations are so
//! large that they are as cold as weights.

use half::{bf16, f16};

use crate::dtype::Block;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q5_0::BlockQ5_0;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::dtype::tq1_0::BlockTq1_0;
use crate::dtype::tq2_0::BlockTq2_0;
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
    /// Named after the file and the tensor: `stories260K/blk.0.attn_q.weight`.
    pub fn new(tensor: MappedTensor) -> Self {
        let stem = tensor.file().path().file_stem().map_or("model".into(), |s| s.to_string_lossy().into_owned());
        let name = format!("{stem}/{}", tensor.info().name);
        Self { tensor, name }
    }

    /// File and tensor.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tensor and, through it, its file.
    pub fn tensor(&self) -> &MappedTensor {
        &self.tensor
    }

    /// The shape of `m` activations times this `[n, k]` tensor, where it is stored as `dtype` or, of f16, is widened to it;
    /// its name says which.
    pub fn shape(&self, dtype: Dtype, m: usize) -> Option<Shape> {
        let info = self.tensor.info();
        let widened = (info.dtype, dtype) == (Dtype::F16, Dtype::F32);
        let fits = (info.dtype == dtype || widened) && info.rows > 1;
        let name = if widened { format!("{} (f16 as f32)", self.name) } else { self.name.clone() };
        fits.then(|| Shape {
            name: name.into(),
            m,
            n: info.rows,
            k: info.cols,
            parts: 1,
            chosen: 0,
            tour: false,
            gpu_tour: false,
        })
    }
}

/// An element that a model file may hold.
pub trait Stored: Canary {
    /// What a file calls it.
    const DTYPE: Dtype;
}

macro_rules! stored {
    ($($element:ty => $dtype:ident),*) => {$(
        impl Stored for $element {
            const DTYPE: Dtype = Dtype::$dtype;
        }
    )*};
}
stored!(f32 => F32, f16 => F16, bf16 => Bf16, BlockQ8_0 => Q8_0, BlockQ4_0 => Q4_0, BlockQ4K => Q4K, BlockQ6K => Q6K);
stored!(BlockQ5_0 => Q5_0, BlockTq1_0 => Tq1_0, BlockTq2_0 => Tq2_0);

/// An operand that decode streams once per token, in as many copies as an input asks for.
pub struct Copies<T: Canary> {
    all: Vec<Buffer<T>>,
    current: usize,
}

impl<T: Canary> Copies<T> {
    /// As many copies of `first` as together reach the input's rotation.
    pub fn new(first: Buffer<T>, input: &Input) -> Self {
        let copies = input.rotation_bytes.div_ceil(size_of_val(first.as_slice()).max(1)).max(1);
        let mut all = vec![first];
        for _ in 1..copies {
            let mut again = Buffer::zeroed(all[0].as_slice().len());
            again.as_mut_slice().copy_from_slice(all[0].as_slice());
            all.push(again);
        }
        Self { all, current: 0 }
    }

    /// The copy in use.
    pub fn as_slice(&self) -> &[T] {
        self.all[self.current].as_slice()
    }

    /// The copy in use, for operands that a run adds to.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.all[self.current].as_mut_slice()
    }

    /// Moves to the next copy.
    pub fn rotate(&mut self) {
        self.current = (self.current + 1) % self.all.len();
    }

    /// Bytes of all copies together.
    pub fn bytes(&self) -> usize {
        self.all.iter().map(|copy| size_of_val(copy.as_slice())).sum()
    }
}

/// A `rows × cols` operand that decode streams once per token: copies to rotate through, or a tensor of a mapped file.
pub enum Weights<T: Stored> {
    /// Seeded, or made of a tensor of another type.
    Owned(Copies<T>),
    /// As the file has it.
    Mapped(MappedTensor),
}

impl<T: Stored> Weights<T> {
    /// Weights of `(rows, cols)`: the input's tensor where it holds this element, or seeded values, encoded one by one.
    pub fn dense((rows, cols): (usize, usize), input: &Input, encode: impl Fn(f32) -> T) -> Self {
        let len = rows * cols;
        if let Some(mapped) = Self::in_file(input, len) {
            return mapped;
        }
        Self::copied(filled(len, input, |i| i, encode), input)
    }

    /// Weights of `(k, n)`: the transpose of a model's `[n, k]` tensor (a copy, made once), or seeded values, encoded one by
    /// one.
    pub fn transposed((k, n): (usize, usize), input: &Input, encode: impl Fn(f32) -> T) -> Self {
        let turned = |i: usize| (i % n) * k + i / n;
        let first = match Self::in_file(input, k * n) {
            Some(mapped) => Buffer::filled(k * n, |i| mapped.as_slice()[turned(i)]),
            None => filled(k * n, input, turned, encode),
        };
        Self::copied(first, input)
    }
}

/// The input's tensor of f16 where it has one of this length, its value at `place(i)` in place `i`; or seeded values.
fn filled<T: Stored>(
    len: usize,
    input: &Input,
    place: impl Fn(usize) -> usize,
    encode: impl Fn(f32) -> T,
) -> Buffer<T> {
    match widened(input, len) {
        Some(values) => Buffer::filled(len, |i| encode(values[place(i)].to_f32())),
        None => input.encoded(0, len, 1.0, encode),
    }
}

/// The values of the input's tensor where that is one of f16 and of this length.
fn widened(input: &Input, len: usize) -> Option<&[f16]> {
    input.weights.as_ref()?.tensor.view::<f16>().filter(|values| values.len() == len)
}

impl<T: Stored + Block> Weights<T> {
    /// Block weights of `(rows, cols)`: the input's tensor where it holds this format, or seeded f32 values, encoded.
    ///
    /// # Errors
    /// [`ShapeError`] when the columns do not split into whole blocks.
    pub fn blocks(
        kernel: &'static str,
        shape: &Shape,
        (rows, cols): (usize, usize),
        input: &Input,
    ) -> Result<Self, ShapeError> {
        Self::blocks_within(kernel, shape, (rows, cols), input, T::LARGEST)
    }

    /// The same, seeded ones with values at most so large.
    ///
    /// # Errors
    /// As [`Weights::blocks`].
    pub fn blocks_within(
        kernel: &'static str,
        shape: &Shape,
        (rows, cols): (usize, usize),
        input: &Input,
        largest: f32,
    ) -> Result<Self, ShapeError> {
        if !cols.is_multiple_of(T::LEN) {
            return Err(ShapeError {
                kernel,
                shape: format!("{} {rows}×{cols}", shape.name),
                reason: format!("k = {cols} is not a multiple of {}, the weights of a {} block", T::LEN, T::NAME),
            });
        }
        let blocks = rows * cols / T::LEN;
        if let Some(mapped) = Self::in_file(input, blocks) {
            return Ok(mapped);
        }
        if input.flavor == Flavor::Blank {
            return Ok(Self::copied(Buffer::zeroed(blocks), input));
        }
        // Block by block: as f32 all of them would be eight times as large.
        let (mut values, mut block) = (input.drawn(0, 1.0), vec![0.0; T::LEN]);
        let next = |_| {
            block.iter_mut().zip(&mut values).for_each(|(v, drawn)| *v = within_f16_scales(drawn, largest));
            T::encode(&block)
        };
        Ok(Self::copied(Buffer::filled(blocks, next), input))
    }
}

/// Adversarial f32 values beyond what a block's f16 scale holds go to its ends: huge ones to its largest scales, denormal
/// ones to its denormal scales.
pub(crate) fn within_f16_scales(x: f32, largest: f32) -> f32 {
    let x = if x.is_subnormal() { x * 2f32.powi(120) } else { x };
    x.clamp(-largest, largest)
}

impl<T: Stored> Weights<T> {
    /// The input's tensor where it names one of this element and length. Nothing is copied.
    pub(crate) fn in_file(input: &Input, len: usize) -> Option<Self> {
        let tensor = &input.weights.as_ref()?.tensor;
        let fits = tensor.view::<T>().is_some_and(|values| values.len() == len);
        fits.then(|| Self::Mapped(tensor.clone()))
    }

    fn copied(first: Buffer<T>, input: &Input) -> Self {
        Self::Owned(Copies::new(first, input))
    }

    /// The copy in use.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::Owned(copies) => copies.as_slice(),
            Self::Mapped(tensor) => tensor.view().unwrap_or_default(),
        }
    }

    /// Moves to the next copy.
    pub fn rotate(&mut self) {
        if let Self::Owned(copies) = self {
            copies.rotate();
        }
    }

    /// Bytes of all copies together.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Owned(copies) => copies.bytes(),
            Self::Mapped(_) => size_of_val(self.as_slice()),
        }
    }
}
