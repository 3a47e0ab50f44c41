//! The hot kernels of an LLM inference core, each a ladder of variants from textbook-naive to the best known code.
//! What runs, and nothing of where: no clock, no profile, no plot.

pub mod activations;
pub mod attention_decode;
pub mod compare;
pub mod dtype;
mod exp;
pub mod gemm_f32;
pub mod gemv;
pub mod gemv_packed;
pub mod gemv_q8;
pub mod input;
pub mod kernel;
pub mod machine;
pub mod mla_decode;
pub mod model;
pub mod moe_ffn;
pub mod moe_gate;
pub mod operand;
pub mod probe;
pub mod rmsnorm;
pub mod softmax;
pub mod swiglu;
pub mod weights;

use kernel::{Entry, Kernel};

/// Every kernel: the table of contents of the project.
pub static KERNELS: &[&dyn Kernel] = &[
    &Entry::<moe_gate::MoeGate>::new(),
    &Entry::<moe_ffn::MoeFfn<f32>>::new(),
    &Entry::<moe_ffn::MoeFfn<half::bf16>>::new(),
];
