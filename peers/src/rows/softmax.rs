//! Rows of softmax along `m` rows of `n` scores.

use kernels::input::{Buffer, Input};
use kernels::kernel::Shape;

use super::{Kind, Row, nmse};

/// Operands of a row.
pub struct Softmax {
    pub m: usize,
    pub n: usize,
    /// Scores, `m × n`.
    pub x: Buffer<f32>,
}

/// The table's rows.
pub fn rows() -> Vec<Row> {
    let shapes = [("attention-t1024", 12, 1024), ("prefill-512", 12 * 512, 512), ("prefill-4096", 4096, 4096)];
    let row = |(name, m, n)| Row { kind: Kind::Softmax, kernels: &["softmax"], shape: Shape::new(name, m, n, 1) };
    shapes.into_iter().map(row).collect()
}

impl Softmax {
    /// The numbers that our kernel gets.
    pub fn new(shape: &Shape) -> Self {
        Self { m: shape.m, n: shape.n, x: Input::typical(1).values(0, shape.m * shape.n, 1.0) }
    }

    /// Error of an output.
    pub fn nmse(&self, output: &[f32]) -> f64 {
        let mut truth = Vec::with_capacity(self.m * self.n);
        for x in self.x.as_slice().chunks_exact(self.n) {
            let largest = x.iter().copied().fold(f32::MIN, f32::max);
            let exp = |v: &f32| (f64::from(*v) - f64::from(largest)).exp();
            let sum: f64 = x.iter().map(exp).sum();
            truth.extend(x.iter().map(|v| exp(v) / sum));
        }
        nmse(output.iter().copied(), truth.into_iter())
    }
}
