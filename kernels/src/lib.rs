//! The hot kernels of an LLM inference core, each a ladder of variants from textbook-naive to the best known code.
//! What runs, and nothing of where: no clock, no profile, no plot.

pub mod activations;
pub mod attention_decode;
pub mod compare;
pub mod dot_fixed;
pub mod dtype;
pub mod embedding_row;
mod exp;
pub mod gemm_f32;
pub mod gemv;
pub mod gemv_packed;
pub mod gemv_q8;
pub mod head_argmax;
pub mod input;
pub mod kernel;
pub mod machine;
pub mod mla_decode;
pub mod model;
pub mod operand;
pub mod probe;
pub mod quantize_q8_0;
pub mod rmsnorm;
pub mod rope;
pub mod softmax;
pub mod swiglu;
pub mod weights;

use dtype::q4_0::BlockQ4_0;
use dtype::q4_k::BlockQ4K;
use dtype::q6_k::BlockQ6K;
use dtype::q8_0::BlockQ8_0;
use half::{bf16, f16};
use kernel::{Entry, Kernel};

/// Every kernel: the table of contents of the project.
pub static KERNELS: &[&dyn Kernel] = &[
    &Entry::<rope::Rope<rope::Interleaved>>::new(),
    &Entry::<rope::Rope<rope::Halves>>::new(),
    &Entry::<rope::Rope<rope::Yarn>>::new(),
    &Entry::<quantize_q8_0::QuantizeQ8>::new(),
    &Entry::<head_argmax::HeadArgmax<f32>>::new(),
    &Entry::<head_argmax::HeadArgmax<bf16>>::new(),
    &Entry::<dot_fixed::DotFixed>::new(),
    &Entry::<embedding_row::EmbeddingRow<BlockQ8_0>>::new(),
    &Entry::<embedding_row::EmbeddingRow<BlockQ4K>>::new(),
];
