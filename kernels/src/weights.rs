//! Weights of a case: seeded copies to rotate through, or a tensor of a mapped model file; and which activations are so
//! large that they are as cold as weights.

use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::input::{Buffer, Canary, Flavor, Input};
use crate::kernel::{Shape, ShapeError};

/// A `rows × cols` operand that decode streams once per token.
pub struct Weights<T: Canary> {
    copies: Vec<Buffer<T>>,
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
        Ok(Self::copied(input.values(0, rows * cols, 1.0), input))
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

impl<T: Canary> Weights<T> {
    /// As many copies as the input asks for.
    fn copied(first: Buffer<T>, input: &Input) -> Self {
        let copies = input.rotation_bytes.div_ceil(size_of_val(first.as_slice()).max(1)).max(1);
        let mut all = vec![first];
        for _ in 1..copies {
            let again = Buffer::filled(all[0].as_slice().len(), |i| all[0].as_slice()[i]);
            all.push(again);
        }
        Self { copies: all, current: 0 }
    }

    /// The copy in use.
    pub fn as_slice(&self) -> &[T] {
        self.copies[self.current].as_slice()
    }

    /// Moves to the next copy.
    pub fn rotate(&mut self) {
        self.current = (self.current + 1) % self.copies.len();
    }

    /// Bytes of all copies together.
    pub fn rotation_bytes(&self) -> usize {
        self.copies.iter().map(|c| std::mem::size_of_val(c.as_slice())).sum()
    }
}

/// Activations that begin to leave the caches before the kernel that made them ends, so that the next kernel finds them
/// as cold as weights. Smaller ones are warm where a cache holds them.
pub(crate) fn larger_than_caches(activations: &[f32]) -> bool {
    const BYTES: usize = 32 << 20;
    size_of_val(activations) >= BYTES
}
