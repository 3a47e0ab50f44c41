//! The hot kernels of an LLM inference core, each a ladder of variants from textbook-naive to the best known code.
//! What runs, and nothing of where: no clock, no profile, no plot.

pub mod activations;
pub mod attention_decode;
pub mod compare;
pub mod dtype;
mod exp;
pub mod gemm_f32;
pub mod gemm_packed;
pub mod gemv;
pub mod gemv_packed;
pub mod gemv_q8;
pub mod input;
pub mod kernel;
pub mod machine;
pub mod mla_decode;
pub mod model;
pub mod operand;
pub mod probe;
pub mod rmsnorm;
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
    &Entry::<gemv::Gemv<f32>>::new(),
    &Entry::<gemv::Gemv<bf16>>::new(),
    &Entry::<gemv::Gemv<f16>>::new(),
    &Entry::<gemv_q8::GemvQ8>::new(),
    &Entry::<gemv_packed::GemvPacked<BlockQ4_0>>::new(),
    &Entry::<gemv_packed::GemvPacked<BlockQ4K>>::new(),
    &Entry::<gemv_packed::GemvPacked<BlockQ6K>>::new(),
    &Entry::<gemm_f32::GemmF32>::new(),
    &Entry::<gemm_packed::GemmPacked<BlockQ8_0>>::new(),
    &Entry::<gemm_packed::GemmPacked<BlockQ4_0>>::new(),
    &Entry::<gemm_packed::GemmPacked<BlockQ4K>>::new(),
    &Entry::<gemm_packed::GemmPacked<BlockQ6K>>::new(),
    &Entry::<softmax::Softmax>::new(),
    &Entry::<rmsnorm::RmsNorm>::new(),
    &Entry::<swiglu::SwiGlu>::new(),
    &Entry::<attention_decode::AttentionDecode>::new(),
    &Entry::<mla_decode::MlaDecode>::new(),
];
