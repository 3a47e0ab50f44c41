//! Rows of dense layers: `y[m, n] = x[m, k] W[n, k]^T`, weights in a format, one token (`gemv_*`) or several (`gemm_*`).

use half::bf16;
use kernels::compare::rows_to_check;
use kernels::dtype::q4_0::BlockQ4_0;
use kernels::dtype::q4_k::BlockQ4K;
use kernels::dtype::q6_k::BlockQ6K;
use kernels::dtype::q8_0::BlockQ8_0;
use kernels::dtype::{Block, decode_row, encode_row};
use kernels::input::{Buffer, Input};
use kernels::kernel::Shape;
use kernels::weights::Copies;

use super::{Kind, Row, nmse};
use crate::activations::Stored;

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Format {
    F32,
    Bf16,
    Q8_0,
    Q4_0,
    Q4K,
    Q6K,
}

/// Operands of a row.
pub struct Linear {
    pub format: Format,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Activations, `m × k`.
    pub x: Buffer<f32>,
    /// The weights as stored, `n` rows, little-endian; f32 ones only in `w`.
    pub bytes: Vec<u8>,
    /// What they stand for, `n × k`.
    pub w: Buffer<f32>,
    /// Bytes that copies of the weights reach together, as in our kernel.
    pub rotation_bytes: usize,
}

/// Operands of a peer that multiplies f32 matrices: `c[m, n] = x[m, k] b[k, n]`.
pub struct Dense {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub x: Buffer<f32>,
    /// `k × n`, as our GEMM keeps the weights, or for one token `n × k`, as our GEMV does.
    pub b: Copies<f32>,
    pub c: Buffer<f32>,
}

impl Dense {
    /// How far rows and columns of `b` are apart.
    pub fn strides(&self) -> (isize, isize) {
        if self.m == 1 { (1, self.k as isize) } else { (self.n as isize, 1) }
    }
}

/// The table's rows.
pub fn rows() -> Vec<Row> {
    use Format::{Bf16, F32, Q4_0, Q4K, Q6K, Q8_0};
    let row = |format, kernels, m, (name, n, k): (&'static str, usize, usize)| {
        let shape = Shape::new(name, m, n, k);
        Row { kind: Kind::Linear(format), kernels, shape }
    };
    let (small, large) = (("attn-k", 256, 1536), ("ffn-down", 1536, 8960));
    let gemv: [(Format, &'static [&'static str]); 6] = [
        (F32, &["gemv_f32"]),
        (Bf16, &["gemv_bf16"]),
        (Q8_0, &["gemv_q8_0", "gemv_q8"]),
        (Q4_0, &["gemv_q4_0"]),
        (Q4K, &["gemv_q4_K", "gemv_q4_k"]),
        (Q6K, &["gemv_q6_K", "gemv_q6_k"]),
    ];
    let gemm: [(Format, &'static [&'static str]); 5] = [
        (F32, &["gemm_f32"]),
        (Bf16, &["gemm_bf16"]),
        (Q8_0, &["gemm_q8_0", "gemm_q8"]),
        (Q4_0, &["gemm_q4_0"]),
        (Q4K, &["gemm_q4_K", "gemm_q4_k"]),
    ];
    let mut rows: Vec<Row> =
        gemv.into_iter().flat_map(|(f, names)| [row(f, names, 1, small), row(f, names, 1, large)]).collect();
    rows.extend(gemm.into_iter().flat_map(|(f, names)| [row(f, names, 8, large), row(f, names, 512, large)]));
    rows.push(row(F32, &["gemm_f32"], 1024, ("square-1024", 1024, 1024)));
    // Long enough rows that matrix units of a processor show what they do.
    let layer = ("8b-ffn-down", 4096, 14336);
    rows.extend([row(Bf16, &["gemm_bf16"], 512, layer), row(Q8_0, &["gemm_q8_0", "gemm_q8"], 512, layer)]);
    rows
}

