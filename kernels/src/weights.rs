//! Weights of a case: seeded copies to rotate through, or a tensor of a mapped model file; and which activations are so
//! large that they are as cold as weights.

use crate::input::{Buffer, Input};
use crate::kernel::{Shape, ShapeError};

/// A `rows × cols` operand that decode streams once per token.
pub struct Weights<T: crate::input::Canary> {
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
        let first = input.values(0, rows * cols, 1.0);
        let copies = input.rotation_bytes.div_ceil((rows * cols * 4).max(1)).max(1);
        let mut all = vec![first];
        for _ in 1..copies {
            let again = Buffer::filled(rows * cols, |i| all[0].as_slice()[i]);
            all.push(again);
        }
        Ok(Self { copies: all, current: 0 })
    }
}

impl<T: crate::input::Canary> Weights<T> {
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
