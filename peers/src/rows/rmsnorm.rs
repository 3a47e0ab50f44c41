//! Rows of RMSNorm with the residual add before it: `h' = h + delta`, `y = h' / sqrt(mean(h'^2) + eps) * w`.

use kernels::input::{Buffer, Input};
use kernels::kernel::Shape;

use super::{Kind, Row, nmse};

/// Operands of a row.
pub struct RmsNorm {
    pub m: usize,
    pub n: usize,
    /// Residual stream, `m × n`.
    pub h: Buffer<f32>,
    /// What is added to it.
    pub delta: Buffer<f32>,
    /// Weights, `n`.
    pub w: Buffer<f32>,
}

/// Keeps the root away from zero.
pub const EPSILON: f32 = 1e-6;

/// The table's rows.
pub fn rows() -> Vec<Row> {
    let shapes = [("decode", 1), ("prefill-512", 512), ("prefill-8192", 8192)];
    let row = |(name, m)| Row { kind: Kind::RmsNorm, kernels: &["rmsnorm"], shape: Shape::new(name, m, 1536, 1) };
    shapes.into_iter().map(row).collect()
}

impl RmsNorm {
    /// The numbers that our kernel gets.
    pub fn new(shape: &Shape) -> Self {
        let (m, n, input) = (shape.m, shape.n, Input::typical(1));
        let mut w = input.values(0, n, 0.1);
        w.as_mut_slice().iter_mut().for_each(|w| *w += 1.0);
        Self { m, n, h: input.values(1, m * n, 1.0), delta: input.values(2, m * n, 0.5), w }
    }

    /// Error of the normalised rows.
    pub fn nmse(&self, output: &[f32]) -> f64 {
        let mut truth = Vec::with_capacity(self.m * self.n);
        for (h, delta) in self.h.as_slice().chunks_exact(self.n).zip(self.delta.as_slice().chunks_exact(self.n)) {
            let sum: Vec<f64> = h.iter().zip(delta).map(|(h, d)| f64::from(*h) + f64::from(*d)).collect();
            let mean = sum.iter().map(|v| v * v).sum::<f64>() / self.n as f64;
            let inverse = 1.0 / (mean + f64::from(EPSILON)).sqrt();
            truth.extend(sum.iter().zip(self.w.as_slice()).map(|(v, w)| v * inverse * f64::from(*w)));
        }
        nmse(output.iter().copied(), truth.into_iter())
    }
}
