//! The hot kernels of an LLM inference core, each a ladder of variants from textbook-naive to the best known code.
//! What runs, and nothing of where: no clock, no profile, no plot.

pub mod activations;
pub mod attention_decode;
pub mod attention_decode_q8;
pub mod attention_prefill;
pub mod attention_prefill_f16;
pub mod compare;
pub mod core;
pub mod dot_fixed;
pub mod dot_ternary;
pub mod dtype;
mod exp;
pub mod foreign;
pub mod gemm;
pub mod gemm_fixed;
pub mod gemm_fp8;
pub mod gemm_mixed;
pub mod gemm_packed;
pub mod gemv;
pub mod gemv_packed;
pub mod gemv_q8;
pub mod gemv_ternary;
pub mod head_argmax;
pub mod input;
pub mod kernel;
pub mod kv_append_q8;
pub mod machine;
pub mod mla_attend;
pub mod mla_decode;
pub mod mla_decode_q8;
pub mod model;
pub mod moe_ffn;
pub mod moe_gate;
pub mod operand;
pub mod probe;
pub mod quantize_q8;
pub mod rmsnorm;
pub mod rmsnorm_fixed;
pub mod rope;
pub mod softmax;
pub mod softmax_fixed;
pub mod swiglu;
#[cfg(target_arch = "x86_64")]
mod threads;
pub mod weights;

/// Every kernel: the table of contents of the project. Unit tests name their kernels, and compile in half the time
/// without the machine code of all.
#[cfg(not(test))]
pub static KERNELS: &[&dyn kernel::Kernel] = {
    use dtype::q4_0::BlockQ4_0;
    use dtype::q4_k::BlockQ4K;
    use dtype::q6_k::BlockQ6K;
    use dtype::q8_0::BlockQ8_0;
    use half::{bf16, f16};
    use kernel::Entry;
    &[
        &Entry::<gemv::Gemv<f32>>::new(),
        &Entry::<gemv::Gemv<bf16>>::new(),
        &Entry::<gemv::Gemv<f16>>::new(),
        &Entry::<gemv_q8::GemvQ8>::new(),
        &Entry::<gemv_packed::GemvPacked<BlockQ4_0>>::new(),
        &Entry::<gemv_packed::GemvPacked<BlockQ4K>>::new(),
        &Entry::<gemv_packed::GemvPacked<BlockQ6K>>::new(),
        &Entry::<gemv_ternary::GemvTernary>::new(),
        &Entry::<gemm::Gemm<f32>>::new(),
        &Entry::<gemm::Gemm<bf16>>::new(),
        &Entry::<gemm::Gemm<f16>>::new(),
        &Entry::<gemm_fp8::GemmFp8>::new(),
        &Entry::<gemm_packed::GemmPacked<BlockQ8_0>>::new(),
        &Entry::<gemm_packed::GemmPacked<BlockQ4_0>>::new(),
        &Entry::<gemm_packed::GemmPacked<BlockQ4K>>::new(),
        &Entry::<gemm_packed::GemmPacked<BlockQ6K>>::new(),
        &Entry::<gemm_mixed::GemmMixed<BlockQ8_0>>::new(),
        &Entry::<gemm_mixed::GemmMixed<BlockQ4_0>>::new(),
        &Entry::<gemm_mixed::GemmMixed<BlockQ4K>>::new(),
        &Entry::<gemm_mixed::GemmMixed<BlockQ6K>>::new(),
        &Entry::<attention_decode::AttentionDecode<f32>>::new(),
        &Entry::<attention_decode::AttentionDecode<bf16>>::new(),
        &Entry::<attention_decode_q8::AttentionDecodeQ8>::new(),
        &Entry::<attention_prefill::AttentionPrefill>::new(),
        &Entry::<attention_prefill_f16::AttentionPrefillF16>::new(),
        &Entry::<mla_decode::MlaDecode<f32>>::new(),
        &Entry::<mla_decode::MlaDecode<bf16>>::new(),
        &Entry::<mla_decode_q8::MlaDecodeQ8>::new(),
        &Entry::<mla_attend::MlaAttend>::new(),
        &Entry::<kv_append_q8::KvAppendQ8>::new(),
        &Entry::<moe_gate::MoeGate>::new(),
        &Entry::<moe_ffn::MoeFfn<f32>>::new(),
        &Entry::<moe_ffn::MoeFfn<bf16>>::new(),
        &Entry::<softmax::Softmax>::new(),
        &Entry::<rmsnorm::RmsNorm>::new(),
        &Entry::<rope::Rope<rope::Interleaved>>::new(),
        &Entry::<rope::Rope<rope::Halves>>::new(),
        &Entry::<rope::Rope<rope::Yarn>>::new(),
        &Entry::<swiglu::SwiGlu>::new(),
        &Entry::<quantize_q8::QuantizeQ8<quantize_q8::Of32>>::new(),
        &Entry::<quantize_q8::QuantizeQ8<quantize_q8::Of256>>::new(),
        &Entry::<head_argmax::HeadArgmax<f32>>::new(),
        &Entry::<head_argmax::HeadArgmax<bf16>>::new(),
        &Entry::<dot_fixed::DotFixed>::new(),
        &Entry::<gemm_fixed::GemmFixed>::new(),
        &Entry::<dot_ternary::DotTernary>::new(),
        &Entry::<softmax_fixed::SoftmaxFixed>::new(),
        &Entry::<rmsnorm_fixed::RmsNormFixed>::new(),
    ]
};