impl Format {
    /// What our kernels of this format are given the activations as.
    pub fn activations(self, m: usize) -> Stored {
        match self {
            Self::Bf16 if m > 1 => Stored::Bf16,
            Self::F32 | Self::Bf16 => Stored::F32,
            Self::Q8_0 | Self::Q4_0 => Stored::I8 { block: 32, sub: 32 },
            Self::Q4K => Stored::I8 { block: 256, sub: 32 },
            Self::Q6K => Stored::I8 { block: 256, sub: 16 },
        }
    }
}

fn blocks<B: Block>(values: &[f32]) -> (Vec<u8>, Buffer<f32>) {
    let blocks = encode_row::<B>(values);
    let decoded = decode_row(&blocks);
    (bytes_of(&blocks), Buffer::filled(decoded.len(), |i| decoded[i]))
}

fn bytes_of<T: Copy>(values: &[T]) -> Vec<u8> {
    // SAFETY: blocks and floats are plain data without padding.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)).to_vec() }
}

impl Linear {
    /// The numbers that our kernels get at the same shape.
    pub fn new(format: Format, shape: &Shape, rotation_bytes: usize) -> Self {
        let (m, n, k) = (shape.m, shape.n, shape.k);
        let input = Input::typical(1);
        let values = input.values(0, n * k, 1.0);
        let (bytes, w) = match format {
            Format::F32 => (Vec::new(), values),
            Format::Bf16 => {
                let stored: Vec<bf16> = values.as_slice().iter().map(|v| bf16::from_f32(*v)).collect();
                (bytes_of(&stored), Buffer::filled(n * k, |i| stored[i].to_f32()))
            }
            Format::Q8_0 => blocks::<BlockQ8_0>(values.as_slice()),
            Format::Q4_0 => blocks::<BlockQ4_0>(values.as_slice()),
            Format::Q4K => blocks::<BlockQ4K>(values.as_slice()),
            Format::Q6K => blocks::<BlockQ6K>(values.as_slice()),
        };
        Self { format, m, n, k, x: input.values(1, m * k, 1.0), bytes, w, rotation_bytes }
    }

    /// Copies of weights of so many bytes to rotate through, the first included.
    pub fn copies(&self, bytes: usize) -> usize {
        self.rotation_bytes.div_ceil(bytes).max(1)
    }

    /// The weights as stored.
    pub fn stored(&self) -> &[u8] {
        if self.bytes.is_empty() {
            let w = self.w.as_slice();
            // SAFETY: floats are plain data.
            unsafe { std::slice::from_raw_parts(w.as_ptr().cast(), size_of_val(w)) }
        } else {
            &self.bytes
        }
    }

    /// The operands for a peer that takes f32.
    pub fn dense(&self) -> Dense {
        let Self { m, n, k, rotation_bytes, .. } = *self;
        let w = self.w.as_slice();
        let copied = |of: &[f32]| Buffer::filled(of.len(), |i| of[i]);
        let b = if m == 1 { copied(w) } else { Buffer::filled(k * n, |i| w[i % n * k + i / n]) };
        let input = Input { rotation_bytes, ..Input::typical(1) };
        Dense { m, n, k, x: copied(self.x.as_slice()), b: Copies::new(b, &input), c: Buffer::zeroed(m * n) }
    }

    /// Error of an output, over rows spread through it.
    pub fn nmse(&self, output: &[f32]) -> f64 {
        let Self { m, n, k, .. } = *self;
        if output.len() != m * n {
            return f64::INFINITY;
        }
        let rows = rows_to_check(m, 2 * (m * n * k) as u64);
        let at: Vec<(usize, usize)> = rows.iter().flat_map(|r| (0..n).map(move |c| (*r, c))).collect();
        let truth = |&(r, c): &(usize, usize)| {
            let (x, w) = (&self.x.as_slice()[r * k..][..k], &self.w.as_slice()[c * k..][..k]);
            x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
        };
        nmse(at.iter().map(|(r, c)| output[r * n + c]), at.iter().map(truth))
    }

    /// Largest error that says no more than that activations were rounded: bf16, or i8 with a scale for 32 or 256 values,
    /// of which one in a thousand is twenty times as large.
    pub fn limit(&self, same: bool) -> f64 {
        match self.format {
            Format::F32 => 1e-8,
            Format::Bf16 => 1e-4,
            _ if same => 5e-3,
            _ => 3e-2,
        }
    }
}
